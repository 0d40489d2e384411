/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "hypercall/hypercall.h"

/* One domctl in hand: a copy of its structure, and the domain it names (NULL where the row says so). */
struct domctl_call {
	struct hypercall *hc;
	struct domain *d;
	struct xen_domctl *op;
};

/** Describe @d as getdomaininfo does. */
void domctl_describe(struct domain *d, struct xen_domctl_getdomaininfo *info);

/* domctl_domain.c */
long domctl_createdomain(struct domctl_call *c);
long domctl_destroydomain(struct domctl_call *c);
long domctl_pausedomain(struct domctl_call *c);
long domctl_unpausedomain(struct domctl_call *c);
long domctl_resumedomain(struct domctl_call *c);
long domctl_getdomaininfo(struct domctl_call *c);
long domctl_max_mem(struct domctl_call *c);
long domctl_max_vcpus(struct domctl_call *c);
long domctl_setdomainhandle(struct domctl_call *c);
long domctl_settimeoffset(struct domctl_call *c);
long domctl_settscinfo(struct domctl_call *c);
long domctl_gettscinfo(struct domctl_call *c);
long domctl_get_paging_mempool(struct domctl_call *c);
long domctl_set_paging_mempool(struct domctl_call *c);
long domctl_get_address_size(struct domctl_call *c);

/* domctl_counters.c */
long domctl_counters(struct domctl_call *c);
long domctl_crash_reason(struct domctl_call *c);
/** Debug key: print all counters of all domains. */
void domctl_counters_key(void);

/* domctl_vcpu.c */
/** vCPU @id of @d. Return: 0, -EINVAL beyond its most, -ESRCH when not made yet. */
int must_check domctl_find_vcpu(struct domain *d, uint32_t id, struct vcpu **v);
long domctl_getvcpuinfo(struct domctl_call *c);
long domctl_setvcpuaffinity(struct domctl_call *c);
long domctl_getvcpuaffinity(struct domctl_call *c);
long domctl_setnodeaffinity(struct domctl_call *c);
long domctl_getnodeaffinity(struct domctl_call *c);
long domctl_scheduler_op(struct domctl_call *c);
long domctl_sendtrigger(struct domctl_call *c);

/* domctl_hvm.c */
long domctl_gethvmcontext(struct domctl_call *c);
long domctl_sethvmcontext(struct domctl_call *c);
long domctl_gethvmcontext_partial(struct domctl_call *c);
long domctl_getvcpucontext(struct domctl_call *c);
long domctl_get_cpu_policy(struct domctl_call *c);
long domctl_set_cpu_policy(struct domctl_call *c);

/* domctl_memory.c */
long domctl_guestmemio(struct domctl_call *c);
