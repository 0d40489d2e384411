// SPDX-License-Identifier: Apache-2.0
/* memory_op: how much memory a domain has. Populating and giving back count what they did. */
#include "hypercall/memory_op.h"
#include "mm/buddy.h"
#include "mm/frames.h"

/* ---- extents ---- */

/* Read the @i-th frame of the list; false when it or what follows is out of range. */
static bool read_extent(const struct xen_memory_reservation *r, uint64_t i, gfn_t *gfn)
{
	const uint64_t span = 1ULL << r->extent_order;
	xen_pfn_t frame;

	if (guest_read_ptr(&frame, handle_gva(r->extent_start) + i * sizeof(frame)))
		return false;
	*gfn = gfn_of(frame);
	return span <= GFN_LIMIT && frame <= GFN_LIMIT - span;
}

typedef bool extent_fn(struct domain *d, gfn_t gfn, unsigned int order);

/*
 * Do @fn for each extent until one fails; for none that are larger than @max_order.
 * Return: how many are done in all, or -ERESTART.
 */
static long for_extents(struct hypercall *hc, unsigned int max_order, extent_fn *fn)
{
	const struct xen_memory_reservation *r = hc->op;
	const uint64_t every = r->extent_order ? 1 : MEMORY_PREEMPT_EVERY;
	uint64_t i = memory_start(hc);
	gfn_t gfn;

	if (r->nr_extents > MEMORY_OP_MAX_START || r->extent_order > max_order)
		return (long)i;
	while (i < r->nr_extents && read_extent(r, i, &gfn) && fn(hc->d, gfn, r->extent_order))
		if (memory_gives_way(hc, ++i, r->nr_extents, every))
			return -ERESTART;
	return (long)i;
}

/* ---- populating ---- */

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
static bool populate_extent(struct domain *d, gfn_t gfn, unsigned int order)
{
	const uint64_t nr = 1ULL << order;
	uint64_t i;

	if (order >= ORDER_2M && gfn.n % nr == 0 && populate_leaf(d, gfn, order))
		return true;
	if (order > ORDER_2M)
		return false;
	if (order == ORDER_2M && d->max_pages - min(d->tot_pages, d->max_pages) < nr)
		return false;
	for (i = 0; i < nr && populate_leaf(d, gfn_add(gfn, i), ORDER_4K); i++)
		;
	if (i == nr)
		return true;
	while (i--)
		if (p2m_unmap(d, gfn_add(gfn, i), INVALID_MFN, P2M_RAM))
			break; /* somebody else changed it meanwhile: theirs */
	return false;
}

long memory_populate_physmap(struct hypercall *hc)
{
	const struct xen_memory_reservation *r = hc->op;

	/* Populate on demand is not offered: nothing is done, and the caller sees so. */
	if (r->mem_flags & XENMEMF_populate_on_demand)
		return (long)memory_start(hc);
	return for_extents(hc, hc->v->domain->is_hwdom ? ORDER_1G : ORDER_2M, populate_extent);
}

/* ---- giving back ---- */

static bool release_extent(struct domain *d, gfn_t gfn, unsigned int order)
{
	for (uint64_t i = 0; i < 1ULL << order; i++)
		if (p2m_unmap(d, gfn_add(gfn, i), INVALID_MFN, P2M_RAM))
			return false;
	return true;
}

long memory_decrease_reservation(struct hypercall *hc)
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

static int claim(struct domain *d, uint64_t nr)
{
	static struct spinlock claim_lock; /* so that two claims see each other */
	uint64_t have, promised;

	spin_guard(&claim_lock);
	have = __atomic_load_n(&d->tot_pages, __ATOMIC_RELAXED);
	promised = memory_outstanding();
	if (nr && (memory_outstanding_of(d) || nr <= have || nr > READ_ONCE(d->max_pages)))
		return -EINVAL;
	if (nr && (promised > buddy_free_pages() || nr - have > buddy_free_pages() - promised))
		return -ENOMEM;
	WRITE_ONCE(d->claimed_pages, nr);
	return 0;
}

long memory_claim_pages(struct hypercall *hc)
{
	const struct xen_memory_reservation *op = hc->op;

	if (handle_gva(op->extent_start) || op->extent_order || op->mem_flags)
		return -EINVAL;
	return claim(hc->d, op->nr_extents);
}
