/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "arch/x86/cpu/ioapic.h"

#define ACPI_MAX_CPUS      256
#define ACPI_MAX_OVERRIDES 32

/**
 * Give a pointer to @size bytes of physical memory at @pa, good until the next boot stage, or
 * NULL when they cannot be had.
 */
typedef const void *acpi_access_fn(paddr_t pa, size_t size);

/** A generic address (ACPI 5.2.3.2); space 0 is memory, 1 I/O ports, 2 PCI configuration. */
struct acpi_gas {
	uint8_t space, width, offset, access;
	uint64_t address;
} __packed;

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1

/** The root pointer (ACPI 5.2.5.3). */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __packed;
static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");

/** What every other table begins with (ACPI 5.2.6). */
struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __packed;
static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

/** What makes the @len bytes of @table sum up to 0: their checksum, or 0 if that is in place and right. */
uint8_t acpi_checksum(const void *table, size_t len);

/** A CPU the firmware says is usable. */
struct acpi_cpu {
	uint32_t apic_id;
	uint32_t uid;
};

/** An interrupt source override: ISA IRQ @source arrives at @gsi. */
struct acpi_override {
	uint8_t source;
	uint16_t flags; /* MPS INTI: polarity in bits 0-1, trigger in bits 2-3 */
	uint32_t gsi;
};

/** What the hypervisor wants of the ACPI tables. */
struct acpi_info {
	paddr_t rsdp, root; /* root is the XSDT, or the RSDT */
	paddr_t madt;
	uint32_t nr_cpus;
	struct acpi_cpu cpu[ACPI_MAX_CPUS];
	uint32_t nr_ioapics;
	struct ioapic ioapic[MAX_IOAPICS]; /* as far as the MADT says */
	uint32_t nr_overrides;
	struct acpi_override override[ACPI_MAX_OVERRIDES];
	paddr_t lapic_base;
	bool has_pic;             /* PC-AT compatible 8259s to be masked */
	uint16_t pm_timer;        /* I/O port, 0 when there is none */
	uint8_t century_register; /* CMOS index, 0 when there is none */
	bool has_reset;
	struct acpi_gas reset_register;
	uint8_t reset_value;
};

extern struct acpi_info acpi;

/**
 * Find the tables from the RSDP at @rsdp (0: look for it below 1 MiB) and fill @info.
 *
 * Every length, checksum and count is checked; a bad table is left out.
 * Return: 0, or -ENOENT when there is no usable root table or MADT.
 */
int must_check acpi_parse(paddr_t rsdp, acpi_access_fn *access, struct acpi_info *info);

/** The address of the @index-th table that the root table lists. Return: whether it lists so many. */
bool acpi_listed(const struct acpi_info *info, acpi_access_fn *access, uint32_t index, paddr_t *pa);

/**
 * The table with @signature (four characters), the @index-th of its kind.
 * Return: 0 with its address and length, or -ENOENT.
 */
int must_check acpi_find_table(const struct acpi_info *info, acpi_access_fn *access,
			       const char *signature, uint32_t index, paddr_t *pa, uint32_t *len);

/** Where ISA interrupt @irq arrives: its GSI and MPS INTI flags, identity without an override. */
void acpi_isa_irq(const struct acpi_info *info, uint8_t irq, uint32_t *gsi, uint16_t *flags);
