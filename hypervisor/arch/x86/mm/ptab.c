/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/mm/ptab.h"

#include "arch/x86/mm/frame.h"
#include "lib/errno.h"

#define LEVELS    4u
#define TOP       (LEVELS - 1)
#define BITS      9u
#define ENTRIES   512u
#define MAX_FRAME (1ULL << (LEVELS * BITS))

#define E_U  (1ULL << 2) /* a nested walk is made as a user access: every entry needs it */
#define E_A  (1ULL << 5)
#define E_D  (1ULL << 6)
#define E_PS (1ULL << 7)

#define ATTRIBUTES (PT_R | PT_W | PT_UC | PT_GLOBAL | PT_TYPE(0xff) | PT_X)
#define ADDRESS    0x000ffffffffff000ULL

/* The way from the root to an entry: the table of each level that was visited. */
struct path {
	mfn_t table[LEVELS];
};

static uint64_t *entries(mfn_t table)
{
	return mfn_to_virt(table);
}

static unsigned int index_at(uint64_t frame, unsigned int level)
{
	return (unsigned int)(frame >> (level * BITS)) % ENTRIES;
}

static mfn_t mfn_of_entry(uint64_t entry)
{
	return paddr_to_mfn(entry & ADDRESS);
}

static bool is_leaf(uint64_t entry)
{
	return entry & PT_LEAF;
}

static uint64_t table_entry(const struct ptab *pt, mfn_t mfn)
{
	return mfn_to_paddr(mfn) | PT_R | PT_W | E_A | (pt->nested ? E_U : 0);
}

static uint64_t leaf_entry(const struct ptab *pt, mfn_t mfn, unsigned int level, uint64_t attr)
{
	return mfn_to_paddr(mfn) | (attr ^ PT_X) | PT_LEAF | E_A | E_D | (level ? E_PS : 0) |
	       (pt->nested ? E_U : 0);
}

static uint64_t attr_of_entry(uint64_t entry)
{
	return (entry & ATTRIBUTES) ^ PT_X;
}

static uint64_t read_entry(const uint64_t *e)
{
	return __atomic_load_n(e, __ATOMIC_ACQUIRE);
}

/*
 * A nested table's frame has one reference for the table itself, from its allocation, and one for each entry
 * in use.
 */
static void count_entries(mfn_t table, int more)
{
	mfn_to_frame(table)->refs += (uint32_t)more;
}

static bool is_empty(mfn_t table)
{
	return mfn_to_frame(table)->refs == 1;
}

/* The frame of a nested table is one like any other again. */
static void forget_entries(mfn_t table)
{
	mfn_to_frame(table)->kind = FRAME_USED;
	mfn_to_frame(table)->refs = 1;
}

/* Change one entry of @table, whole. */
static void write_entry(const struct ptab *pt, mfn_t table, unsigned int i, uint64_t value)
{
	uint64_t *e = entries(table) + i;

	if (pt->nested)
		count_entries(table, (value != 0) - (*e != 0));
	__atomic_store_n(e, value, __ATOMIC_RELEASE);
}

static mfn_t table_new(struct ptab *pt, unsigned int level)
{
	mfn_t mfn = INVALID_MFN;

	if (pt->nr_tables >= pt->max_tables)
		return INVALID_MFN;
	if (!level) {
		mfn = pt->spare;
		pt->spare = INVALID_MFN;
	}
	if (mfn_eq(mfn, INVALID_MFN))
		mfn = pt->alloc();
	if (mfn_eq(mfn, INVALID_MFN))
		return mfn;
	if (pt->nested)
		mfn_to_frame(mfn)->kind = FRAME_TABLE;
	pt->nr_tables++;
	return mfn;
}

static void table_free(struct ptab *pt, mfn_t mfn)
{
	if (pt->nested)
		forget_entries(mfn);
	pt->nr_tables--;
	pt->free(pt->ctx, mfn);
}

/*
 * As table_free() for one that holds nothing. Only of leaves of 4 KiB is one kept, to be that again: a CPU may
 * have the way to it cached, and would take anything else in it for such leaves, or such leaves for tables.
 */
