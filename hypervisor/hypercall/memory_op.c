// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_memory_op(cmd, arg): how much memory domains have, and what is where in it (public memory.h). */
#include "hypercall/domctl.h"
#include "ipc/gnttab.h"
#include "lib/string.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/heap.h"

/* The low bits of cmd name the operation, the rest is how many of its items are done. */
#define CMD_BITS 6
#define CMD_NR   (1u << CMD_BITS)

/* Every so many small steps a long operation looks whether it should give way. */
#define PREEMPT_EVERY 16

static uint64_t items_done(const struct hypercall *hc)
{
	return hc->arg[0] >> CMD_BITS;
}

typedef int item_fn(struct hypercall *hc, uint64_t i);

/*
 * Do @one for each of @nr items that is not done yet. Return: 0; -ERESTART, to be called again and go on
 * there; or what @one says when it fails. The number of those done stays in the command.
 */
static long for_items(struct hypercall *hc, uint64_t nr, uint64_t every, item_fn *one)
{
	for (uint64_t i = items_done(hc); i < nr;) {
		int rc = one(hc, i++);

		if (rc)
			return rc;
		hc->arg[0] = (hc->arg[0] & (CMD_NR - 1)) | i << CMD_BITS;
		if (i < nr && i % every == 0 && preempt_check())
			return -ERESTART;
	}
	return 0;
}

/* ---- questions ---- */

static long op_maximum_ram_page(struct hypercall *hc __unused)
{
	return (long)(frames_end() - 1);
}

static long op_current_reservation(struct hypercall *hc)
{
	return (long)READ_ONCE(hc->d->tot_pages);
}

static long op_maximum_reservation(struct hypercall *hc)
{
	return (long)min(READ_ONCE(hc->d->max_pages), (uint64_t)INT64_MAX);
}

/* Populate on demand: no domain has any, and a target is a wish the balloon driver fulfils. */
static long op_pod_target(struct hypercall *hc)
{
	struct xen_pod_target *op = hc->op;

	op->tot_pages = READ_ONCE(hc->d->tot_pages);
	op->pod_cache_pages = op->pod_entries = 0;
	return 0;
}

static long op_reserved_device_memory_map(struct hypercall *hc)
{
	((struct xen_reserved_device_memory_map *)hc->op)->nr_entries = 0;
	return 0;
}

/* ---- the memory map ---- */

static_assert(sizeof(struct e820_range) == 20, "an entry as BIOS INT 15h, AX=E820h gives it");

static long op_memory_map(struct hypercall *hc)
{
	struct xen_memory_map *op = hc->op;
	struct e820_range map[BOOT_MAX_E820];
	uint64_t gva = handle_gva(op->buffer);
	unsigned int nr;

	spin_lock(&hc->d->lock);
	nr = hc->d->nr_e820;
	memcpy(map, hc->d->e820, nr * sizeof(map[0]));
	spin_unlock(&hc->d->lock);
	if (!nr)
		return -ENOSYS;
	if (gva && op->nr_entries < nr)
		return -ENOBUFS;
	op->nr_entries = nr;
	return gva ? guest_write(gva, map, nr * sizeof(map[0])) : 0;
}

static long op_set_memory_map(struct hypercall *hc)
{
	const struct xen_memory_map *op = &((struct xen_foreign_memory_map *)hc->op)->map;
	const size_t size = op->nr_entries * sizeof(struct e820_range);
	struct e820_range *old, *map;

	if (op->nr_entries > BOOT_MAX_E820)
		return -E2BIG;
	map = xmalloc(max(size, sizeof(*map)));
	if (!map)
		return -ENOMEM;
	if (guest_read(map, handle_gva(op->buffer), size)) {
		xfree(map);
		return -EFAULT;
	}
	spin_lock(&hc->d->lock);
	old = hc->d->e820;
	hc->d->e820 = map;
	hc->d->nr_e820 = op->nr_entries;
	spin_unlock(&hc->d->lock);
	xfree(old);
	return 0;
}

/* ---- extents: populating and giving back count what they did ---- */

