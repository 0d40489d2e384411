/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

#define BUDDY_MAX_ORDER 18u /* 1 GiB */

/* Flags of buddy_alloc(). */
#define BUDDY_ZERO  1u /* contents must be zero */
#define BUDDY_CLEAN 2u /* with BUDDY_ZERO: they must be zero already, none is cleared now */

/**
 * Take 2^@order frames, aligned to their size. Each has refs 1, owner FRAME_NONE, FRAME_USED.
 *
 * Without BUDDY_ZERO the contents are what their last user left: only for memory that is
 * overwritten whole before anyone else can see it.
 * Return: the first frame, or INVALID_MFN. Context: any; takes the buddy lock.
 */
mfn_t must_check buddy_alloc(unsigned int order, unsigned int flags);

/** One zeroed frame, as buddy_alloc() gives it; also what page tables are made of. */
static inline mfn_t must_check buddy_alloc_page(void)
{
	return buddy_alloc(0, BUDDY_ZERO);
}

/** Free 2^@order frames at @mfn, whatever their references. Context: as buddy_alloc(). */
void buddy_free(mfn_t mfn, unsigned int order);
/** The same of the @nr frames from @mfn on. */
void buddy_free_run(mfn_t mfn, uint64_t nr);

/**
 * Take exactly the frames @mfn .. @mfn+@nr-1, which must all be free; state as buddy_alloc(), contents
 * undefined. Return: 0, or -EBUSY with nothing changed.
 */
int must_check buddy_claim(mfn_t mfn, uint64_t nr);

/** Whether @mfn is RAM inside a free block. */
bool buddy_is_free(mfn_t mfn);

/** Give the frames @start .. @start+@nr-1 to the allocator, dirty: at boot, or modules done with. */
void buddy_add(mfn_t start, uint64_t nr);

/** Frames that are free. Context: any, no lock. */
uint64_t buddy_free_pages(void);

/**
 * Let buddy_scrub_some() work from now on. Not before domain 0 has its memory: zeroed frames are given
 * out first, and those scrubbed early would be taken from the low memory that is to be its.
 */
void buddy_allow_scrubbing(void);

/**
 * Zero one free block of at most 512 KiB, unless the allocator is busy.
 * Return: whether there may be more. Context: idle.
 */
bool buddy_scrub_some(void);

/** Prepare the lists. Context: boot, once. */
void buddy_init(void);
