// SPDX-License-Identifier: Apache-2.0
/* domctl: what HVM domains hold – vCPUs as save records, memory – and CPU policies. */
#include "core/sched.h"
#include "hvm/hvm.h"
#include "hypercall/domctl.h"
#include "mm/frames.h"
#include "mm/heap.h"

/* More than all records of the largest domain. */
#define MAX_CONTEXT MIB(1)
/* Of one guestmemio; what is left is told in `remain`. */
#define MAX_COPY    MIB(1)

long domctl_gethvmcontext(struct hypercall *hc)
{
	struct xen_domctl_hvmcontext *op = &hc->domctl->u.hvmcontext;
	size_t size = hvm_save_size(hc->d), written = 0;
	void *buf;
	int rc;

	if (!handle_gva(op->buffer)) {
		op->size = (uint32_t)size;
		return 0;
	}
	if (op->size < size)
		return -ENOSPC;
	buf = xzalloc(size);
	if (!buf)
		return -ENOMEM;
	rc = hvm_save(hc->d, buf, size, &written);
	if (!rc)
		rc = guest_write(handle_gva(op->buffer), buf, written);
	op->size = (uint32_t)written;
	xfree(buf);
	return rc;
}

long domctl_sethvmcontext(struct hypercall *hc)
{
	const struct xen_domctl_hvmcontext *op = &hc->domctl->u.hvmcontext;
	void *buf;
	int rc;

	if (!op->size || op->size > MAX_CONTEXT)
		return -EINVAL;
	buf = xmalloc(op->size);
	if (!buf)
		return -ENOMEM;
	rc = guest_read(buf, handle_gva(op->buffer), op->size);
	if (!rc)
		rc = hvm_load(hc->d, buf, op->size);
	xfree(buf);
	return rc;
}

long domctl_gethvmcontext_partial(struct hypercall *hc)
{
	struct xen_domctl_hvmcontext_partial *op = &hc->domctl->u.hvmcontext_partial;
	union hvm_record data;
	size_t size;
	int rc = hvm_save_one(hc->d, op->type, op->instance, &data, &size);

	if (rc)
		return rc;
	if (handle_gva(op->buffer) && op->bufsz < size)
		return -ENOSPC;
	op->bufsz = size;
	return handle_gva(op->buffer) ? guest_write(handle_gva(op->buffer), &data, size) : 0;
}

/* ---- the registers as a PV tool wants them ---- */

static void fill_user_regs(struct cpu_user_regs *r, const struct hvm_hw_cpu *h)
{
#define GPR(name) r->name = h->name;
	HVM_FOR_EACH_GPR(GPR)
#undef GPR
	r->cs = (uint16_t)h->cs_sel;
	r->ss = (uint16_t)h->ss_sel;
	r->ds = (uint16_t)h->ds_sel;
	r->es = (uint16_t)h->es_sel;
	r->fs = (uint16_t)h->fs_sel;
	r->gs = (uint16_t)h->gs_sel;
}

static void fill_context(struct vcpu_guest_context *g, const struct hvm_hw_cpu *h, bool online)
{
	fill_user_regs(&g->user_regs, h);
	g->flags = online ? VGCF_online : 0;
	g->ctrlreg[0] = h->cr0;
	g->ctrlreg[2] = h->cr2;
	g->ctrlreg[3] = h->cr3;
	g->ctrlreg[4] = h->cr4;
	g->debugreg[0] = h->dr0;
	g->debugreg[1] = h->dr1;
	g->debugreg[2] = h->dr2;
	g->debugreg[3] = h->dr3;
	g->debugreg[6] = h->dr6;
	g->debugreg[7] = h->dr7;
	g->fs_base = h->fs_base;
	g->gs_base_user = h->gs_base;
	g->gs_base_kernel = h->shadow_gs;
}

long domctl_getvcpucontext(struct hypercall *hc)
{
	const struct xen_domctl_vcpucontext *op = &hc->domctl->u.vcpucontext;
	struct vcpu_guest_context *g;
	union hvm_record record;
	size_t size;
	struct vcpu *v = domain_vcpu(hc->d, op->vcpu);
	int rc;

	if (!v)
		return -ESRCH;
	rc = hvm_save_one(hc->d, HVM_SAVE_CODE(CPU), op->vcpu, &record, &size);
	if (rc)
		return rc;
	g = xzalloc(sizeof(*g));
	if (!g)
		return -ENOMEM;
	fill_context(g, &record.cpu, READ_ONCE(v->state) != VCPU_DOWN);
	rc = guest_write_ptr(handle_gva(op->ctxt), g);
	xfree(g);
	return rc;
}

/*
 * ---- memory ----
 * Copying between the caller's and another domain's: a debugger's way in, and a builder's, which so loads a
 * kernel without mapping each of its pages.
 */

/* Copy at most to the end of a page. The frame is held, so it stays while the caller's is looked up. */
static int copy_piece(struct domain *d, uint64_t gpa, uint64_t uva, uint64_t len, bool write)
{
	mfn_t mfn;
	int rc = p2m_get_own_frame(d, gfn_of(gpa >> PAGE_SHIFT), write, &mfn);
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
	uint64_t gva = op->gva, uva = op->uva, left = min((uint64_t)op->len, MAX_COPY);
	struct vcpu *v = domain_vcpu(hc->d, 0);
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

/* ---- policies ---- */

long domctl_get_cpu_policy(struct hypercall *hc)
{
	struct xen_domctl_cpu_policy *op = &hc->domctl->u.cpu_policy;

	return cpu_policy_put(POLICY_HVM, handle_gva(op->leaves), &op->nr_leaves,
			      handle_gva(op->msrs), &op->nr_msrs);
}

/* Every domain has the same policy; the toolstack's is checked and otherwise not used. */
long domctl_set_cpu_policy(struct hypercall *hc)
{
	return cpu_policy_check(&hc->domctl->u.cpu_policy);
}
