// SPDX-License-Identifier: Apache-2.0
/* Mapping and unmapping grants; the mapper's handles. */
#include "ipc/gnttab_priv.h"

#include "mm/heap.h"

static struct maptrack *handle_at(struct gnttab *gt, uint32_t handle)
{
	if (handle / MAPTRACK_PER_PAGE >= gt->nr_maptrack)
		return NULL;
	return &gt->maptrack[handle / MAPTRACK_PER_PAGE][handle % MAPTRACK_PER_PAGE];
}

bool gnttab_grow_maptrack(struct gnttab *gt)
{
	struct maptrack *page;
	uint32_t base;

	if (gt->nr_maptrack >= gt->max_maptrack)
		return false;
	page = page_alloc();
	if (!page)
		return false;
	base = gt->nr_maptrack * MAPTRACK_PER_PAGE;
	for (uint32_t i = MAPTRACK_PER_PAGE; i--;) {
		page[i].next = gt->maptrack_free;
		gt->maptrack_free = base + i;
	}
	gt->maptrack[gt->nr_maptrack++] = page;
	return true;
}

/* A handle, BUSY; MAPTRACK_NONE when there is none. */
static uint32_t handle_alloc(struct domain *d, struct maptrack **mt)
{
	struct gnttab *gt = d->gnttab;
	uint32_t handle;

	spin_guard(&gt->lock);
	if (READ_ONCE(d->dying) ||
	    (gt->maptrack_free == MAPTRACK_NONE && !gnttab_grow_maptrack(gt)))
		return MAPTRACK_NONE;
	handle = gt->maptrack_free;
	*mt = handle_at(gt, handle);
	gt->maptrack_free = (*mt)->next;
	(*mt)->state = MAPTRACK_BUSY;
	gt->usage.mapped++;
	return handle;
}

static void handle_free(struct domain *d, uint32_t handle, struct maptrack *mt)
{
	struct gnttab *gt = d->gnttab;

	spin_guard(&gt->lock);
	*mt = (struct maptrack){.state = MAPTRACK_FREE, .next = gt->maptrack_free};
	gt->maptrack_free = handle;
	gt->usage.mapped--;
}

/* What is not BUSY any more is there for whoever asks. */
static void handle_publish(struct maptrack *mt, bool write)
{
	__atomic_store_n(&mt->state, write ? MAPTRACK_RW : MAPTRACK_RO, __ATOMIC_RELEASE);
}

static int map_decode(const struct gnttab_map_grant_ref *op)
{
	/* A translated guest names a frame; page table entries and I/O maps are for others. */
	if (!(op->flags & GNTMAP_host_map) || (op->flags & (GNTMAP_contains_pte)))
		return GNTST_general_error;
	if (op->host_addr % PAGE_SIZE || op->host_addr >> PAGE_SHIFT >= GFN_LIMIT)
		return GNTST_bad_virt_addr;
	return GNTST_okay;
}

static int map_frame(struct domain *d, gfn_t gfn, struct domain *rd, uint32_t ref, bool write,
		     mfn_t *mfn)
{
	int rc = gnttab_pin(rd, ref, d->id, write, mfn);

	if (rc)
		return rc;
	if (p2m_map(d, gfn, *mfn, ORDER_4K, write ? P2M_GRANT_RW : P2M_GRANT_RO)) {
		gnttab_unpin(rd, ref, write, *mfn);
		return GNTST_no_space;
	}
	return GNTST_okay;
}

int gnttab_map(struct domain *d, struct gnttab_map_grant_ref *op)
{
	const bool write = !(op->flags & GNTMAP_readonly);
	const gfn_t gfn = gfn_of(op->host_addr >> PAGE_SHIFT);
	struct domain *rd;
	struct maptrack *mt;
	uint32_t handle;
	mfn_t mfn;
	int rc = map_decode(op);

	if (rc)
		return rc;
	rd = domain_get(op->dom == DOMID_SELF ? d->id : op->dom);
	if (!rd)
		return GNTST_bad_domain;
	handle = handle_alloc(d, &mt);
	rc = handle == MAPTRACK_NONE ? GNTST_no_space : map_frame(d, gfn, rd, op->ref, write, &mfn);
	if (rc) {
		if (handle != MAPTRACK_NONE)
			handle_free(d, handle, mt);
		domain_put(rd);
		return rc;
	}
	mt->granter = rd; /* takes over our reference: the granter's table outlives the mapping */
	mt->gfn = gfn.n;
	mt->ref = op->ref;
	mt->mfn = mfn;
	handle_publish(mt, write);
	op->handle = handle;
	/* Without an IOMMU a device would need the machine address; the kernel bounces instead. */
	op->dev_bus_addr = mfn_to_paddr(mfn);
	return GNTST_okay;
}

/* Take the mapping of @handle for ourselves. Return: it, or NULL when it isn't one. */
static struct maptrack *handle_take(struct domain *d, uint32_t handle, bool *write)
{
	struct gnttab *gt = d->gnttab;
	struct maptrack *mt;

	spin_guard(&gt->lock);
	mt = handle_at(gt, handle);
	if (!mt || __atomic_load_n(&mt->state, __ATOMIC_ACQUIRE) < MAPTRACK_RO)
		return NULL;
	*write = mt->state == MAPTRACK_RW;
	mt->state = MAPTRACK_BUSY;
	return mt;
}

static void unmap_taken(struct domain *d, uint32_t handle, struct maptrack *mt, bool write)
{
	struct domain *rd = mt->granter;
	uint32_t ref = mt->ref;
	mfn_t mfn = mt->mfn;
	/* The guest may have put something else there, or nothing; then no CPU knows the frame any more. */
	int rc = p2m_unmap(d, gfn_of(mt->gfn), mfn, write ? P2M_GRANT_RW : P2M_GRANT_RO);

	(void)rc;
	gnttab_unpin(rd, ref, write, mfn);
	handle_free(d, handle, mt);
	domain_put(rd);
}

int gnttab_unmap(struct domain *d, uint64_t host_addr, uint32_t handle)
{
	bool write;
	struct maptrack *mt = handle_take(d, handle, &write);

	if (!mt)
		return GNTST_bad_handle;
	if (host_addr && host_addr >> PAGE_SHIFT != mt->gfn) {
		handle_publish(mt, write);
		return GNTST_general_error;
	}
	unmap_taken(d, handle, mt, write);
	return GNTST_okay;
}

void gnttab_unmap_index(struct domain *d, uint32_t index)
{
	bool write;
	struct maptrack *mt = handle_take(d, index, &write);

	if (mt)
		unmap_taken(d, index, mt, write);
}
