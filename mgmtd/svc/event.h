/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what changed, kept for those who come late. */
#ifndef MGMTD_SVC_EVENT_H
#define MGMTD_SVC_EVENT_H

#include "svc.h"

#define EVENTS_KEPT 10000

/** Add an event; within a transaction that svc_commit() ends. @resource is borrowed. */
must_check int event_add(struct svc *svc, const char *type, const char *vm, json_t *resource);
/** Id of the newest event, 0 when there is none. */
int64_t event_newest(struct svc *svc);
/** Id of the oldest event that can be replayed, 0 when there is none. */
int64_t event_oldest(struct svc *svc);

#endif
