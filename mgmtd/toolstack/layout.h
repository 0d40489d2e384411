/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything lies in a PVH guest's physical address space. */
#ifndef DOMUS_TOOLSTACK_LAYOUT_H
#define DOMUS_TOOLSTACK_LAYOUT_H

#include "kernel_elf.h"

#define GUEST_PAGE_SHIFT 12
#define GUEST_PAGE_SIZE  (1ull << GUEST_PAGE_SHIFT)

/* The hole below 4 GiB and what is in it. */
#define GUEST_HOLE_START   0xf0000000ull
#define GUEST_ACPI_BASE    0xfc000000ull
#define GUEST_SPECIAL_BASE 0xfeff8000ull
#define GUEST_SPECIAL_END  0xff000000ull
#define GUEST_XENSTORE_GFN 0xfeffcull
#define GUEST_CONSOLE_GFN  0xfefffull
#define GUEST_HIGH_START   0x100000000ull

#define GUEST_CMDLINE_MAX  4096 /* bytes, with the final NUL */
#define MEMMAP_ENTRIES_MAX 4

enum memmap_type { MEMMAP_RAM = 1, MEMMAP_RESERVED = 2, MEMMAP_ACPI = 3 };

struct memmap_entry {
	uint64_t addr;
	uint64_t size;
	enum memmap_type type;
};

struct layout {
	uint64_t low_pages;  /* RAM from 0 */
	uint64_t high_pages; /* RAM from 4 GiB */
	uint64_t entry;      /* guest physical, as all below */
	uint64_t rsdp;
	uint64_t initrd; /* page-aligned; 0 when there is none */
	uint64_t initrd_size;
	uint64_t start_info;      /* page-aligned; modules, map, command line behind it */
	uint64_t start_info_size; /* bytes */
	uint64_t acpi_pages;
	unsigned int nr_memmap;
	struct memmap_entry memmap[MEMMAP_ENTRIES_MAX]; /* ascending, no overlaps */
};

/**
 * Place everything: RAM from 0, split around the hole; kernel where its file says; the initrd and
 * the start info behind it.
 * @memory: bytes, page multiple. @acpi_size: bytes of the tables; they go to GUEST_ACPI_BASE.
 * Return: 0, or -EINVAL with TS_EINVAL when it does not fit.
 */
TS_MUST_CHECK int layout_plan(uint64_t memory, const struct elf_kernel *kernel,
			      uint64_t initrd_size, const char *cmdline, uint64_t acpi_size,
			      struct layout *out, struct ts_error *err);

/**
 * Write start info, module list, memory map and command line.
 * @out: start_info_size bytes that are going to lie at start_info.
 */
void start_info_write(const struct layout *l, const char *cmdline, uint8_t *out);

#endif
