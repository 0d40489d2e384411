/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "hypercall/hypercall.h"

/*
 * The operations, as in core/op.h: hc->domctl is the copy of the caller's structure, hc->d the domain it
 * names (but for createdomain and getdomaininfo).
 */

/* domctl_domain.c */
hypercall_fn domctl_createdomain, domctl_destroydomain, domctl_pausedomain, domctl_unpausedomain,
	domctl_resumedomain, domctl_getdomaininfo, domctl_max_mem, domctl_max_vcpus,
	domctl_setdomainhandle, domctl_settimeoffset, domctl_settscinfo, domctl_gettscinfo,
	domctl_get_paging_mempool, domctl_set_paging_mempool, domctl_get_address_size;
/** Describe @d as getdomaininfo does. */
void domctl_describe(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* domctl_counters.c */
hypercall_fn domctl_counters, domctl_crash_reason;
/** Debug key: print all counters of all domains. */
void domctl_counters_key(void);

/* domctl_vcpu.c */
hypercall_fn domctl_getvcpuinfo, domctl_setvcpuaffinity, domctl_getvcpuaffinity,
	domctl_setnodeaffinity, domctl_getnodeaffinity, domctl_scheduler_op, domctl_sendtrigger;
/** vCPU @id of @d. Return: 0, -EINVAL beyond its most, -ESRCH when not made yet. */
int must_check domctl_find_vcpu(struct domain *d, uint32_t id, struct vcpu **v);

/* domctl_hvm.c */
hypercall_fn domctl_gethvmcontext, domctl_sethvmcontext, domctl_gethvmcontext_partial,
	domctl_getvcpucontext, domctl_get_cpu_policy, domctl_set_cpu_policy;

/* domctl_memory.c */
hypercall_fn domctl_guestmemio;
