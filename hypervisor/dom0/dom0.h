/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/domain.h"

/**
 * Build and start domain 0 from the boot modules: module 0 is a Linux kernel as ELF with a PVH note and
 * its command line, module 1, if any, its initramfs. Options of the hypervisor's command line:
 * dom0_mem=SIZE, dom0_max_vcpus=N. Panics with words when there can be no domain 0.
 * Context: boot CPU, once.
 */
void dom0_create(struct boot_info *info);

/* ---- dom0/memory.c ---- */

/* Where things went; physical addresses are guest and machine addresses alike. */
struct dom0_layout {
	struct domain *d;
	struct e820_range e820[BOOT_MAX_E820];
	unsigned int nr_e820;
	uint64_t acpi;                 /* where its own tables go, a range of the map */
	uint64_t free_start, free_end; /* what is left of the run that dom0_reserve() gives from */
};

/** Give @d up to @bytes of RAM, mapped 1:1 from low memory up, and make its memory map. */
void dom0_populate(struct dom0_layout *l, const struct boot_info *info, uint64_t bytes);
/** @size bytes at the top of domain 0's largest run of RAM below 4 GiB. Return: address, 0 if full. */
uint64_t dom0_reserve(struct dom0_layout *l, uint64_t size);

/* ---- dom0/elf.c ---- */

/**
 * Load the ELF @image of @size bytes with @put (copy to, or clear when @src is NULL, guest-physical memory).
 * Return: 0, the PVH entry point and the end of what was loaded; -EINVAL for a bad image.
 */
typedef int elf_put_fn(void *ctx, uint64_t gpa, const void *src, uint64_t len);
int must_check elf_load(const void *image, uint64_t size, elf_put_fn *put, void *ctx,
			uint32_t *entry, uint64_t *end);

/* ---- dom0/acpi.c ---- */

/** Bytes that domain 0's own RSDP, XSDT and MADT need. */
#define DOM0_ACPI_SIZE PAGE_SIZE
/** Write them at @gpa of @d, the RSDP first. Return: 0, -EFAULT. */
int must_check dom0_acpi_build(struct domain *d, uint64_t gpa);
