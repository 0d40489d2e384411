// SPDX-License-Identifier: Apache-2.0
#include "hypercall/hypercall.h"
#include "lib/errno.h"

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
	for (unsigned int i = 0; i < ARRAY_SIZE(sub.arg); i++)
		sub.arg[i] = e.args[i];
	/* No nesting: its depth would be the guest's to choose. */
	rc = e.op == __HYPERVISOR_multicall ? -EINVAL : hypercall_dispatch(&sub);
	if (rc == -ERESTART) {
		for (unsigned int i = 0; i < ARRAY_SIZE(sub.arg); i++)
			e.args[i] = sub.arg[i];
		return guest_write(gva + offsetof(struct multicall_entry, args), e.args,
				   sizeof(e.args)) ?
			       -EFAULT :
			       rc;
	}
	e.result = (xen_ulong_t)rc;
	return guest_write(gva + offsetof(struct multicall_entry, result), &e.result,
			   sizeof(e.result)) ?
		       -EFAULT :
		       0;
}

/* multicall(list, count): continuations move the list forward, or stay at a preempted entry. */
long hypercall_multicall(struct hypercall *hc)
{
	uint64_t count = (uint32_t)hc->arg[1];
	long rc;

	while (count) {
		rc = run_entry(hc, hc->arg[0]);
		if (!rc) {
			hc->arg[0] += sizeof(struct multicall_entry);
			count--;
		}
		hc->arg[1] = count;
		if (rc)
			return rc;
		if (count && preempt_check())
			return -ERESTART;
	}
	return 0;
}
