/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a virtual machine whose guest has ended. */
#ifndef MGMTD_SVC_VM_END_H
#define MGMTD_SVC_VM_END_H

#include "vm.h"

/**
 * The guest of @vm has ended as @info says: keep what tells why, take its domain away, and see to it
 * that it starts again when it rebooted or its restart policy says so. Context: the claim on it is
 * ours, on the monitor's thread.
 */
void vm_ended(struct svc *svc, const struct vm *vm, const struct ts_domain_info *info);

/**
 * Start what is due to be started again. Context: the monitor's thread.
 * Return: milliseconds until the next one is due, at most @limit.
 */
int vm_restart_due(struct svc *svc, int limit);

#endif
