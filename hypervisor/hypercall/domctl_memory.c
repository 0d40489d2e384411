// SPDX-License-Identifier: Apache-2.0
/*
 * Copying between the caller's memory and another domain's (domctl gdbsx_guestmemio): a debugger's
 * way in, and a builder's, which so loads a kernel without mapping each of its pages.
 */
#include "core/sched.h"
#include "hypercall/domctl.h"
#include "lib/errno.h"
#include "mm/frames.h"

#define MOST_BYTES MIB(1) /* a call; what is left is told in `remain` */

/* Copy at most to the end of a page. The frame is held, so it stays while the caller's is looked up. */
static int copy_piece(struct domain *d, uint64_t gpa, uint64_t uva, uint64_t len, bool write)
{
	mfn_t mfn;
	int rc = p2m_get_frame(d, gfn_of(gpa >> PAGE_SHIFT), write, &mfn);
	char *at;

	if (rc)
		return rc;
	at = (char *)mfn_to_virt(mfn) + (gpa & (PAGE_SIZE - 1));
	rc = write ? guest_read(at, uva, len) : guest_write(uva, at, len);
	frame_put(mfn);
	return rc;
}

long domctl_guestmemio(struct hypercall *hc)
{
	struct xen_domctl_gdbsx_memio *op = &hc->domctl->u.gdbsx_guest_memio;
	uint64_t gva = op->gva, uva = op->uva, left = min((uint64_t)op->len, MOST_BYTES);
	struct vcpu *v = hc->d->vcpus[0];
	struct guest_paging paging;

	if (op->gwr > 1 || op->pgd3val)
		return -EINVAL;
	if (!v)
		return -ESRCH;
	/* Only a vCPU that cannot run has page tables that can be walked from here. */
	if (!READ_ONCE(hc->d->controller_paused) || sched_on_cpu(v))
		return -EBUSY;
	v->domain->ops->get_paging(v, &paging);
	paging.cpl = 0;
	paging.ac = true;
	op->remain = op->len;
	while (left) {
		uint64_t piece = min(left, PAGE_SIZE - (gva & (PAGE_SIZE - 1))), gpa;
		struct guest_fault fault;

		if (guest_walk(v, &paging, gva, op->gwr ? GUEST_WRITE : GUEST_READ, &gpa, &fault) ||
		    copy_piece(hc->d, gpa, uva, piece, op->gwr))
			break;
		gva += piece;
		uva += piece;
		left -= piece;
		op->remain -= (uint32_t)piece;
	}
	return op->remain == op->len && op->len ? -EFAULT : 0;
}
