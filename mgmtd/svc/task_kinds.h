/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the table of task kinds. */
#ifndef MGMTD_SVC_TASK_KINDS_H
#define MGMTD_SVC_TASK_KINDS_H

#include "task.h"

int vm_task_start(struct svc *svc, struct task_run *run, struct problem *p);
int vm_task_destroy(struct svc *svc, struct task_run *run, struct problem *p);
int vm_task_shutdown(struct svc *svc, struct task_run *run, struct problem *p);
int vm_task_reboot(struct svc *svc, struct task_run *run, struct problem *p);
int vm_task_pause(struct svc *svc, struct task_run *run, struct problem *p);
int vm_task_resume(struct svc *svc, struct task_run *run, struct problem *p);
int vm_abandon_start(struct svc *svc, struct task_run *run, const struct problem *p);
int vm_abandon_to_domain(struct svc *svc, struct task_run *run, const struct problem *p);
int host_task_power(struct svc *svc, struct task_run *run, struct problem *p);
int host_task_autostart(struct svc *svc, struct task_run *run, struct problem *p);
/** There is nothing to undo: guests that have started, or stopped, stay so. */
int host_abandon_power(struct svc *svc, struct task_run *run, const struct problem *p);
int volume_task_create(struct svc *svc, struct task_run *run, struct problem *p);
int volume_abandon_create(struct svc *svc, struct task_run *run, const struct problem *p);

/** What the toolstack said, as a problem. Return: -ECANCELED. */
int ts_problem(const struct ts_error *err, struct problem *p);
/** The domain of a virtual machine. */
must_check int vm_find_domain(struct svc *svc, const char *id, struct ts_domain_info *info,
			      struct ts_error *err);

#endif
