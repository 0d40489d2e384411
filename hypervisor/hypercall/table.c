// SPDX-License-Identifier: Apache-2.0
/* The table of hypercalls: one row per call, and who may make it. */

#include "core/console.h"
#include "hypercall/domctl.h"
#include "ipc/evtchn.h"
#include "ipc/gnttab.h"
#include "lib/errno.h"

enum caller { ANYONE, HWDOM };

struct row {
	const char *name;
	hypercall_fn *fn;
	enum caller who;
};

#define ROW(call, handler, who) [__HYPERVISOR_##call] = {#call, handler, who}

/* Calls that are not here (page tables of PV guests, kexec, XSM and so on) are -ENOSYS. */
static const struct row rows[HYPERCALL_NR] = {
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

static void count(uint64_t *n)
{
	__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
}

long hypercall_dispatch(struct hypercall *hc)
{
	struct domain *d = hc->v->domain;
	const struct row *row;
	long rc;

	if (hc->nr >= HYPERCALL_NR)
		return -ENOSYS;
	row = &rows[hc->nr];
	count(&d->hypercalls[hc->nr].calls);
	if (!row->fn)
		rc = -ENOSYS;
	else if (row->who == HWDOM && !d->is_hwdom)
		rc = -EPERM;
	else
		rc = row->fn(hc);
	if (unlikely(rc == -ENOSYS))
		count(&d->hypercalls[hc->nr].absent);
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

void hypercall_init(const char *cmdline)
{
	version_set_commandline(cmdline);
	console_register_key('x', "counters of domains", domctl_counters_key);
}
