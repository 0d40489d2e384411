/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

#define FRAME_RECORD_SIZE 8u

/** Gives a zeroed page for the host's tables, or INVALID_MFN; mm/, which lies above, sets it. */
extern mfn_t (*map_page_source)(void);

/** Have records for the frames @start to @end (exclusive) in the frame table. Context: boot. */
void map_frames(uint64_t start, uint64_t end);
