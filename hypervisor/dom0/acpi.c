// SPDX-License-Identifier: Apache-2.0
/*
 * The ACPI tables domain 0 gets: the host's own, reached through a new RSDP and XSDT that leave out
 * what describes hardware the hypervisor keeps (DMAR, IVRS, HPET…), and a MADT with its vCPUs.
 */
#include "dom0/dom0.h"

#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/cpu.h"
#include "core/guest.h"
#include "lib/errno.h"
#include "lib/string.h"

#define MAX_TABLES 32

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_base, flags;
} __packed;

struct madt_lapic {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __packed;

struct madt_x2apic {
	uint8_t type, length;
	uint16_t reserved;
	uint32_t apic_id, flags, uid;
} __packed;

/* Everything else describes what the hypervisor owns, or is nobody's business. */
static const char *const allowed[] = {"FACP", "PSDT", "SSDT", "SBST", "MCFG", "SLIC",
				      "MSDM", "WDAT", "FPDT", "S3PT", "TPM2", "SPCR"};

static void fill_header(struct acpi_header *h, const char *signature, uint8_t revision, size_t len)
{
	memcpy(h->signature, signature, 4);
	h->length = (uint32_t)len;
	h->revision = revision;
	memcpy(h->oem_id, "DOMUS ", 6);
	memcpy(h->oem_table_id, "HWDOM   ", 8);
	h->oem_revision = 1;
	memcpy(h->creator_id, "DOMS", 4);
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = acpi_checksum(h, len);
}

static bool table_allowed(const char *signature)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(allowed); i++)
		if (!memcmp(signature, allowed[i], 4))
			return true;
	return false;
}

/* Addresses of the host's tables that domain 0 may see. */
static unsigned int host_tables(uint64_t out[MAX_TABLES])
{
	const struct acpi_header *root = acpi_access(acpi.root, sizeof(*root));
	unsigned int width, nr, found = 0;
	uint32_t length;

	if (!root)
		return 0;
	width = memcmp(root->signature, "XSDT", 4) ? 4 : 8;
	length = root->length;
	root = acpi_access(acpi.root, length);
	if (!root || length < sizeof(*root))
		return 0;
	nr = (unsigned int)(length - sizeof(*root)) / width;
	for (unsigned int i = 0; i < nr && found < MAX_TABLES; i++) {
		const char *at = (const char *)(root + 1) + i * width;
		const struct acpi_header *table;
		uint64_t pa = 0;

		memcpy(&pa, at, width);
		table = acpi_access(pa, sizeof(*table));
		if (table && table_allowed(table->signature))
			out[found++] = pa;
		root = acpi_access(acpi.root, length); /* the accessor may reuse its window */
	}
	return found;
}

static size_t put_vcpus(struct domain *d, uint8_t *at)
{
	uint8_t *start = at;

	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		uint32_t id = cpu_by_id(i)->apic_id;

		if (id < 255) {
			struct madt_lapic e = {0, sizeof(e), (uint8_t)i, (uint8_t)id, 1};

			memcpy(at, &e, sizeof(e));
			at += sizeof(e);
		} else {
			struct madt_x2apic e = {9, sizeof(e), 0, id, 1, i};

			memcpy(at, &e, sizeof(e));
			at += sizeof(e);
		}
	}
	return (size_t)(at - start);
}

static size_t put_host_entries(uint8_t *at, size_t room)
{
	const struct acpi_madt *madt = acpi_access(acpi.madt, sizeof(*madt));
	size_t len, pos, put = 0;
	const uint8_t *p;

	if (!madt)
		return 0;
	len = madt->header.length;
	p = acpi_access(acpi.madt, len);
	for (pos = sizeof(*madt); p && pos + 2 <= len; pos += p[pos + 1]) {
		if (p[pos + 1] < 2 || p[pos + 1] > len - pos || put + p[pos + 1] > room)
			break;
		/* IO-APICs and interrupt overrides domain 0 sees unchanged. */
		if (p[pos] != 1 && p[pos] != 2)
			continue;
		memcpy(at + put, p + pos, p[pos + 1]);
		put += p[pos + 1];
	}
	return put;
}

/* All three tables share one page, the RSDP first. */
static uint8_t page[DOM0_ACPI_SIZE] __aligned(16);

static size_t build_madt(struct domain *d, uint8_t *at, size_t room)
{
	struct acpi_madt *madt = (void *)at;
	size_t len = sizeof(*madt);

	if (room < len + d->max_vcpus * sizeof(struct madt_x2apic))
		return 0;
	madt->lapic_base = 0xfee00000;
	madt->flags = 0; /* no PC-AT 8259s for domain 0 */
	len += put_vcpus(d, at + len);
	len += put_host_entries(at + len, room - len);
	fill_header(&madt->header, "APIC", 4, len);
	return len;
}

static void build_rsdp(uint64_t xsdt)
{
	struct acpi_rsdp *r = (void *)page;

	memcpy(r->signature, "RSD PTR ", 8);
	memcpy(r->oem_id, "DOMUS ", 6);
	r->revision = 2;
	r->length = sizeof(*r);
	r->xsdt = xsdt;
	r->checksum = acpi_checksum(r, 20);
	r->extended_checksum = acpi_checksum(r, sizeof(*r));
}

int dom0_acpi_build(struct domain *d, uint64_t gpa, uint64_t *rsdp)
{
	uint64_t tables[MAX_TABLES];
	unsigned int nr = host_tables(tables);
	size_t xsdt_at = 64, madt_at, len;
	struct acpi_header *xsdt = (void *)(page + xsdt_at);
	size_t xsdt_len = sizeof(*xsdt) + (nr + 1) * sizeof(uint64_t);
	uint64_t madt_pa;
	int rc;

	memset(page, 0, sizeof(page));
	madt_at = ALIGN_UP(xsdt_at + xsdt_len, 16);
	len = build_madt(d, page + madt_at, sizeof(page) - madt_at);
	if (!len)
		return -ENOSPC;
	madt_pa = gpa + madt_at;
	memcpy(xsdt + 1, tables, nr * sizeof(uint64_t));
	memcpy((uint8_t *)(xsdt + 1) + nr * sizeof(uint64_t), &madt_pa, sizeof(madt_pa));
	fill_header(xsdt, "XSDT", 1, xsdt_len);
	build_rsdp(gpa + xsdt_at);
	rc = guest_write_phys(d, gpa, page, sizeof(page));
	if (!rc)
		*rsdp = gpa;
	return rc;
}