/* The @i-th frame of the list; false when it can't be read, or it or what follows is out of range. */
static bool read_extent(const struct xen_memory_reservation *r, uint64_t i, gfn_t *gfn)
{
	const uint64_t span = 1ULL << r->extent_order;
	xen_pfn_t frame;

	if (guest_read_ptr(&frame, handle_gva(r->extent_start) + i * sizeof(frame)))
		return false;
	*gfn = gfn_of(frame);
	return span <= GFN_LIMIT && frame <= GFN_LIMIT - span;
}

/*
 * Do @one for each extent until one fails; for none that are larger than @max_order.
 * Return: how many are done in all, or -ERESTART.
 */
static long for_extents(struct hypercall *hc, unsigned int max_order, item_fn *one)
{
	const struct xen_memory_reservation *r = hc->op;

	if (r->nr_extents <= ~0ULL >> CMD_BITS && r->extent_order <= max_order &&
	    for_items(hc, r->nr_extents, r->extent_order ? 1 : PREEMPT_EVERY, one) == -ERESTART)
		return -ERESTART;
	return (long)items_done(hc);
}

static bool populate_leaf(struct domain *d, gfn_t gfn, unsigned int order)
{
	mfn_t mfn;

	if (domain_alloc_frames(d, order, &mfn))
		return false;
	if (!p2m_map(d, gfn, mfn, order, P2M_RAM))
		return true;
	frames_put(mfn, 1ULL << order);
	return false;
}

/*
 * An extent is populated whole or not at all; those larger than 2 MiB as one leaf or not at all, for to make
 * them of smaller ones the caller, who can be interrupted, is better placed.
 */
static int populate_extent(struct hypercall *hc, uint64_t item)
{
	const struct xen_memory_reservation *r = hc->op;
	const unsigned int order = r->extent_order;
	const uint64_t nr = 1ULL << order;
	struct domain *d = hc->d;
	gfn_t gfn;
	uint64_t i;

	if (!read_extent(r, item, &gfn))
		return -EFAULT;
	if (order >= ORDER_2M && gfn.n % nr == 0 && populate_leaf(d, gfn, order))
		return 0;
	if (order > ORDER_2M)
		return -ENOMEM;
	if (order == ORDER_2M && d->max_pages - min(d->tot_pages, d->max_pages) < nr)
		return -ENOMEM;
	for (i = 0; i < nr && populate_leaf(d, gfn_add(gfn, i), ORDER_4K); i++)
		;
	if (i == nr)
		return 0;
	while (i--)
		if (p2m_unmap(d, gfn_add(gfn, i), INVALID_MFN, P2M_RAM))
			break; /* somebody else changed it meanwhile: theirs */
	return -ENOMEM;
}

static long op_populate_physmap(struct hypercall *hc)
{
	const struct xen_memory_reservation *r = hc->op;

	/* Populate on demand is not offered: nothing is done, and the caller sees so. */
	if (r->mem_flags & XENMEMF_populate_on_demand)
		return (long)items_done(hc);
	return for_extents(hc, hc->v->domain->is_hwdom ? ORDER_1G : ORDER_2M, populate_extent);
}

static int release_extent(struct hypercall *hc, uint64_t item)
{
	const struct xen_memory_reservation *r = hc->op;
	gfn_t gfn;

	if (!read_extent(r, item, &gfn))
		return -EFAULT;
	for (uint64_t i = 0; i < 1ULL << r->extent_order; i++)
		if (p2m_unmap(hc->d, gfn_add(gfn, i), INVALID_MFN, P2M_RAM))
			return -EINVAL;
	return 0;
}

static long op_decrease_reservation(struct hypercall *hc)
{
	return for_extents(hc, ORDER_2M, release_extent);
}

/* ---- claims ---- */

/*
 * A claim is a size the domain is to reach: what is missing to it is set aside from other claims, and
 * it shrinks by itself as memory is populated.
 */
uint64_t memory_outstanding_of(const struct domain *d)
{
	uint64_t have = __atomic_load_n(&d->tot_pages, __ATOMIC_RELAXED);
	uint64_t want = READ_ONCE(d->claimed_pages);

	return want > have && !READ_ONCE(d->dying) ? want - have : 0;
}

static void add_outstanding(struct domain *d, void *sum)
{
	*(uint64_t *)sum += memory_outstanding_of(d);
}

uint64_t memory_outstanding(void)
{
	uint64_t sum = 0;

	domain_for_each(add_outstanding, &sum);
	return sum;
}

