/* SPDX-License-Identifier: Apache-2.0 */
/* What of a virtual machine can be changed while it runs, and what is measured of it. */
#ifndef MGMTD_SVC_VM_TUNE_H
#define MGMTD_SVC_VM_TUNE_H

#include "vm.h"

#define VM_WEIGHT_DEFAULT 256

/**
 * Take CPUs, memory and scheduling from @spec (a checked VmCreate or VmPatch); what isn't there stays.
 * @idle: it has no domain: limits that were equal to what they limit stay so.
 */
void vm_tuning_apply(struct vm *vm, const json_t *spec, bool idle);
/** Is any of it in @spec? */
bool vm_tuning_in(const json_t *spec);
/** Do the values fit each other and the host's CPUs? Return: 0, -ECANCELED. */
must_check int vm_tuning_check(const struct vm *vm, const struct ts_host_info *host,
			       struct problem *p);
/** Record it. Within a transaction. Return: 0, -EIO. */
must_check int vm_tuning_store(struct svc *svc, const struct vm *vm);
/** Put it in effect for domain @domid. Return: as ts_domain_tune(). */
int vm_tuning_effect(struct svc *svc, const struct vm *vm, uint32_t domid, struct ts_error *err);

/** What is recorded of an affinity, as the API shows it; all CPUs for "". */
void vm_affinity_parse(const char *text, struct vm_affinity *out);

/** What the hypervisor has counted for a running machine, in *@out. Return: 0, -ECANCELED. */
must_check int vm_stats(struct svc *svc, const char *id, json_t **out, struct problem *p);
/** The registers of its vCPUs. Return: 0, -ECANCELED. */
must_check int vm_debug(struct svc *svc, const char *id, json_t **out, struct problem *p);
/** Registers by name, as hexadecimal text. */
json_t *vm_registers_json(const struct ts_register *registers);

#endif