static void table_put(struct ptab *pt, mfn_t mfn, unsigned int level)
{
	if (level || !mfn_eq(pt->spare, INVALID_MFN)) {
		table_free(pt, mfn);
		return;
	}
	forget_entries(mfn);
	pt->nr_tables--;
	pt->spare = mfn;
}

/* Free @table of @level and all tables below it. The depth is bounded by LEVELS. */
static void subtree_free(struct ptab *pt, mfn_t table, unsigned int level)
{
	for (unsigned int i = 0; i < ENTRIES; i++) {
		uint64_t e = entries(table)[i];

		if (e && is_leaf(e))
			pt->nr_leaves[level]--;
		else if (e)
			subtree_free(pt, mfn_of_entry(e), level - 1);
	}
	table_free(pt, table);
}

int ptab_init(struct ptab *pt, bool nested, mfn_t (*alloc)(void),
	      void (*free)(void *ctx, mfn_t mfn), void *ctx)
{
	*pt = (struct ptab){
		.alloc = alloc,
		.free = free,
		.ctx = ctx,
		.nested = nested,
		.root = INVALID_MFN,
		.spare = INVALID_MFN,
		.max_tables = ~0ULL,
	};
	pt->root = table_new(pt, TOP);
	if (mfn_eq(pt->root, INVALID_MFN))
		return -ENOMEM;
	if (nested) /* if it can't be had now it is kept later */
		pt->spare = alloc();
	return 0;
}

void ptab_destroy(struct ptab *pt)
{
	if (mfn_eq(pt->root, INVALID_MFN))
		return;
	subtree_free(pt, pt->root, TOP);
	pt->root = INVALID_MFN;
	if (!mfn_eq(pt->spare, INVALID_MFN))
		pt->free(pt->ctx, pt->spare);
	pt->spare = INVALID_MFN;
}

/* Turn the leaf in entry @i of @table into a table of 512 leaves that map the same. */
static int split_leaf(struct ptab *pt, mfn_t table, unsigned int i, unsigned int level)
{
	uint64_t e = entries(table)[i];
	mfn_t base = mfn_of_entry(e);
	uint64_t attr = attr_of_entry(e);
	mfn_t low = table_new(pt, level - 1);

	if (mfn_eq(low, INVALID_MFN))
		return -ENOMEM;
	for (unsigned int j = 0; j < ENTRIES; j++) {
		mfn_t mfn = mfn_add(base, (uint64_t)j << ((level - 1) * BITS));

		entries(low)[j] = leaf_entry(pt, mfn, level - 1, attr);
	}
	if (pt->nested)
		count_entries(low, ENTRIES);
	pt->nr_leaves[level]--;
	pt->nr_leaves[level - 1] += ENTRIES;
	write_entry(pt, table, i, table_entry(pt, low));
	return 0;
}

/* Free tables on the way that have become empty, from @level up; the root stays. */
static void prune(struct ptab *pt, const struct path *path, uint64_t frame, unsigned int level)
{
	if (!pt->nested)
		return;
	for (; level < TOP && is_empty(path->table[level]); level++) {
		write_entry(pt, path->table[level + 1], index_at(frame, level + 1), 0);
		table_put(pt, path->table[level], level);
	}
}

/* Have a table behind @frame's entry at @level, where there is none: a new one, or a leaf's pieces. */
static __noinline int open_way(struct ptab *pt, const struct path *path, uint64_t frame,
			       unsigned int level)
{
	mfn_t table = path->table[level], low;
	unsigned int i = index_at(frame, level);

	if (entries(table)[i])
		return split_leaf(pt, table, i, level);
	low = table_new(pt, level - 1);
	if (mfn_eq(low, INVALID_MFN)) {
		prune(pt, path, frame, level);
		return -ENOMEM;
	}
	write_entry(pt, table, i, table_entry(pt, low));
	return 0;
}

/*
 * Walk down to the table of @level that has @frame's entry. Leaves in the way are split, and
 * missing tables made when @make is set; without it a hole ends the walk with -ENOENT.
 */