static long op_claim_pages(struct hypercall *hc)
{
	static struct spinlock claim_lock; /* so that two claims see each other */
	const struct xen_memory_reservation *op = hc->op;
	const uint64_t nr = op->nr_extents;
	uint64_t have, promised;

	if (handle_gva(op->extent_start) || op->extent_order || op->mem_flags)
		return -EINVAL;
	spin_guard(&claim_lock);
	have = __atomic_load_n(&hc->d->tot_pages, __ATOMIC_RELAXED);
	promised = memory_outstanding();
	if (nr && (memory_outstanding_of(hc->d) || nr <= have || nr > READ_ONCE(hc->d->max_pages)))
		return -EINVAL;
	if (nr && (promised > buddy_free_pages() || nr - have > buddy_free_pages() - promised))
		return -ENOMEM;
	WRITE_ONCE(hc->d->claimed_pages, nr);
	return 0;
}

/* ---- what appears where ---- */

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
	mfn_t mfn;
	int rc;

	idx &= ~(uint64_t)XENMAPIDX_grant_table_status;
	rc = idx > UINT32_MAX ? -EINVAL : gnttab_get_frame(d, status, (uint32_t)idx, &mfn);
	return rc ? rc : map_held(d, gfn, mfn, P2M_SPECIAL);
}

