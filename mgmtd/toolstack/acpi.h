/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI tables of a PVH guest: CPUs with a local APIC each, and nothing else. */
#ifndef DOMUS_TOOLSTACK_ACPI_H
#define DOMUS_TOOLSTACK_ACPI_H

#include <stddef.h>
#include <stdint.h>

/** Enough for TS_VCPUS_MAX vCPUs. */
#define ACPI_SIZE_MAX 8192

/**
 * Write RSDP (first), XSDT, FADT, FACS, DSDT and MADT for @vcpus vCPUs; vCPU n has APIC id 2n.
 * @base: guest physical address of @out, 64-byte aligned, below 4 GiB. @out: ACPI_SIZE_MAX bytes.
 * Return: bytes used.
 */
size_t acpi_build(uint64_t base, unsigned int vcpus, uint8_t *out);

#endif
