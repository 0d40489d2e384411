/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "arch/x86/mm/map.h"

/** Owner of frames the hypervisor uses for itself. */
#define FRAME_NONE 0xffff

enum frame_kind {
	FRAME_NOT_RAM = 0, /* must be zero: holes in mapped parts of the table */
	FRAME_FREE,        /* inside a free block */
	FRAME_FREE_HEAD,   /* first of a free block of `order`, contents known to be zero */
	FRAME_FREE_DIRTY,  /* first of a free block of `order`, contents of anybody */
	FRAME_USED,
	FRAME_SLAB,     /* heap page cut into objects */
	FRAME_LARGE,    /* first of a heap block of `order` */
	FRAME_TABLE,    /* page table: `refs` is 1 + its entries */
	FRAME_RESERVED, /* image, modules, boot allocations */
};

/** A 4 KiB frame of RAM. */
struct frame {
	uint32_t refs;  /* atomic; 0 when free */
	uint16_t owner; /* domid or FRAME_NONE; changed only by who holds the only reference */
	uint8_t kind;   /* enum frame_kind */
	uint8_t order;  /* of free and heap blocks, at their first frame; else the user's */
} __aligned(8);
static_assert(sizeof(struct frame) == 8, "0.2 % of RAM");

/** A run of RAM frames. */
struct frame_range {
	uint64_t start, end; /* end is exclusive */
};

/** Whether @mfn is RAM that the hypervisor knows, so that it has a struct frame. */
bool mfn_valid(mfn_t mfn);

/** The frame's record; @mfn must be valid. */
static inline struct frame *mfn_to_frame(mfn_t mfn)
{
	return &frame_table()[mfn.n];
}

/** Make the records of @nr frames from @mfn on all like @f. Each changes as a whole. */
void frames_fill(mfn_t mfn, uint64_t nr, struct frame f);

/** Record a run of RAM; the table must be mapped there and zeroed. Context: boot. */
void frames_add_range(uint64_t start, uint64_t end);

/** The runs of RAM, ascending. */
uint32_t frames_ranges(const struct frame_range **ranges);

/** How many frames of RAM there are, the hypervisor's own included. */
uint64_t frames_total(void);

/** One past the highest frame of RAM. */
uint64_t frames_end(void);

/** Take a further reference on a frame the caller already holds one on. */
void frame_get_held(mfn_t mfn);

/**
 * Drop a reference; the last one tells the release hook and frees the frame (marked dirty).
 * Context: any; takes the buddy lock.
 */
void frame_put(mfn_t mfn);
/** The same of the @nr frames from @mfn on; those that are freed, together. */
void frames_put(mfn_t mfn, uint64_t nr);

static inline uint16_t frame_owner(mfn_t mfn)
{
	return READ_ONCE(mfn_to_frame(mfn)->owner);
}

/**
 * Called when the last reference on a frame of @owner (not FRAME_NONE) has gone, just before it is
 * freed; its record is as the owner left it.
 */
typedef void frame_release_fn(uint16_t owner, mfn_t mfn);
void frame_set_release_hook(frame_release_fn *fn);
