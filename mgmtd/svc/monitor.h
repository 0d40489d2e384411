/* SPDX-License-Identifier: Apache-2.0 */
/* Watches the domains, so that what is recorded is what runs. */
#ifndef MGMTD_SVC_MONITOR_H
#define MGMTD_SVC_MONITOR_H

#include "svc.h"

/** Look at every recorded machine's domain once and act on what changed. */
void monitor_scan(struct svc *svc);
must_check int monitor_start(struct svc *svc);
void monitor_stop(struct svc *svc);

#endif
