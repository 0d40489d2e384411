/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"
#include "arch/x86/mm/layout.h"

struct boot_info;

/* Hosted tests have their own copy of this file. */

/** Where the direct map has @pa, which must be RAM the hypervisor knows. */
static inline void *phys_to_virt(paddr_t pa)
{
	return (void *)(uintptr_t)(DIRECTMAP_START + pa);
}

/** The physical address of @va, of the direct map or of the image. */
static inline paddr_t virt_to_phys(const void *va)
{
	uint64_t v = (uint64_t)(uintptr_t)va;

	return v >= DIRECTMAP_START ? v - DIRECTMAP_START : v - IMAGE_BASE;
}

static inline void *mfn_to_virt(mfn_t mfn)
{
	return phys_to_virt(mfn_to_paddr(mfn));
}

static inline mfn_t virt_to_mfn(const void *va)
{
	return paddr_to_mfn(virt_to_phys(va));
}

struct frame;

/** The frame table: indexed by frame number, mapped where there is RAM only. */
static inline struct frame *frame_table(void)
{
	return (struct frame *)FRAMES_START;
}

/**
 * Map @size bytes of device memory at @pa (below 512 GiB), uncached, for good.
 * Return: the address that stands for @pa, or NULL when out of reach or memory. Takes the map's lock.
 */
volatile void *mmio_map(paddr_t pa, size_t size);

/**
 * Have the direct map cover what firmware keeps at @pa, too: read-only, where it lies outside RAM. An
 * acpi_access_fn. Return: as mmio_map().
 */
const void *firmware_map(paddr_t pa, size_t size);

/**
 * Build the final page tables: image (text read-only, data no-execute), direct map of all RAM and
 * ACPI ranges, frame table; then use them. @alloc gives zeroed pages for tables, or INVALID_MFN.
 */
void map_init(const struct boot_info *info, mfn_t (*alloc)(void));

/** Take pages for tables from @alloc from now on. */
void map_set_page_source(mfn_t (*alloc)(void));

/** Switch the running CPU to the final page tables. */
void map_load(void);

/** The root of the final page tables, for CPUs that start. */
paddr_t map_root(void);

/** Have records for the frames @start to @end (exclusive) in the frame table. Context: boot. */
void map_frames(uint64_t start, uint64_t end);
