/* SPDX-License-Identifier: Apache-2.0 */
/* At start-up: make one of what is recorded and what runs. */
#ifndef MGMTD_SVC_RECONCILE_H
#define MGMTD_SVC_RECONCILE_H

#include "svc.h"

/**
 * Clean up half-built domains, take up or fail the tasks that a crash left open, and set every
 * machine's state by its domain. Before anything else runs; tasks taken up begin with svc_start().
 */
must_check int reconcile(struct svc *svc);

#endif