/* Move a page of the domain's own RAM from @idx to @gfn. */
static int add_own_frame(struct domain *d, uint64_t idx, gfn_t gfn)
{
	enum p2m_type type;
	mfn_t mfn;
	int rc;

	(void)p2m_lookup(d, gfn_of(idx), &type, NULL);
	if (type != P2M_RAM)
		return -EINVAL;
	if (idx == gfn.n)
		return 0;
	rc = p2m_get_own_frame(d, gfn_of(idx), true, &mfn);
	if (!rc)
		rc = map_held(d, gfn, mfn, P2M_RAM);
	if (rc)
		return rc;
	rc = p2m_unmap(d, gfn_of(idx), mfn, P2M_RAM);
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

/* Show frame @idx of @space, or of @owner if that is not NULL, at @gfn of @d. */
static int add_one(struct domain *d, struct domain *owner, unsigned int space, uint64_t idx,
		   uint64_t gfn)
{
	mfn_t mfn;
	int rc;

	if (!owner && space >= ARRAY_SIZE(spaces))
		return -ENOSYS;
	if (gfn >= GFN_LIMIT || (owner && READ_ONCE(owner->dying)))
		return -EINVAL;
	if (!owner)
		return spaces[space](d, idx, gfn_of(gfn));
	rc = p2m_get_own_frame(owner, gfn_of(idx), true, &mfn);
	return rc ? rc : map_held(d, gfn_of(gfn), mfn, P2M_FOREIGN);
}

static int add_item(struct hypercall *hc, uint64_t i)
{
	const struct xen_add_to_physmap *op = hc->op;

	if (op->gpfn >= GFN_LIMIT || op->idx + i < i)
		return -EINVAL;
	return add_one(hc->d, NULL, op->space, op->idx + i, op->gpfn + i);
}

static long op_add_to_physmap(struct hypercall *hc)
{
	const struct xen_add_to_physmap *op = hc->op;

	return for_items(hc, op->space == XENMAPSPACE_gmfn_range ? op->size : 1, PREEMPT_EVERY,
			 add_item);
}

/* Item @i of a batch has its own result; that it can't be read or told is the call's. */
static int batch_item(struct hypercall *hc, uint64_t i)
{
	const struct xen_add_to_physmap_batch *op = hc->op;
	xen_ulong_t idx;
	xen_pfn_t gfn;
	int rc;

	if (guest_read_ptr(&idx, handle_gva(op->idxs) + i * sizeof(idx)) ||
	    guest_read_ptr(&gfn, handle_gva(op->gpfns) + i * sizeof(gfn)))
		return -EFAULT;
	rc = add_one(hc->d, hc->from, op->space, idx, gfn);
	return guest_write_ptr(handle_gva(op->errs) + i * sizeof(rc), &rc);
}

static long op_add_to_physmap_batch(struct hypercall *hc)
{
	const struct xen_add_to_physmap_batch *op = hc->op;
	long rc;

	if (op->space == XENMAPSPACE_gmfn_range)
		return -EINVAL;
	if (op->space != XENMAPSPACE_gmfn_foreign)
		return op->u.res0 ? -EINVAL : for_items(hc, op->size, PREEMPT_EVERY, batch_item);
	rc = domain_resolve(hc->v->domain, op->u.foreign_domid, &hc->from);
	if (rc)
		return rc;
	domain_guard(hc->from);
	if (hc->from == hc->d)
		return -EINVAL;
	return for_items(hc, op->size, PREEMPT_EVERY, batch_item);
}

static long op_remove_from_physmap(struct hypercall *hc)
{
	const struct xen_remove_from_physmap *op = hc->op;

	if (op->gpfn >= GFN_LIMIT)
		return -EINVAL;
	return p2m_unmap(hc->d, gfn_of(op->gpfn), INVALID_MFN, P2M_NONE);
}

/* ---- resources ---- */

static int acquire_one(struct hypercall *hc, uint64_t i)
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

/* The only resources are the frames of a grant table. */
static long op_acquire_resource(struct hypercall *hc)
{
	struct xen_mem_acquire_resource *op = hc->op;
	const bool status = op->id == XENMEM_resource_grant_table_id_status;
	uint32_t frames;
	long rc;

	if (op->pad)
		return -EINVAL;
	if (hc->d == hc->v->domain)
		return -EPERM;
	if (op->type != XENMEM_resource_grant_table ||
	    (!status && op->id != XENMEM_resource_grant_table_id_shared))
		return -EINVAL;
	frames = gnttab_max_frames(hc->d, status);
	if (!frames)
		return -EINVAL;
	if (!handle_gva(op->frame_list)) {
		if (op->nr_frames)
			return -EINVAL;
		op->nr_frames = frames;
		return guest_write_ptr(hc->gva, op);
	}
	if (op->nr_frames > frames || op->frame > frames - op->nr_frames)
		return -EINVAL;
	rc = for_items(hc, op->nr_frames, PREEMPT_EVERY, acquire_one);
	/* What is there already the caller unmaps. */
	return rc && rc != -ERESTART && items_done(hc) ? -EIO : rc;
}

#define ROW(op, arg, how)    [XENMEM_##op] = OP(op_##op, struct xen_##arg, how)
#define ROW_ON(op, arg, how) [XENMEM_##op] = OP_ON(op_##op, struct xen_##arg, domid, how)
#define ANSWER(op, n)        [XENMEM_##op] = OP_ANSWER(n)

static const struct op_row rows[CMD_NR] = {
	ROW_ON(decrease_reservation, memory_reservation, 0),
	[XENMEM_maximum_ram_page] = {op_maximum_ram_page},
	ROW_ON(current_reservation, memory_domain, 0),
	ROW_ON(maximum_reservation, memory_domain, 0),
	ROW_ON(populate_physmap, memory_reservation, 0),
	ROW_ON(add_to_physmap, add_to_physmap, 0),
	ROW(memory_map, memory_map, OP_BACK),
	ANSWER(exchange, -EOPNOTSUPP),
	ROW_ON(set_memory_map, foreign_memory_map, OP_HWDOM | OP_NOT_SELF),
	ROW_ON(remove_from_physmap, remove_from_physmap, 0),
	[XENMEM_set_pod_target] = OP_ON(op_pod_target, struct xen_pod_target, domid, OP_HWDOM),
	[XENMEM_get_pod_target] =
		OP_ON(op_pod_target, struct xen_pod_target, domid, OP_HWDOM | OP_BACK),
	/* Pages saved by sharing between domains. */
	ANSWER(get_sharing_freed_pages, 0),
	ANSWER(get_sharing_shared_pages, 0),
	ROW_ON(add_to_physmap_batch, add_to_physmap_batch, 0),
	ROW_ON(claim_pages, memory_reservation, OP_HWDOM),
	ANSWER(get_vnumainfo, -EOPNOTSUPP),
	ROW(reserved_device_memory_map, reserved_device_memory_map, OP_BACK),
	ROW_ON(acquire_resource, mem_acquire_resource, 0),
};

long hypercall_memory_op(struct hypercall *hc)
{
	return op_run(hc, rows, CMD_NR, hc->arg[0] & (CMD_NR - 1), hc->arg[1]);
}
