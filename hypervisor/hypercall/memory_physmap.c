// SPDX-License-Identifier: Apache-2.0
/* memory_op: what appears where in a domain's physical address space. */
#include "hypercall/memory_op.h"
#include "ipc/gnttab.h"
#include "mm/frames.h"

/* Map a frame we hold a reference on; the reference goes to the mapping, or is dropped. */
static int map_held(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type)
{
	int rc = p2m_map(d, gfn, mfn, ORDER_4K, type);

	if (rc)
		frame_put(mfn);
	return rc;
}

static int add_shared_info(struct domain *d, uint64_t idx, gfn_t gfn)
{
	mfn_t mfn = virt_to_mfn(d->shared_info);

	if (idx)
		return -EINVAL;
	frame_get_held(mfn);
	return map_held(d, gfn, mfn, P2M_SPECIAL);
}

static int add_grant_frame(struct domain *d, uint64_t idx, gfn_t gfn)
{
	bool status = idx & XENMAPIDX_grant_table_status;
	uint64_t frame = idx & ~(uint64_t)XENMAPIDX_grant_table_status;
	mfn_t mfn;
	int rc;

	if (frame > UINT32_MAX)
		return -EINVAL;
	rc = gnttab_get_frame(d, status, (uint32_t)frame, &mfn);
	return rc ? rc : map_held(d, gfn, mfn, P2M_SPECIAL);
}

/* Move a page of the domain's own RAM from @idx to @gfn. */
static int add_own_frame(struct domain *d, uint64_t idx, gfn_t gfn)
{
	const gfn_t from = gfn_of(idx);
	enum p2m_type type;
	mfn_t mfn;
	int rc = p2m_get_frame(d, from, true, &mfn);

	if (rc)
		return rc;
	if (gfn_eq(from, gfn) || !mfn_eq(p2m_lookup(d, from, &type, NULL), mfn) ||
	    type != P2M_RAM) {
		frame_put(mfn);
		return gfn_eq(from, gfn) ? 0 : -EINVAL;
	}
	rc = map_held(d, gfn, mfn, P2M_RAM);
	if (rc)
		return rc;
	rc = p2m_unmap(d, from, mfn, P2M_RAM);
	if (rc && p2m_unmap(d, gfn, mfn, P2M_RAM))
		rc = -EBUSY; /* both places changed under us: the guest's own race */
	return rc;
}

typedef int add_fn(struct domain *d, uint64_t idx, gfn_t gfn);

static add_fn *const spaces[] = {
	[XENMAPSPACE_shared_info] = add_shared_info,
	[XENMAPSPACE_grant_table] = add_grant_frame,
	[XENMAPSPACE_gmfn] = add_own_frame,
	[XENMAPSPACE_gmfn_range] = add_own_frame,
};

static int add_one(struct domain *d, unsigned int space, uint64_t idx, uint64_t gfn)
{
	if (space >= ARRAY_SIZE(spaces))
		return -ENOSYS;
	if (gfn >= GFN_LIMIT || READ_ONCE(d->dying))
		return -EINVAL;
	return spaces[space](d, idx, gfn_of(gfn));
}

long memory_add_to_physmap(struct hypercall *hc)
{
	const struct xen_add_to_physmap *op = hc->op;
	uint64_t nr = op->space == XENMAPSPACE_gmfn_range ? op->size : 1;

	for (uint64_t i = memory_start(hc); i < nr; i++) {
		int rc;

		if (op->gpfn >= GFN_LIMIT || op->idx > UINT64_MAX - nr)
			return -EINVAL;
		rc = add_one(hc->d, op->space, op->idx + i, op->gpfn + i);
		if (rc)
			return rc;
		if (memory_gives_way(hc, i + 1, nr, MEMORY_PREEMPT_EVERY))
			return -ERESTART;
	}
	return 0;
}

/* ---- batches ---- */

/* Show frame @idx of @owner at @gfn of @d. The caller may control @owner. */
static int add_foreign(struct domain *d, struct domain *owner, uint64_t idx, uint64_t gfn)
{
	enum p2m_type type;
	mfn_t mfn;
	int rc;

	if (gfn >= GFN_LIMIT || idx >= GFN_LIMIT || READ_ONCE(d->dying) || READ_ONCE(owner->dying))
		return -EINVAL;
	(void)p2m_lookup(owner, gfn_of(idx), &type, NULL);
	if (type != P2M_RAM && type != P2M_SPECIAL)
		return -EINVAL;
	rc = p2m_get_frame(owner, gfn_of(idx), true, &mfn);
	if (rc)
		return rc;
	if (frame_owner(mfn) != owner->id) {
		frame_put(mfn);
		return -EINVAL;
	}
	return map_held(d, gfn_of(gfn), mfn, P2M_FOREIGN);
}

