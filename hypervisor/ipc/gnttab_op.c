// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_grant_table_op: one row per operation, most of them over an array of requests. */
#include "core/vcpu.h"
#include "ipc/gnttab_priv.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/heap.h"

/* A call in progress. */
struct batch {
	struct domain *d;       /* the caller */
	struct domain *subject; /* whom the request names, where its row says so; held meanwhile */
	struct domain *peer[2]; /* held: who was copied from and to last, to look them up once */
};

/* ---- mapping ---- */

/* The table only grows, so this needs no lock. */
static struct maptrack *handle_at(struct gnttab *gt, uint32_t handle)
{
	if (handle / MAPTRACK_PER_PAGE >= __atomic_load_n(&gt->nr_maptrack, __ATOMIC_ACQUIRE))
		return NULL;
	return &gt->maptrack[handle / MAPTRACK_PER_PAGE][handle % MAPTRACK_PER_PAGE];
}

bool gnttab_grow_maptrack(struct gnttab *gt)
{
	struct maptrack *page;
	uint32_t base;

	if (gt->nr_maptrack >= gt->max_maptrack)
		return false;
	page = xzalloc(PAGE_SIZE);
	if (!page)
		return false;
	base = gt->nr_maptrack * MAPTRACK_PER_PAGE;
	for (uint32_t i = MAPTRACK_PER_PAGE; i--;) {
		page[i].next = gt->maptrack_free;
		gt->maptrack_free = base + i;
	}
	gt->maptrack[gt->nr_maptrack] = page;
	__atomic_store_n(&gt->nr_maptrack, gt->nr_maptrack + 1, __ATOMIC_RELEASE);
	return true;
}

/* A handle, BUSY; NULL when there is none. */
static struct maptrack *handle_alloc(struct domain *d, uint32_t *handle)
{
	struct gnttab *gt = d->gnttab;
	struct maptrack *mt;

