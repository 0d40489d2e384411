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
	FRAME_TABLE,    /* page table of a guest: `refs` is 1 + its entries in use */
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

/** The frame's record; @mfn must be valid. */
static inline struct frame *mfn_to_frame(mfn_t mfn)
{
	return &frame_table()[mfn.n];
}
