// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_domctl, interface version 0x15: one row per operation (public domctl.h). */
#include "hypercall/domctl.h"

#include "abi/domus.h"
#include "core/op.h"

static_assert(XEN_DOMCTL_INTERFACE_VERSION == 0x15, "the version of Xen 4.17");
static_assert(sizeof(((struct xen_domctl *)0)->u) == 128, "copied whole");

#define ROW(fn, how)   OP_ON(fn, struct xen_domctl, domain, how)
#define ROW_0(fn, how) OP(fn, struct xen_domctl, how) /* finds its domain itself */

/* What is not here (PV, passthrough, memory events, migration) is -ENOSYS. */
static const struct op_row rows[] = {
	[XEN_DOMCTL_createdomain] = ROW_0(domctl_createdomain, OP_BACK),
	[XEN_DOMCTL_destroydomain] = ROW(domctl_destroydomain, OP_NOT_SELF),
	[XEN_DOMCTL_pausedomain] = ROW(domctl_pausedomain, OP_NOT_SELF),
	[XEN_DOMCTL_unpausedomain] = ROW(domctl_unpausedomain, OP_NOT_SELF | OP_ALIVE),
	[XEN_DOMCTL_getdomaininfo] = ROW_0(domctl_getdomaininfo, OP_BACK),
	[XEN_DOMCTL_setvcpuaffinity] = ROW(domctl_setvcpuaffinity, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_max_mem] = ROW(domctl_max_mem, OP_ALIVE),
	[XEN_DOMCTL_getvcpucontext] = ROW(domctl_getvcpucontext, OP_NOT_SELF | OP_ALIVE),
	[XEN_DOMCTL_getvcpuinfo] = ROW(domctl_getvcpuinfo, OP_BACK),
	[XEN_DOMCTL_max_vcpus] = ROW(domctl_max_vcpus, OP_NOT_SELF | OP_ALIVE),
	[XEN_DOMCTL_scheduler_op] = ROW(domctl_scheduler_op, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_setdomainhandle] = ROW(domctl_setdomainhandle, OP_ALIVE),
	[XEN_DOMCTL_settimeoffset] = ROW(domctl_settimeoffset, OP_ALIVE),
	[XEN_DOMCTL_getvcpuaffinity] = ROW(domctl_getvcpuaffinity, OP_BACK),
	[XEN_DOMCTL_resumedomain] = ROW(domctl_resumedomain, OP_NOT_SELF | OP_ALIVE),
	[XEN_DOMCTL_sendtrigger] = ROW(domctl_sendtrigger, OP_ALIVE),
	[XEN_DOMCTL_gethvmcontext] = ROW(domctl_gethvmcontext, OP_BACK | OP_NOT_SELF | OP_ALIVE),
	[XEN_DOMCTL_sethvmcontext] = ROW(domctl_sethvmcontext, OP_NOT_SELF | OP_ALIVE),
	[XEN_DOMCTL_get_address_size] = ROW(domctl_get_address_size, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_gethvmcontext_partial] =
		ROW(domctl_gethvmcontext_partial, OP_BACK | OP_NOT_SELF | OP_ALIVE),
	[XEN_DOMCTL_gettscinfo] = ROW(domctl_gettscinfo, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_settscinfo] = ROW(domctl_settscinfo, OP_NOT_SELF | OP_ALIVE),
	[XEN_DOMCTL_setnodeaffinity] = ROW(domctl_setnodeaffinity, OP_ALIVE),
	[XEN_DOMCTL_getnodeaffinity] = ROW(domctl_getnodeaffinity, OP_BACK),
	[XEN_DOMCTL_get_cpu_policy] = ROW(domctl_get_cpu_policy, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_set_cpu_policy] = ROW(domctl_set_cpu_policy, OP_BACK | OP_NOT_SELF | OP_ALIVE),
	[XEN_DOMCTL_get_paging_mempool_size] = ROW(domctl_get_paging_mempool, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_set_paging_mempool_size] =
		ROW(domctl_set_paging_mempool, OP_NOT_SELF | OP_ALIVE),
};

/* Numbered apart from all others: the debugger's, and our own. */
static const struct op_row guestmemio_row =
	ROW(domctl_guestmemio, OP_BACK | OP_NOT_SELF | OP_ALIVE);
static const struct op_row counters_row = ROW(domctl_counters, OP_BACK);
static const struct op_row crash_reason_row = ROW(domctl_crash_reason, OP_BACK);

static const struct op_row *find_row(uint32_t cmd)
{
	switch (cmd) {
	case XEN_DOMCTL_gdbsx_guestmemio: return &guestmemio_row;
	case DOMUS_DOMCTL_counters: return &counters_row;
	case DOMUS_DOMCTL_crash_reason: return &crash_reason_row;
	default: return cmd < ARRAY_SIZE(rows) ? &rows[cmd] : NULL;
	}
}

long hypercall_domctl(struct hypercall *hc)
{
	return op_run_versioned(hc, find_row, sizeof(struct xen_domctl),
				XEN_DOMCTL_INTERFACE_VERSION);
}