/*
 * Item @i of a batch has its own result; @owner is that of foreign frames, else NULL.
 * Return: 0, or -EFAULT when it can't be read or told.
 */
static int batch_item(struct domain *d, struct domain *owner,
		      const struct xen_add_to_physmap_batch *op, uint64_t i)
{
	xen_ulong_t idx;
	xen_pfn_t gfn;
	int rc;

	if (guest_read_ptr(&idx, handle_gva(op->idxs) + i * sizeof(idx)) ||
	    guest_read_ptr(&gfn, handle_gva(op->gpfns) + i * sizeof(gfn)))
		return -EFAULT;
	rc = owner ? add_foreign(d, owner, idx, gfn) : add_one(d, op->space, idx, gfn);
	return guest_write_ptr(handle_gva(op->errs) + i * sizeof(rc), &rc) ? -EFAULT : 0;
}

static long batch_run(struct hypercall *hc, struct domain *owner,
		      const struct xen_add_to_physmap_batch *op)
{
	for (uint64_t i = memory_start(hc); i < op->size; i++) {
		int rc = batch_item(hc->d, owner, op, i);

		if (rc)
			return rc;
		if (memory_gives_way(hc, i + 1, op->size, MEMORY_PREEMPT_EVERY))
			return -ERESTART;
	}
	return 0;
}

long memory_add_to_physmap_batch(struct hypercall *hc)
{
	const struct xen_add_to_physmap_batch *op = hc->op;
	struct domain *owner;
	long rc;

	if (op->space == XENMAPSPACE_gmfn_range)
		return -EINVAL;
	if (op->space != XENMAPSPACE_gmfn_foreign)
		return op->u.res0 ? -EINVAL : batch_run(hc, NULL, op);
	rc = domain_resolve(hc->v->domain, op->u.foreign_domid, &owner);
	if (rc)
		return rc;
	domain_guard(owner);
	return owner == hc->d ? -EINVAL : batch_run(hc, owner, op);
}

long memory_remove_from_physmap(struct hypercall *hc)
{
	const struct xen_remove_from_physmap *op = hc->op;

	if (op->gpfn >= GFN_LIMIT)
		return -EINVAL;
	return p2m_unmap(hc->d, gfn_of(op->gpfn), INVALID_MFN, P2M_NONE);
}

/* ---- resources ---- */

/* How many frames a resource can have; 0 when there is no such thing. */
static uint32_t resource_frames(struct domain *d, const struct xen_mem_acquire_resource *op)
{
	if (op->type != XENMEM_resource_grant_table)
		return 0;
	switch (op->id) {
	case XENMEM_resource_grant_table_id_shared: return gnttab_max_frames(d);
	case XENMEM_resource_grant_table_id_status: return gnttab_max_status_frames(d);
	default: return 0;
	}
}

static int acquire_one(const struct hypercall *hc, uint64_t i)
{
	const struct xen_mem_acquire_resource *op = hc->op;
	xen_pfn_t gfn;
	mfn_t mfn;
	int rc;

	if (guest_read_ptr(&gfn, handle_gva(op->frame_list) + i * sizeof(gfn)))
		return -EFAULT;
	if (gfn >= GFN_LIMIT)
		return -EINVAL;
	rc = gnttab_get_frame(hc->d, op->id == XENMEM_resource_grant_table_id_status,
			      (uint32_t)(op->frame + i), &mfn);
	return rc ? rc : map_held(hc->v->domain, gfn_of(gfn), mfn, P2M_FOREIGN);
}

long memory_acquire_resource(struct hypercall *hc)
{
	struct xen_mem_acquire_resource *op = hc->op;
	const uint64_t max_frames = resource_frames(hc->d, op);

	if (op->pad)
		return -EINVAL;
	if (hc->d == hc->v->domain)
		return -EPERM;
	if (!max_frames)
		return -EINVAL;
	if (!handle_gva(op->frame_list)) {
		if (op->nr_frames)
			return -EINVAL;
		op->nr_frames = (uint32_t)max_frames;
		return guest_write_ptr(hc->gva, op) ? -EFAULT : 0;
	}
	if (op->nr_frames > max_frames || op->frame > max_frames - op->nr_frames)
		return -EINVAL;
	for (uint64_t i = memory_start(hc); i < op->nr_frames; i++) {
		int rc = acquire_one(hc, i);

		if (rc)
			return i ? -EIO : rc; /* the caller unmaps what is there */
		if (memory_gives_way(hc, i + 1, op->nr_frames, MEMORY_PREEMPT_EVERY))
			return -ERESTART;
	}
	return 0;
}
