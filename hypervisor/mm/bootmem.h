/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MM_BOOTMEM_H
#define MM_BOOTMEM_H

#include "lib/types.h"

struct boot_info;

/*
 * Memory before the buddy allocator runs: taken page by page from the top of the highest RAM that
 * the boot page tables reach, and never given back.
 */

/** Find the region to take from: RAM below 4 GiB clear of the image and the modules. */
void bootmem_init(const struct boot_info *info);

/** One zeroed page, for good. Never fails: panics when there is none. */
mfn_t boot_alloc_page(void);

/**
 * Move the modules of @info to the top of RAM, page-aligned, so that low memory is free.
 * Context: after map_init(). A module that has no room elsewhere stays.
 */
void boot_move_modules(struct boot_info *info);

/** Fill frame table and buddy allocator with all RAM that neither image, modules nor we use. */
void bootmem_finish(const struct boot_info *info);

/** Give the pages of a module back when it has been used. */
void boot_release_module(struct boot_info *info, uint32_t index);

/** A page below 1 MiB that is RAM, for the trampoline; it stays free for others afterwards. */
paddr_t boot_low_page(const struct boot_info *info);

#endif
