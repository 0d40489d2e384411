/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/*
 * Attributes of a leaf: the bits that its entry has (APM vol. 2, 5.3 and 15.25), but for PT_X, which the
 * hardware has the other way round. A leaf without PT_R is "not present" to the hardware, and yet carries a
 * frame and a type. An entry of value 0 carries nothing.
 */
#define PT_R             (1ULL << 0)
#define PT_W             (1ULL << 1)
#define PT_UC            (3ULL << 3) /* PWT and PCD: PAT entry 3, uncached */
#define PT_GLOBAL        (1ULL << 8) /* the host's only: kept in the TLB across CR3 loads */
#define PT_X             (1ULL << 63)
/* Eight bits for the user of the table (a p2m type), which the hardware ignores. */
#define PT_TYPE_SHIFT    52
#define PT_TYPE(t)       ((uint64_t)(t) << PT_TYPE_SHIFT)
#define PT_TYPE_OF(attr) ((uint8_t)((attr) >> PT_TYPE_SHIFT))
/* Ours, also ignored: the entry is a leaf, whatever its present bit says. */
#define PT_LEAF          (1ULL << 9)

#define PTAB_SIZES 3u /* of leaves: ORDER_4K, _2M, _1G */

/**
 * A radix tree of frames: four levels of 512 entries, with leaves of 4 KiB, 2 MiB or 1 GiB at levels 0 to 2.
 * The user serialises changes; lookups may run beside them, since entries are written whole. No function
 * here flushes any TLB.
 */
struct ptab {
	mfn_t root;           /* INVALID_MFN before ptab_init() */
	mfn_t (*alloc)(void); /* a zeroed page for a table, or INVALID_MFN */
	void (*free)(void *ctx, mfn_t mfn);
	void *ctx;           /* the user's */
	uint64_t nr_tables;  /* including the root */
	uint64_t max_tables; /* the user's: no more are made */
	uint64_t nr_leaves[PTAB_SIZES];
	mfn_t spare; /* of a nested one: an empty table of level 0, so that a lone leaf may come and go */
	bool nested;
};

/** A leaf as ptab_lookup() and ptab_walk() give it. */
struct ptab_leaf {
	mfn_t mfn;          /* first frame of the leaf */
	uint64_t attr;      /* PT_* */
	unsigned int order; /* ORDER_4K, _2M or _1G */
};

/**
 * Make an empty table. A @nested one is for a guest (AMD nested paging): it keeps the number of each table's
 * entries in the frame table, which must be there, and frees tables that become empty. The other kind is the
 * host's own. Return: 0, or -ENOMEM.
 */
int must_check ptab_init(struct ptab *pt, bool nested, mfn_t (*alloc)(void),
			 void (*free)(void *ctx, mfn_t mfn), void *ctx);

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
