/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

#define BOOT_MAX_MODULES 8
#define BOOT_MAX_E820    128
#define BOOT_CMDLINE_MAX 1024

/* Types of memory ranges, as the BIOS call E820 numbers them. */
#define E820_RAM      1u
#define E820_RESERVED 2u
#define E820_ACPI     3u
#define E820_NVS      4u
#define E820_BAD      5u

/** A file the boot loader brought along. */
struct boot_module {
	paddr_t start; /* page-aligned once boot_move_modules() ran */
	uint64_t size; /* bytes */
	char cmdline[BOOT_CMDLINE_MAX];
};

struct e820_range {
	uint64_t addr, size; /* bytes; never wraps, RAM is whole pages */
	uint32_t type;
} __packed; /* as BIOS INT 15h, AX=E820h has it, and guests too */

/** What the boot loader told us, made sane: sorted, non-overlapping, in bounds. */
struct boot_info {
	char cmdline[BOOT_CMDLINE_MAX];
	char loader[32];
	uint32_t nr_modules;
	struct boot_module module[BOOT_MAX_MODULES];
	uint32_t nr_e820;
	struct e820_range e820[BOOT_MAX_E820];
	paddr_t rsdp; /* 0 when the loader gave none */
	/* The loader's copy of the RSDP lies in memory that will be reused: this one stays. */
	uint32_t rsdp_size;
	uint8_t rsdp_copy[36] __aligned(16);
};

/** Walk the memory map of @info (a struct boot_info, or another with such a map), or what is RAM in it. */
#define for_each_e820(info, e) \
	for (const struct e820_range *e = (info)->e820; (e) < (info)->e820 + (info)->nr_e820; (e)++)
#define for_each_ram(info, e)  \
	for_each_e820(info, e) \
		if ((e)->type == E820_RAM)

/** The one of this boot; constant after early boot. */
extern struct boot_info boot_info;

#define MULTIBOOT1_BOOT_MAGIC 0x2badb002u
#define MULTIBOOT2_BOOT_MAGIC 0x36d76289u

/**
 * Give a pointer to @size bytes of what the loader left at @pa, or NULL when out of reach.
 */
typedef const void *boot_access_fn(paddr_t pa, size_t size);

/**
 * Parse the information at @pa that came with @magic in EAX.
 * Return: 0, -EINVAL for an unknown magic or broken data, -ENOENT without a memory map.
 */
int must_check boot_parse(uint32_t magic, paddr_t pa, boot_access_fn *access,
			  struct boot_info *info);

/** boot_parse() for each of the two protocols; exposed for tests. */
int must_check boot_parse_multiboot1(paddr_t pa, boot_access_fn *access, struct boot_info *info);
int must_check boot_parse_multiboot2(paddr_t pa, boot_access_fn *access, struct boot_info *info);

/**
 * Put the map of @info in order: sort by address, cut overlaps (the less usable type wins), round
 * RAM inward to pages, join neighbours of one type.
 */
void boot_e820_sanitise(struct boot_info *info);

/** Add a range to the map of @info; a full map or an empty range is ignored. */
void boot_e820_add(struct boot_info *info, uint64_t addr, uint64_t size, uint32_t type);

/**
 * Add @r, not empty, to the end of a map of BOOT_MAX_E820, joined with the last range if it is of the same kind
 * and ends there. Return: whether there was room.
 */
bool e820_append(struct e820_range *map, uint32_t *nr, struct e820_range r);

/** Where boot.S goes: the loader's @magic and the address of its information. */
void __noreturn hv_main(uint32_t magic, paddr_t info);
