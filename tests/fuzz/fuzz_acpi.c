// SPDX-License-Identifier: Apache-2.0
/*
 * The firmware's tables. The first byte says whether the loader named the RSDP; then come records that fill a window of memory: a kind (0 bytes as they are, 1 a
 * table, which gets its length and checksum, 2 the same for an RSDP), offset/16, length, bytes. What is
 * understood is then passed on to domain 0.
 */
#include "input.h"

#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/cpu.h"
#include "core/guest.h"
#include "dom0/dom0.h"

#define BASE 0xe0000u

static uint8_t bytes[0x20000];
static struct window memory = {.base = BASE, .data = bytes, .size = sizeof(bytes)};
static struct cpu cpus[2] = {{.apic_id = 0}, {.apic_id = 300}};

static const void *reach(paddr_t pa, size_t size)
{
	return window_read(&memory, pa, size);
}

const void *firmware_map(paddr_t pa, size_t size)
{
	return reach(pa, size);
}

struct cpu *cpu_by_id(uint32_t id)
{
	return &cpus[id % 2];
}

/* What domain 0 is given must be tables again. */
int guest_write_phys(struct domain *d, uint64_t gpa, const void *src, size_t len)
{
	static struct acpi_info made;
	static uint8_t page[4096];
	struct window saved = memory;

	(void)d;
	INSIST(len <= sizeof(page));
	memcpy(page, src, len);
	memory = (struct window){.base = gpa, .data = page, .size = len};
	INSIST(!acpi_parse(gpa, reach, &made));
	INSIST(made.nr_cpus == 2);
	INSIST(made.nr_ioapics == acpi.nr_ioapics && made.nr_overrides == acpi.nr_overrides);
	for (unsigned int i = 0; i < made.nr_ioapics; i++)
		INSIST(made.ioapic[i].id == acpi.ioapic[i].id &&
		       made.ioapic[i].base == acpi.ioapic[i].base &&
		       made.ioapic[i].gsi_base == acpi.ioapic[i].gsi_base);
	for (unsigned int i = 0; i < made.nr_overrides; i++)
		INSIST(made.override[i].source == acpi.override[i].source &&
		       made.override[i].gsi == acpi.override[i].gsi &&
		       made.override[i].flags == acpi.override[i].flags);
	window_close(&memory);
	memory = saved;
	return 0;
}

static void fix_sum(uint8_t *p, size_t len, uint8_t *where)
{
	uint8_t sum = 0;

	*where = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	*where = (uint8_t)-sum;
}

static void put(struct input *in)
{
	unsigned int kind = (unsigned int)input_number(in, 1) % 3;
	size_t offset = (input_number(in, 2) << 4) % sizeof(bytes);
	uint32_t len = (uint32_t)input_number(in, 2) % 4096;
	uint8_t *p = bytes + offset;

	if (len > sizeof(bytes) - offset)
		len = (uint32_t)(sizeof(bytes) - offset);
	input_bytes(in, p, len);
	if (kind == 1 && len >= 36) {
		memcpy(p + 4, &len, 4);
		fix_sum(p, len, p + 9);
	} else if (kind == 2 && len >= 36) {
		memcpy(p, "RSD PTR ", 8);
		fix_sum(p, 20, p + 8);
		fix_sum(p, 36, p + 32);
	}
}

static void check(void)
{
	paddr_t pa;
	uint32_t len, gsi;
	uint16_t flags;
	struct domain d = {.max_vcpus = 2};

	INSIST(acpi.nr_cpus && acpi.nr_cpus <= ACPI_MAX_CPUS && acpi.nr_ioapics <= MAX_IOAPICS);
	INSIST(acpi.nr_overrides <= ACPI_MAX_OVERRIDES && acpi.root && acpi.madt);
	for (uint32_t i = 0; i < 3; i++)
		if (!acpi_find_table(&acpi, reach, "SSDT", i, &pa, &len))
			INSIST(len >= 36 && reach(pa, len));
	for (unsigned int irq = 0; irq < 256; irq++)
		acpi_isa_irq(&acpi, (uint8_t)irq, &gsi, &flags);
	INSIST(!dom0_acpi_build(&d, 0x1000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	paddr_t rsdp;

	memset(bytes, 0, sizeof(bytes));
	rsdp = input_number(&in, 1) & 1 ? 0 : BASE;
	while (in.left)
		put(&in);
	if (!acpi_parse(rsdp, reach, &acpi))
		check();
	window_close(&memory);
	return 0;
}
