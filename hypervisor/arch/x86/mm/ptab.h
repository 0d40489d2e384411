/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/* Attributes of a leaf; the format turns them into hardware bits and back without loss. */
#define PT_R             1ULL
#define PT_W             2ULL
#define PT_X             4ULL
#define PT_UC            8ULL
/* Eight bits for the user of the table (a p2m type), kept in bits the hardware ignores. */
#define PT_TYPE_SHIFT    8
#define PT_TYPE(t)       ((uint64_t)(t) << PT_TYPE_SHIFT)
#define PT_TYPE_OF(attr) ((uint8_t)((attr) >> PT_TYPE_SHIFT))
/* Host format only: kept in the TLB across CR3 loads; ignored by the others. */
#define PT_GLOBAL        16ULL

/**
 * How one kind of hardware writes its entries. All have four levels of 512 entries, 4 KiB leaves
 * at level 0, and may have 2 MiB and 1 GiB leaves at levels 1 and 2.
 *
 * An entry of value 0 is not present and carries nothing. A leaf may be "not present" to the
 * hardware (attributes without PT_R) and yet carry a frame and a type.
 */
struct ptab_format {
	const char *name;
	uint64_t (*table)(mfn_t mfn); /* entry that points to a table */
	uint64_t (*leaf)(mfn_t mfn, unsigned int level, uint64_t attr);
	uint64_t (*attr)(uint64_t entry, unsigned int level);
	uint64_t leaf_mask, leaf_value; /* an entry is a leaf if these bits of it are such */
	unsigned int type_shift;        /* where a leaf has its PT_TYPE */
	unsigned int max_leaf_order;
};

static inline bool ptab_is_leaf(const struct ptab_format *fmt, uint64_t entry)
{
	return (entry & fmt->leaf_mask) == fmt->leaf_value;
}

/* The frame of an entry stands in the same bits everywhere. */
#define PT_ADDRESS 0x000ffffffffff000ULL

static inline mfn_t ptab_entry_mfn(uint64_t entry)
{
	return mfn_of((entry & PT_ADDRESS) >> 12);
}

extern const struct ptab_format ptab_host; /* the hypervisor's own tables */
extern const struct ptab_format ptab_npt;  /* AMD nested paging */

#define PTAB_SIZES 3u /* of leaves: ORDER_4K, _2M, _1G */

/**
 * A radix tree of frames. The user serialises changes; lookups may run beside them, since
 * entries are written whole. No function here flushes any TLB.
 */
struct ptab {
	const struct ptab_format *fmt;
	mfn_t root; /* INVALID_MFN before ptab_init() */
	/* A zeroed page for a table, or INVALID_MFN; @ctx is the user's. */
	mfn_t (*alloc)(void *ctx);
	void (*free)(void *ctx, mfn_t mfn);
	void *ctx;
	uint64_t nr_tables; /* including the root */
	uint64_t nr_leaves[PTAB_SIZES];
	mfn_t spare;  /* of a counted one: an empty table, so that a lone leaf may come and go */
	bool counted; /* keep entry counts in the frame table and free emptied tables */
};

/** A leaf as ptab_lookup() and ptab_walk() give it. */
struct ptab_leaf {
	mfn_t mfn;          /* first frame of the leaf */
	uint64_t attr;      /* PT_* */
	unsigned int order; /* ORDER_4K, _2M or _1G */
};

/**
 * Make an empty table. @counted: see struct ptab; needs the frame table, and is wanted for all but
 * the host's own. Return: 0, or -ENOMEM.
 */
int must_check ptab_init(struct ptab *pt, const struct ptab_format *fmt, bool counted,
			 mfn_t (*alloc)(void *ctx), void (*free)(void *ctx, mfn_t mfn), void *ctx);

/** Free all tables, whatever they still map. Use ptab_walk() first when the leaves matter. */
void ptab_destroy(struct ptab *pt);

/**
 * Map the 2^@order frames at @frame to @mfn with @attr, replacing what is there. @order is one
 * of ORDER_*, and @frame and @mfn are aligned to it; larger leaves in the way are split.
 *
 * Return: 0, -ENOMEM (nothing changed), -EINVAL for a bad order or alignment.
 */
int must_check ptab_map(struct ptab *pt, uint64_t frame, mfn_t mfn, unsigned int order,
			uint64_t attr);

/** Unmap the 2^@order frames at @frame. Return: 0 (also when nothing was mapped), or -ENOMEM. */
int must_check ptab_unmap(struct ptab *pt, uint64_t frame, unsigned int order);

/**
 * Look @frame up. Return: 0 and the leaf that holds it (its @mfn is the leaf's first frame: use
 * ptab_leaf_mfn()), or -ENOENT.
 */
int must_check ptab_lookup(const struct ptab *pt, uint64_t frame, struct ptab_leaf *leaf);

/**
 * The same for who wants no attributes. Return: the frame that @frame has, *@type and *@order of the leaf
 * it lies in; INVALID_MFN, and neither written, if there is none.
 */
mfn_t ptab_find(const struct ptab *pt, uint64_t frame, uint8_t *type, unsigned int *order);

/** The frame that @frame has within @leaf. */
static inline mfn_t ptab_leaf_mfn(const struct ptab_leaf *leaf, uint64_t frame)
{
	return mfn_of(leaf->mfn.n + (frame & ((1ULL << leaf->order) - 1)));
}

/**
 * Called by ptab_walk() for the leaf that begins at @frame. It may change or unmap that leaf.
 * Return: true to go on, false to stop after this leaf.
 */
typedef bool ptab_walk_fn(void *ctx, uint64_t frame, const struct ptab_leaf *leaf);

/**
 * Give every leaf from *@pos on to @fn, in order, skipping what is empty.
 * *@pos is where to go on next time. Return: true when the end was reached.
 */
bool ptab_walk(struct ptab *pt, uint64_t *pos, ptab_walk_fn *fn, void *ctx);