static int descend(struct ptab *pt, uint64_t frame, unsigned int level, bool make,
		   struct path *path)
{
	path->table[TOP] = pt->root;
	for (unsigned int l = TOP; l > level; l--) {
		const uint64_t *e = entries(path->table[l]) + index_at(frame, l);

		if (!*e && !make)
			return -ENOENT;
		if (unlikely(!*e || is_leaf(*e)) && open_way(pt, path, frame, l))
			return -ENOMEM;
		path->table[l - 1] = mfn_of_entry(*e);
	}
	return 0;
}

/* Put @value into @frame's entry at @level and free what tables the old one led to. */
static void replace(struct ptab *pt, const struct path *path, uint64_t frame, unsigned int level,
		    uint64_t value)
{
	unsigned int i = index_at(frame, level);
	uint64_t old = entries(path->table[level])[i];

	write_entry(pt, path->table[level], i, value);
	pt->nr_leaves[level] += value != 0;
	if (old && is_leaf(old))
		pt->nr_leaves[level]--;
	else if (old)
		subtree_free(pt, mfn_of_entry(old), level - 1);
}

static bool range_ok(uint64_t frame, unsigned int order)
{
	return order % BITS == 0 && order <= ORDER_1G && !(frame & ((1ULL << order) - 1)) &&
	       frame < MAX_FRAME;
}

int ptab_map(struct ptab *pt, uint64_t frame, mfn_t mfn, unsigned int order, uint64_t attr)
{
	unsigned int level = order / BITS;
	struct path path;
	int rc;

	if (!range_ok(frame, order) || (mfn.n & ((1ULL << order) - 1)))
		return -EINVAL;
	rc = descend(pt, frame, level, true, &path);
	if (rc)
		return rc;
	replace(pt, &path, frame, level, leaf_entry(pt, mfn, level, attr));
	return 0;
}

int ptab_unmap(struct ptab *pt, uint64_t frame, unsigned int order)
{
	unsigned int level = order / BITS;
	struct path path;
	int rc;

	if (!range_ok(frame, order))
		return -EINVAL;
	rc = descend(pt, frame, level, false, &path);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	replace(pt, &path, frame, level, 0);
	prune(pt, &path, frame, level);
	return 0;
}

/* The entry that decides about @frame: a leaf, or 0. *@order is how much it covers. */
static uint64_t find_entry(const struct ptab *pt, uint64_t frame, unsigned int *order)
{
	paddr_t table = mfn_to_paddr(pt->root);

#pragma GCC unroll 4
	for (unsigned int level = LEVELS; level--;) {
		uint64_t e = read_entry((uint64_t *)phys_to_virt(table) + index_at(frame, level));

		if (!e || is_leaf(e)) {
			*order = level * BITS;
			return e;
		}
		table = e & ADDRESS;
	}
	BUG(); /* what stands in a table of 4 KiB leaves is one */
}

static struct ptab_leaf leaf_of(uint64_t e, unsigned int order)
{
	return (struct ptab_leaf){
		.mfn = mfn_of_entry(e),
		.attr = attr_of_entry(e),
		.order = order,
	};
}

int ptab_lookup(const struct ptab *pt, uint64_t frame, struct ptab_leaf *leaf)
{
	unsigned int order;
	uint64_t e = frame < MAX_FRAME ? find_entry(pt, frame, &order) : 0;

	if (!e)
		return -ENOENT;
	*leaf = leaf_of(e, order);
	return 0;
}

bool ptab_walk(struct ptab *pt, uint64_t *pos, ptab_walk_fn *fn, void *ctx)
{
	uint64_t frame = *pos;
	bool go_on = true;

	while (go_on && frame < MAX_FRAME) {
		unsigned int order;
		uint64_t e = find_entry(pt, frame, &order);
		uint64_t start = ALIGN_DOWN(frame, 1ULL << order);

		if (e) {
			struct ptab_leaf leaf = leaf_of(e, order);

			go_on = fn(ctx, start, &leaf);
		}
		frame = start + (1ULL << order);
	}
	*pos = frame;
	return frame >= MAX_FRAME;
}
