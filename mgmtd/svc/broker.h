/* SPDX-License-Identifier: Apache-2.0 */
/* Client of the console broker. */
#ifndef MGMTD_SVC_BROKER_H
#define MGMTD_SVC_BROKER_H

#include "svc.h"

bool broker_ping(struct svc *svc);
/** What is kept of the serial console. @data: heap. Return: 0, -ENOENT for nothing known, -EIO. */
must_check int broker_log(struct svc *svc, const char *vm, char **data, size_t *len);
/** The machine is gone: nothing more need be kept. */
void broker_forget(struct svc *svc, const char *vm);

#endif
