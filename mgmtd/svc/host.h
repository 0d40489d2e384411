/* SPDX-License-Identifier: Apache-2.0 */
/* The machine itself. */
#ifndef MGMTD_SVC_HOST_H
#define MGMTD_SVC_HOST_H

#include "svc.h"

/** The host as the API shows it; from the hypervisor. */
must_check int host_json(struct svc *svc, json_t **out, struct problem *p);
/** Begin "shutdown" or "reboot". @timeout: seconds the guests have, -1 for the default. @task names the task. */
must_check int host_act(struct svc *svc, const char *action, int64_t timeout, const char *actor,
			const char *request_id, char task[UUID_TEXT_LEN], struct problem *p);
/** Is it being shut down or rebooted on our behalf? */
bool host_goes_down(struct svc *svc);
/** Does everything answer that is needed to do work? */
must_check int host_health(struct svc *svc, struct problem *p);

#endif
