// SPDX-License-Identifier: Apache-2.0
/* The table of hypercalls: one row per call, and who may make it. */

#include "core/console.h"
#include "hypercall/domctl.h"
#include "ipc/evtchn.h"
#include "ipc/gnttab.h"

enum caller { ANYONE, HWDOM };

#define ROW(call, handler, who) [__HYPERVISOR_##call] = {#call, handler, who}

/* Calls that are not here (page tables of PV guests, kexec, XSM and so on) are -ENOSYS. */
static const struct row {
	const char *name;
	hypercall_fn *fn;
	enum caller who;
} rows[HYPERCALL_NR] = {
	ROW(platform_op, hypercall_platform_op, HWDOM),
	ROW(memory_op, hypercall_memory_op, ANYONE),
	ROW(multicall, hypercall_multicall, ANYONE),
	ROW(set_timer_op, hypercall_set_timer_op, ANYONE),
	ROW(xen_version, hypercall_xen_version, ANYONE),
	ROW(console_io, hypercall_console_io, ANYONE),
	ROW(grant_table_op, gnttab_hypercall, ANYONE),
	ROW(vm_assist, hypercall_vm_assist, ANYONE),
	ROW(vcpu_op, hypercall_vcpu_op, ANYONE),
	ROW(sched_op, hypercall_sched_op, ANYONE),
	ROW(event_channel_op, evtchn_hypercall, ANYONE),
	ROW(physdev_op, hypercall_physdev_op, HWDOM),
	ROW(hvm_op, hypercall_hvm_op, ANYONE),
	ROW(sysctl, hypercall_sysctl, HWDOM),
	ROW(domctl, hypercall_domctl, HWDOM),
	ROW(dm_op, hypercall_dm_op, HWDOM),
};

long hypercall_dispatch(struct hypercall *hc)
{
	struct domain *d = hc->v->domain;
	const struct row *row;
	long rc;

	if (hc->nr >= HYPERCALL_NR)
		return -ENOSYS;
	row = &rows[hc->nr];
	hc->d = d;
	__atomic_fetch_add(&d->hypercalls[hc->nr].calls, 1, __ATOMIC_RELAXED);
	if (!row->fn)
		rc = -ENOSYS;
	else if (row->who == HWDOM && !d->is_hwdom)
		rc = -EPERM;
	else
		rc = row->fn(hc);
	if (unlikely(rc == -ENOSYS))
		__atomic_fetch_add(&d->hypercalls[hc->nr].absent, 1, __ATOMIC_RELAXED);
	return rc;
}

const char *hypercall_name(unsigned int nr)
{
	return nr < HYPERCALL_NR ? rows[nr].name : NULL;
}

void domain_ended(void)
{
	evtchn_global_virq(VIRQ_DOM_EXC);
}

void console_input_waits(void)
{
	evtchn_global_virq(VIRQ_CONSOLE);
}

void hypercall_init(void)
{
	console_register_key('x', "counters of domains", domctl_counters_key);
}