	spin_guard(&gt->lock);
	if (READ_ONCE(d->dying) ||
	    (gt->maptrack_free == MAPTRACK_NONE && !gnttab_grow_maptrack(gt)))
		return NULL;
	*handle = gt->maptrack_free;
	mt = handle_at(gt, *handle);
	gt->maptrack_free = mt->next;
	mt->state = MAPTRACK_BUSY;
	gt->usage.mapped++;
	return mt;
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
static void handle_publish(struct maptrack *mt)
{
	__atomic_store_n(&mt->state, MAPTRACK_MAPPED, __ATOMIC_RELEASE);
}

static enum p2m_type type_of(const struct grant_use *u)
{
	return u->write ? P2M_GRANT_RW : P2M_GRANT_RO;
}

static int map_frame(struct domain *d, struct maptrack *mt)
{
	int rc = gnttab_pin(&mt->use, d->id);

	if (rc)
		return rc;
	if (!p2m_map(d, gfn_of(mt->gfn), mt->use.mfn, ORDER_4K, type_of(&mt->use)))
		return GNTST_okay;
	gnttab_unpin(&mt->use);
	return GNTST_no_space;
}

static int op_map_grant_ref(struct batch *b, void *arg)
{
	struct gnttab_map_grant_ref *op = arg;
	struct grant_use use = {.ref = op->ref, .write = !(op->flags & GNTMAP_readonly)};
	struct maptrack *mt;
	uint32_t handle;
	int rc = GNTST_no_space;

	/* A translated guest names a frame; page table entries and I/O maps are for others. */
	if (!(op->flags & GNTMAP_host_map) || (op->flags & GNTMAP_contains_pte))
		return GNTST_general_error;
	if (op->host_addr % PAGE_SIZE || op->host_addr >> PAGE_SHIFT >= GFN_LIMIT)
		return GNTST_bad_virt_addr;
	use.granter = domain_get(op->dom == DOMID_SELF ? b->d->id : op->dom);
	if (!use.granter)
		return GNTST_bad_domain;
	mt = handle_alloc(b->d, &handle);
	if (mt) {
		mt->use = use;
		mt->gfn = op->host_addr >> PAGE_SHIFT;
		rc = map_frame(b->d, mt);
		if (rc)
			handle_free(b->d, handle, mt);
	}
	if (rc) {
		domain_put(use.granter);
		return rc;
	}
	op->handle = handle;
	/* Without an IOMMU a device would need the machine address; the kernel bounces instead. */
	op->dev_bus_addr = mfn_to_paddr(mt->use.mfn);
	handle_publish(mt);
	return GNTST_okay;
}

int gnttab_unmap(struct domain *d, uint64_t host_addr, uint32_t handle)
{
	struct maptrack *mt = handle_at(d->gnttab, handle);
	uint8_t state = MAPTRACK_MAPPED;
	struct domain *rd;

	/* From here on it is ours alone. */
	if (!mt || !__atomic_compare_exchange_n(&mt->state, &state, MAPTRACK_BUSY, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return GNTST_bad_handle;
	if (host_addr && host_addr >> PAGE_SHIFT != mt->gfn) {
		handle_publish(mt);
		return GNTST_general_error;
	}
	/* The guest may have put something else there, or nothing; whoever did so may not have flushed yet. */
	if (p2m_unmap(d, gfn_of(mt->gfn), mt->use.mfn, type_of(&mt->use)))
		p2m_flush(d);
	gnttab_unpin(&mt->use);
	rd = mt->use.granter;
	handle_free(d, handle, mt);
	domain_put(rd);
	return GNTST_okay;
}

static int op_unmap_grant_ref(struct batch *b, void *arg)
{
	const struct gnttab_unmap_grant_ref *op = arg;

	return gnttab_unmap(b->d, op->host_addr, op->handle);
}

/* Moving a mapping is for paravirtual page tables; with no new place it is an unmap. */
static int op_unmap_and_replace(struct batch *b, void *arg)
{
	const struct gnttab_unmap_and_replace *op = arg;

	return op->new_addr ? GNTST_general_error : gnttab_unmap(b->d, op->host_addr, op->handle);
}

/* ---- copying: between two pages, each the caller's own or granted to it ---- */

/* Hold one side of a copy; its granter is NULL when the frame is the caller's own. */
static int side_get(struct batch *b, const struct gnttab_copy_ptr *p, bool is_ref,
		    struct grant_use *s)
{
	const domid_t id = p->domid == DOMID_SELF ? b->d->id : p->domid;
	struct domain **peer = &b->peer[s->write];

	if (!is_ref) {
		if (id != b->d->id)
			return GNTST_permission_denied;
		/* One mapped by a grant could be unmapped, and its granter told so, while it is copied. */
		return p2m_get_own_frame(b->d, gfn_of(p->u.gmfn), s->write, &s->mfn) ?
			       GNTST_bad_page :
			       GNTST_okay;
	}
	if (!*peer || (*peer)->id != id) {
		if (*peer)
			domain_put(*peer);
		*peer = domain_get(id);
		if (!*peer)
			return GNTST_bad_domain;
	}
	s->granter = *peer;
	s->ref = p->u.ref;
	return gnttab_pin(s, b->d->id);
}

static void side_put(const struct grant_use *s)
{
	if (s->granter)
		gnttab_unpin(s);
	else
		frame_put(s->mfn);
}

/*
 * The string instruction is what hardware moves a page with best. It only goes upwards: both may be
 * the same page, and the target begin inside the source.
 */
static void copy_bytes(void *dst, const void *src, size_t len)
{
	size_t quads = len >> 3, tail = len & 7;

	if ((uintptr_t)dst - (uintptr_t)src < len) {
		memmove(dst, src, len);
		return;
	}
	__asm__ volatile("rep movsq\n\t"
			 "mov %3, %%rcx\n\t"
			 "rep movsb"
			 : "+D"(dst), "+S"(src), "+c"(quads)
			 : "r"(tail)
			 : "memory");
}

static int op_copy(struct batch *b, void *arg)
{
	const struct gnttab_copy *op = arg;
	struct grant_use src = {.write = false}, dst = {.write = true};
	int rc;

	if (op->len > PAGE_SIZE || op->source.offset > PAGE_SIZE - op->len ||
	    op->dest.offset > PAGE_SIZE - op->len)
		return GNTST_bad_copy_arg;
	rc = side_get(b, &op->source, op->flags & GNTCOPY_source_gref, &src);
	if (rc)
		return rc;
	rc = side_get(b, &op->dest, op->flags & GNTCOPY_dest_gref, &dst);
	if (!rc) {
		copy_bytes((char *)mfn_to_virt(dst.mfn) + op->dest.offset,
			   (char *)mfn_to_virt(src.mfn) + op->source.offset, op->len);
		side_put(&dst);
	}
	side_put(&src);
	return rc;
}

/* ---- the table ---- */

static int op_query_size(struct batch *b, void *arg)
{
	struct gnttab_query_size *op = arg;
	const struct gnttab *gt = b->subject->gnttab;

	op->nr_frames = max(READ_ONCE(gt->nr_frames), GNTTAB_INITIAL_FRAMES);
	op->max_nr_frames = gt->max_frames;
	return GNTST_okay;
}

/* Where the frames are: a translated guest places them itself. */
static int list_frames(uint64_t gva, uint32_t nr)
{
	const uint64_t nowhere = ~0ULL;

	for (uint32_t i = 0; i < nr; i++)
		if (guest_write_ptr(gva + i * sizeof(nowhere), &nowhere))
			return GNTST_bad_virt_addr;
	return GNTST_okay;
}

static int op_setup_table(struct batch *b, void *arg)
{
	const struct gnttab_setup_table *op = arg;
	struct gnttab *gt = b->subject->gnttab;
	int rc;

	if (op->nr_frames > gt->max_frames)
		return GNTST_general_error;
	spin_lock(&gt->lock);
	rc = gnttab_grow(b->subject, op->nr_frames);
	spin_unlock(&gt->lock);
	if (rc)
		return rc == -ENOMEM ? GNTST_no_space : GNTST_general_error;
	return list_frames(handle_gva(op->frame_list), op->nr_frames);
}

static int op_get_status_frames(struct batch *b, void *arg)
{
	const struct gnttab_get_status_frames *op = arg;
	struct gnttab *gt = b->subject->gnttab;
	uint32_t have;

	spin_lock(&gt->lock);
	/* Version 1 keeps status in the entries. */
	have = gt->version == 2 ? gnttab_status_frames(gt->nr_frames) : 0;
	spin_unlock(&gt->lock);
	return op->nr_frames > have ? GNTST_general_error :
				      list_frames(handle_gva(op->frame_list), op->nr_frames);
}

static int op_set_version(struct batch *b, void *arg)
{
	struct gnttab_set_version *op = arg;
	int rc = gnttab_set_version(b->d, op->version);

	op->version = READ_ONCE(b->d->gnttab->version);
	return rc;
}

static int op_get_version(struct batch *b, void *arg)
{
	((struct gnttab_get_version *)arg)->version = READ_ONCE(b->subject->gnttab->version);
	return 0;
}

static int op_swap_grant_ref(struct batch *b, void *arg)
{
	const struct gnttab_swap_grant_ref *op = arg;
	const struct gnttab *gt = b->d->gnttab;
	struct grant_entry x, y;
	union grant_entry_v2 t;
	size_t size;

	spin_guard(&b->d->gnttab->lock);
	if (!gnttab_entry_at(gt, op->ref_a, &x) || !gnttab_entry_at(gt, op->ref_b, &y))
		return GNTST_bad_gntref;
	if (gnttab_in_use(x.a) || gnttab_in_use(y.a))
		return GNTST_eagain;
	size = gt->version == 1 ? sizeof(struct grant_entry_v1) : sizeof(union grant_entry_v2);
	memcpy(&t, x.word, size);
	memcpy(x.word, y.word, size);
	memcpy(y.word, &t, size);
	return GNTST_okay;
}

/* ---- the call ---- */

#define ROW(op, ...) [GNTTABOP_##op] = {op_##op, sizeof(struct gnttab_##op), __VA_ARGS__}
#define STATUS(op)   .status = offsetof(struct gnttab_##op, status)
#define SUBJECT(op)  .domid = 1 + offsetof(struct gnttab_##op, dom), .single = true

/*
 * What an operation returns is the status of its request or, where that has none, the result of the call.
 * Requests of arrays are copied back from their status on, as what they answer stands there; others whole.
 */
static const struct row {
	int (*fn)(struct batch *b, void *op);
	uint8_t size;
	uint8_t status; /* where in the request it is; 0: nowhere */
	uint8_t domid;  /* 1 + where in it the domain is named that it is about; 0: nowhere */
	bool single;    /* not an array: count must be 1 */
} rows[] = {
	ROW(map_grant_ref, STATUS(map_grant_ref)),
	ROW(unmap_grant_ref, STATUS(unmap_grant_ref)),
	ROW(setup_table, STATUS(setup_table), SUBJECT(setup_table)),
	ROW(copy, STATUS(copy)),
	ROW(query_size, STATUS(query_size), SUBJECT(query_size)),
	ROW(unmap_and_replace, STATUS(unmap_and_replace)),
	ROW(set_version, .single = true),
	ROW(get_status_frames, STATUS(get_status_frames), SUBJECT(get_status_frames)),
	ROW(get_version, SUBJECT(get_version)),
	ROW(swap_grant_ref, STATUS(swap_grant_ref)),
};

/* Perform @row on @op for the domain that it names. */
static int on_subject(struct batch *b, const struct row *row, void *op)
{
	domid_t id;
	int rc;

	memcpy(&id, (char *)op + row->domid - 1, sizeof(id));
	rc = domain_resolve(b->d, id, &b->subject);
	if (rc && row->status)
		return rc == -EPERM ? GNTST_permission_denied : GNTST_bad_domain;
	if (rc)
		return rc;
	domain_guard(b->subject);
	return row->fn(b, op);
}

static long run_one(struct batch *b, const struct row *row, uint64_t gva)
{
	const size_t back = row->single ? 0 : row->status;
	struct guest_place place;
	union {
		uint8_t whole[UINT8_MAX];
		struct gnttab_map_grant_ref map;
	} op;
	int rc;

	if (guest_read_arg(&op, gva, row->size, &place))
		return -EFAULT;
	rc = row->domid ? on_subject(b, row, &op) : row->fn(b, &op);
	if (row->status)
		*(int16_t *)(void *)&op.whole[row->status] = (int16_t)rc;
	if (place.at)
		place.at = (char *)place.at + back;
	if (guest_write_arg(&place, gva + back, &op.whole[back], row->size - back)) {
		/* The guest will never learn the handle. */
		if (row->fn == op_map_grant_ref && rc == GNTST_okay)
			gnttab_unmap(b->d, 0, op.map.handle);
		return -EFAULT;
	}
	return row->status ? 0 : rc;
}

long gnttab_hypercall(struct hypercall *hc)
{
	struct batch b = {.d = hc->d};
	const struct row *row;
	uint32_t left = (uint32_t)hc->arg[2];
	long rc = 0;

	if (hc->arg[0] >= ARRAY_SIZE(rows) || !rows[hc->arg[0]].fn)
		return -ENOSYS;
	row = &rows[hc->arg[0]];
	if ((row->single && left != 1) || (int32_t)left < 0)
		return -EINVAL;
	while (left && !rc) {
		rc = run_one(&b, row, hc->arg[1]);
		if (rc)
			break;
		hc->arg[1] += row->size;
		hc->arg[2] = --left;
		if (left && preempt_check())
			rc = -ERESTART;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(b.peer); i++)
		if (b.peer[i])
			domain_put(b.peer[i]);
	return rc;
}
