/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "arch/x86/mm/frame.h"

/** A run of RAM frames. */
struct frame_range {
	uint64_t start, end; /* end is exclusive */
};

/** Whether @mfn is RAM that the hypervisor knows, so that it has a struct frame. */
bool mfn_valid(mfn_t mfn);

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
