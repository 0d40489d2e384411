// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_multicall(list, count): continuations move the list forward, or stay at a preempted entry. */
#include "hypercall/hypercall.h"
#include "lib/errno.h"
#include "lib/string.h"

static_assert(sizeof(((struct multicall_entry *)0)->args) == sizeof(((struct hypercall *)0)->arg),
	      "an entry's arguments are a hypercall's");

/*
 * Perform the entry at @gva. A preempted call leaves its edited arguments in the entry, to be run
 * again from there. Return: 0, -ERESTART, -EFAULT.
 */
static long run_entry(struct hypercall *hc, uint64_t gva)
{
	struct hypercall sub = {.v = hc->v};
	struct multicall_entry e;
	long rc;

	if (guest_read_ptr(&e, gva))
		return -EFAULT;
	sub.nr = e.op;
	memcpy(sub.arg, e.args, sizeof(sub.arg));
	/* No nesting: its depth would be the guest's to choose. */
	rc = e.op == __HYPERVISOR_multicall ? -EINVAL : hypercall_dispatch(&sub);
	if (rc != -ERESTART)
		return guest_write_ptr(gva + offsetof(struct multicall_entry, result), &rc);
	gva += offsetof(struct multicall_entry, args);
	return guest_write(gva, sub.arg, sizeof(sub.arg)) ? -EFAULT : -ERESTART;
}

long hypercall_multicall(struct hypercall *hc)
{
	for (uint32_t left = (uint32_t)hc->arg[1]; left;) {
		long rc = run_entry(hc, hc->arg[0]);

		if (rc)
			return rc;
		hc->arg[0] += sizeof(struct multicall_entry);
		hc->arg[1] = --left;
		if (left && preempt_check())
			return -ERESTART;
	}
	return 0;
}
