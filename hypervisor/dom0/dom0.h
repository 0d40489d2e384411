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
