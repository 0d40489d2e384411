/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

struct boot_info;

/*
 * Memory before the buddy allocator runs: taken from the top of RAM down, and never given back.
 */

/** Note what of RAM is in use: [@image_start, @image_end), and the modules of @info, which stays. */
void bootmem_init(const struct boot_info *info, paddr_t image_start, paddr_t image_end);

/** Take from RAM below @limit only: what is mapped by now. */
void bootmem_set_limit(paddr_t limit);

/** One zeroed page, for good. Never fails: panics when there is none. */
mfn_t boot_alloc_page(void);

/**
 * Move the modules of @info to the top of RAM, page-aligned, so that low memory is free.
 * A module that finds no room stays where it is.
 */
void boot_move_modules(struct boot_info *info);

/** Note all RAM and give the buddy allocator what nobody uses. The frame table must be mapped. */
void bootmem_finish(const struct boot_info *info);

/** Give the pages of module @index back, once it has been used. */
void boot_release_module(struct boot_info *info, uint32_t index);

/** The highest page below 640 KiB that is RAM, or 0. */
paddr_t boot_low_page(const struct boot_info *info);
