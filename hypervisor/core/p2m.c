// SPDX-License-Identifier: Apache-2.0
/*
 * Guest-physical to machine frames: a nested page table whose leaves say, in their software bits, what
 * kind of frame they map and so whose reference they hold.
 *
 * A frame that loses its mapping is put back only after every CPU has forgotten the translation:
 * change the leaf, bump tlb_gen, wait for CPUs that run the domain to leave guest mode, drop.
 */
#include "core/p2m.h"

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/asm.h"
#include "core/vcpu.h"
#include "lib/errno.h"
#include "mm/buddy.h"
#include "mm/frames.h"

/*
 * A CPU may have the way to the table cached and walk it until it has been flushed. The link is not
 * "present" to it. Page 0 is never a table.
 */
static void table_free(void *ctx, mfn_t mfn)
{
	struct p2m *p2m = ctx;

	WRITE_ONCE(*(paddr_t *)mfn_to_virt(mfn), p2m->emptied);
	p2m->emptied = mfn_to_paddr(mfn);
	p2m->tlb_gen++;
}

static paddr_t take_emptied(struct p2m *p2m)
{
	paddr_t tables = p2m->emptied;

	p2m->emptied = 0;
	return tables;
}

/* Give back tables that no CPU walks any more. */
static void free_emptied(paddr_t tables)
{
	while (tables) {
		paddr_t *first = phys_to_virt(tables);
		mfn_t mfn = paddr_to_mfn(tables);

		tables = *first;
		*first = 0;
		buddy_free(mfn, 0);
	}
}

static uint64_t attr_of(enum p2m_type type)
{
	uint64_t attr = PT_R | PT_X | PT_TYPE(type);

	if (type != P2M_GRANT_RO)
		attr |= PT_W;
	if (type == P2M_MMIO)
		attr |= PT_UC;
	return attr;
}

/* Whether a leaf of @type keeps a frame reference that goes with it (maptrack keeps a grant's). */
static bool holds_reference(enum p2m_type type)
{
	return type == P2M_RAM || type == P2M_FOREIGN || type == P2M_SPECIAL;
}

int p2m_init(struct domain *d)
{
	struct p2m *p2m = &d->p2m;
	int rc = ptab_init(&p2m->table, true, buddy_alloc_page, table_free, p2m);

	if (!d->is_hwdom)
		p2m->table.max_tables = P2M_DEFAULT_TABLES;
	p2m->tlb_gen = 1;
	return rc;
}

void p2m_fini(struct domain *d)
{
	ptab_destroy(&d->p2m.table);
	free_emptied(take_emptied(&d->p2m));
}

/* Inline, for the sake of grant operations: they would lose 2 % by the calls. */
inline mfn_t p2m_lookup_locked(struct domain *d, gfn_t gfn, enum p2m_type *type,
			       unsigned int *order)
{
	struct ptab_leaf leaf;

	*type = P2M_NONE;
	if (ptab_lookup(&d->p2m.table, gfn.n, &leaf))
		return INVALID_MFN;
	*type = (enum p2m_type)PT_TYPE_OF(leaf.attr);
	if (order)
		*order = leaf.order;
	return ptab_leaf_mfn(&leaf, gfn.n);
}

mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order)
{
	spin_guard(&d->p2m.lock);
	return p2m_lookup_locked(d, gfn, type, order);
}

int p2m_get_own_frame(struct domain *d, gfn_t gfn, bool write, mfn_t *out)
{
	enum p2m_type type;
	mfn_t mfn;

	spin_guard(&d->p2m.lock);
	mfn = p2m_lookup_locked(d, gfn, &type, NULL);
	if (!p2m_is_memory(type) || (write && type == P2M_GRANT_RO) || frame_owner(mfn) != d->id)
		return -EINVAL;
	frame_get_held(mfn);
	*out = mfn;
	return 0;
}

/* ---- forgetting ---- */

static bool runs_guest(const struct cpu *c, const struct domain *d)
{
	const struct vcpu *v = READ_ONCE(c->current);

	return c->in_guest && v && v->domain == d;
}

void p2m_flush(struct domain *d)
{
	uint64_t kicked = 0;
	uint32_t i;

	/* The generation is up already: whoever enters from now on flushes first. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for_each_cpu(i) {
		if (i != cpu_id() && runs_guest(cpu_by_id(i), d)) {
			apic_send_kick(cpu_by_id(i));
			kicked |= 1ULL << i;
		}
	}
	if (!kicked)
		return;
	/* in_guest falls at the exit itself, whatever that CPU does next, so this cannot deadlock. */
	for_each_cpu(i) {
		while ((kicked >> i & 1) && runs_guest(cpu_by_id(i), d))
			cpu_relax();
	}
}

/* ---- changing ---- */

/* What lay at a range before: references and tables, dropped once nobody can use them. */
struct dropped {
	mfn_t mfn;
	uint64_t nr;
	paddr_t tables;
	bool flush; /* whatever else */
};

static void drop(struct domain *d, const struct dropped *old)
{
	if (!old->nr && !old->tables && !old->flush)
		return;
	p2m_flush(d);
	frames_put(old->mfn, old->nr);
	free_emptied(old->tables);
}

