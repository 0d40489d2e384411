// SPDX-License-Identifier: Apache-2.0
/*
 * The ACPI tables domain 0 gets: the host's own, reached through a new RSDP and XSDT that leave out
 * what describes hardware the hypervisor keeps (DMAR, IVRS, HPET…), and a MADT with its vCPUs.
 */
#include "dom0/dom0.h"

#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/mm/map.h"
#include "core/guest.h"
#include "lib/string.h"

#define MAX_TABLES 32

/* What entries of a MADT take (ACPI 5.2.12). */
#define LAPIC_SIZE    8
#define IOAPIC_SIZE   12
#define OVERRIDE_SIZE 10
#define X2APIC_SIZE   16

#define LE32(n) (uint8_t)(n), (uint8_t)((n) >> 8), (uint8_t)((n) >> 16), (uint8_t)((n) >> 24)

/* What is made here, in one piece. */
static struct {
	struct acpi_rsdp rsdp;
	struct {
		struct acpi_header header;
		uint64_t table[MAX_TABLES + 1];
	} __packed xsdt;
	struct {
		struct acpi_header header;
		uint32_t lapic_base, flags;
		uint8_t entries[MAX_CPUS * X2APIC_SIZE + MAX_IOAPICS * IOAPIC_SIZE +
				ACPI_MAX_OVERRIDES * OVERRIDE_SIZE];
	} __packed madt;
} __packed block;
static_assert(sizeof(block) <= DOM0_ACPI_SIZE, "fits");

/* Everything else describes what the hypervisor owns, or is nobody's business. */
static const char *const allowed[] = {"FACP", "PSDT", "SSDT", "SBST", "MCFG", "SLIC",
				      "MSDM", "WDAT", "FPDT", "S3PT", "TPM2", "SPCR"};

static void fill_header(struct acpi_header *h, const char *signature, uint8_t revision, size_t len)
{
	*h = (struct acpi_header){
		.length = (uint32_t)len,
		.revision = revision,
		.oem_id = "DOMUS ",
		.oem_table_id = "HWDOM   ",
		.oem_revision = 1,
		.creator_id = "DOMS",
		.creator_revision = 1,
	};
	memcpy(h->signature, signature, sizeof(h->signature));
	h->checksum = acpi_checksum(h, len);
}

static bool table_allowed(const struct acpi_header *table)
{
	for (unsigned int i = 0; table && i < ARRAY_SIZE(allowed); i++)
		if (!memcmp(table->signature, allowed[i], 4))
			return true;
	return false;
}

/* List those of the host's tables that domain 0 may see. Return: how many. */
static unsigned int list_host_tables(void)
{
	unsigned int found = 0;
	paddr_t pa;

	for (uint32_t i = 0; found < MAX_TABLES && acpi_listed(&acpi, firmware_map, i, &pa); i++)
		if (table_allowed(firmware_map(pa, sizeof(struct acpi_header))))
			block.xsdt.table[found++] = pa;
	return found;
}

/* Add an entry, which says its size itself. */
static void put(uint8_t **at, const uint8_t *entry)
{
	memcpy(*at, entry, entry[1]);
	*at += entry[1];
}

/* The domain's vCPUs have their CPUs' numbers; IO-APICs and interrupt overrides are the host's. */
static void build_madt(const struct domain *d)
{
	uint8_t *at = block.madt.entries;

	block.madt.lapic_base = 0xfee00000;
	block.madt.flags = 0; /* no PC-AT 8259s for domain 0 */
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		uint32_t id = cpu_by_id(i)->apic_id;
		uint8_t lapic[] = {0, LAPIC_SIZE, (uint8_t)i, (uint8_t)id, LE32(1)};
		uint8_t x2apic[] = {9, X2APIC_SIZE, 0, 0, LE32(id), LE32(1), LE32(i)};

		put(&at, id < 255 ? lapic : x2apic);
	}
	for (unsigned int i = 0; i < acpi.nr_ioapics; i++)
		put(&at, (uint8_t[]){1, IOAPIC_SIZE, acpi.ioapic[i].id, 0,
				     LE32(acpi.ioapic[i].base), LE32(acpi.ioapic[i].gsi_base)});
	for (unsigned int i = 0; i < acpi.nr_overrides; i++) {
		const struct acpi_override *o = &acpi.override[i];

		put(&at, (uint8_t[]){2, OVERRIDE_SIZE, 0, o->source, LE32(o->gsi),
				     (uint8_t)o->flags, (uint8_t)(o->flags >> 8)});
	}
	fill_header(&block.madt.header, "APIC", 4, (size_t)(at - (uint8_t *)&block.madt));
}

int dom0_acpi_build(struct domain *d, uint64_t gpa)
{
	struct acpi_rsdp *r = &block.rsdp;
	unsigned int nr;

	memset(&block, 0, sizeof(block));
	nr = list_host_tables();
	block.xsdt.table[nr++] = gpa + offsetof(__typeof__(block), madt);
	fill_header(&block.xsdt.header, "XSDT", 1,
		    sizeof(block.xsdt.header) + nr * sizeof(uint64_t));
	build_madt(d);
	memcpy(r->signature, "RSD PTR ", 8);
	memcpy(r->oem_id, "DOMUS ", 6);
	r->revision = 2;
	r->length = sizeof(*r);
	r->xsdt = gpa + offsetof(__typeof__(block), xsdt);
	r->checksum = acpi_checksum(r, 20);
	r->extended_checksum = acpi_checksum(r, sizeof(*r));
	return guest_write_phys(d, gpa, &block, sizeof(block));
}