/* What must be dropped when @leaf's part that [@frame, + 2^@order) covers goes. */
static void note_dropped(const struct ptab_leaf *leaf, uint64_t frame, unsigned int order,
			 struct dropped *old)
{
	unsigned int part = min(order, leaf->order);

	if (!holds_reference((enum p2m_type)PT_TYPE_OF(leaf->attr)))
		return;
	old->mfn = ptab_leaf_mfn(leaf, frame);
	old->nr = 1ULL << part;
}

/* As note_dropped(), and @leaf is out: what was read of it, in the CPUs or by us, holds no more. */
static void forget(struct p2m *p2m, const struct ptab_leaf *leaf, uint64_t frame,
		   unsigned int order, struct dropped *old)
{
	note_dropped(leaf, frame, order, old);
	old->flush = true;
	p2m->tlb_gen++;
	if (PT_TYPE_OF(leaf->attr) == P2M_RAM)
		p2m->ram_gen++;
}

static bool first_leaf(void *ctx, uint64_t frame, const struct ptab_leaf *leaf)
{
	(void)leaf;
	*(uint64_t *)ctx = frame;
	return false;
}

/*
 * Replacing by a superpage is for empty ranges only (populate, domain 0's start), so what may lie there
 * is one leaf at the most: -EEXIST otherwise.
 */
static int range_leaf(struct ptab *pt, uint64_t frame, unsigned int order, struct ptab_leaf *leaf,
		      bool *present)
{
	uint64_t pos = frame, found = ~0ULL;

	*present = !ptab_lookup(pt, frame, leaf);
	if (*present)
		return leaf->order < order ? -EEXIST : 0;
	if (order)
		ptab_walk(pt, &pos, first_leaf, &found);
	return found - frame < 1ULL << order ? -EEXIST : 0;
}

int p2m_map(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
	struct dropped old = {.nr = 0};
	struct ptab_leaf leaf;
	bool present;
	int rc;

	if (gfn.n >= GFN_LIMIT)
		return -EINVAL;
	spin_lock(&d->p2m.lock);
	/* Of what comes after the teardown nobody would take care. */
	rc = READ_ONCE(d->dying) ? -EINVAL :
				   range_leaf(&d->p2m.table, gfn.n, order, &leaf, &present);
	if (!rc)
		rc = ptab_map(&d->p2m.table, gfn.n, mfn, order, attr_of(type));
	if (!rc && present)
		forget(&d->p2m, &leaf, gfn.n, order, &old);
	old.tables = take_emptied(&d->p2m);
	spin_unlock(&d->p2m.lock);
	drop(d, &old);
	return rc;
}

int p2m_unmap(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type want)
{
	struct dropped old = {.nr = 0};
	enum p2m_type type;
	struct ptab_leaf leaf;
	int rc;

	if (gfn.n >= GFN_LIMIT)
		return -EINVAL;
	spin_lock(&d->p2m.lock);
	rc = ptab_lookup(&d->p2m.table, gfn.n, &leaf);
	if (!rc) {
		type = (enum p2m_type)PT_TYPE_OF(leaf.attr);
		if ((!mfn_eq(mfn, INVALID_MFN) && !mfn_eq(mfn, ptab_leaf_mfn(&leaf, gfn.n))) ||
		    (want != P2M_NONE && want != type))
			rc = -EINVAL;
	}
	if (!rc)
		rc = ptab_unmap(&d->p2m.table, gfn.n, ORDER_4K);
	if (!rc)
		forget(&d->p2m, &leaf, gfn.n, ORDER_4K, &old);
	old.tables = take_emptied(&d->p2m);
	spin_unlock(&d->p2m.lock);
	drop(d, &old);
	return rc;
}

/* ---- the end ---- */

#define TEARDOWN_BATCH 8192 /* frames between looks at the clock */

struct teardown {
	struct domain *d;
	uint64_t frames;
};

static bool teardown_leaf(void *ctx, uint64_t frame, const struct ptab_leaf *leaf)
{
	struct teardown *t = ctx;
	struct ptab *pt = &t->d->p2m.table;
	unsigned int order = min(leaf->order, ORDER_2M);
	struct dropped old = {.nr = 0};

	/* What is larger goes part by part, unless there is no page for the table of parts. */
	if (ptab_unmap(pt, frame, order)) {
		order = leaf->order;
		BUG_ON(ptab_unmap(pt, frame, order));
	}
	note_dropped(leaf, frame, order, &old);
	frames_put(old.mfn, old.nr);
	t->frames += old.nr + 1;
	return t->frames < TEARDOWN_BATCH && order == leaf->order;
}

int p2m_teardown(struct domain *d)
{
	struct teardown t = {.d = d};
	uint64_t pos = 0;
	paddr_t tables;
	bool end;

	/* No vCPU of a dying domain runs again, so there is no translation left to forget. */
	spin_lock(&d->p2m.lock);
	end = ptab_walk(&d->p2m.table, &pos, teardown_leaf, &t);
	tables = take_emptied(&d->p2m);
	spin_unlock(&d->p2m.lock);
	free_emptied(tables);
	return end ? 0 : -ERESTART;
}
