/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI tables (ACPI specification 6.4, chapter 5), read with suspicion. */
#include "arch/x86/cpu/acpi.h"

#include "lib/errno.h"
#include "lib/string.h"

#define MAX_TABLE   MIB(4)
#define MAX_ENTRIES 256u

#define EBDA_SEGMENT_POINTER 0x40eu
#define EBDA_SEARCH          1024u
#define BIOS_START           0xe0000u
#define BIOS_SIZE            0x20000u

#define MADT_LAPIC         0
#define MADT_IOAPIC        1
#define MADT_OVERRIDE      2
#define MADT_LAPIC_ADDRESS 5
#define MADT_X2APIC        9
#define MADT_PCAT_COMPAT   (1u << 0)
#define MADT_CPU_ENABLED   (1u << 0)

#define FADT_RESET_SUPPORTED (1u << 10)

#define DEFAULT_LAPIC_BASE 0xfee00000u

struct acpi_info acpi;

/* What we read of the FADT (ACPI 5.2.9); older ones end earlier and read as zeroes. */
struct fadt {
	uint8_t skipped0[76];
	uint32_t pm_timer;
	uint8_t skipped1[11], pm_timer_len;
	uint8_t skipped2[16], century;
	uint8_t skipped3[3];
	uint32_t flags;
	struct acpi_gas reset_register;
	uint8_t reset_value;
	uint8_t skipped4[79];
	struct acpi_gas x_pm_timer;
} __packed;
static_assert(sizeof(struct fadt) == 220, "ACPI 5.2.9");

uint8_t acpi_checksum(const void *table, size_t len)
{
	const uint8_t *p = table;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum - *p++);
	return sum;
}

static bool rsdp_valid(const uint8_t *p)
{
	return !memcmp(p, "RSD PTR ", 8) && !acpi_checksum(p, 20);
}

/* The RSDP lies on a 16-byte boundary somewhere in @size bytes at @pa. */
static paddr_t rsdp_search(paddr_t pa, size_t size, acpi_access_fn *access)
{
	const uint8_t *p = access(pa, size);

	for (size_t i = 0; p && i + 20 <= size; i += 16)
		if (rsdp_valid(p + i))
			return pa + i;
	return 0;
}

static paddr_t rsdp_find(acpi_access_fn *access)
{
	const void *p = access(EBDA_SEGMENT_POINTER, 2);
	uint16_t segment = 0;
	paddr_t found = 0;

	if (p)
		memcpy(&segment, p, sizeof(segment));
	if (segment >= 0x8000 && segment < 0xa000)
		found = rsdp_search((paddr_t)segment << 4, EBDA_SEARCH, access);
	return found ? found : rsdp_search(BIOS_START, BIOS_SIZE, access);
}

/* The whole table at @pa if its length and checksum are right, else NULL. */
static const uint8_t *table_at(paddr_t pa, acpi_access_fn *access, struct acpi_header *h)
{
	const uint8_t *p;

	if (!pa)
		return NULL;
	p = access(pa, sizeof(*h));
	if (!p)
		return NULL;
	memcpy(h, p, sizeof(*h));
	if (h->length < sizeof(*h) || h->length > MAX_TABLE)
		return NULL;
	p = access(pa, h->length);
	return p && !acpi_checksum(p, h->length) ? p : NULL;
}

static int root_find(paddr_t pa, acpi_access_fn *access, struct acpi_info *info)
{
	const uint8_t *p = access(pa, 20);
	struct acpi_rsdp r = {0};
	struct acpi_header h;

	if (!p || !rsdp_valid(p))
		return -ENOENT;
	memcpy(&r, p, 20);
	info->rsdp = pa;
	if (r.revision >= 2 && (p = access(pa, sizeof(r))) && !acpi_checksum(p, sizeof(r))) {
		memcpy(&r, p, sizeof(r));
		if (table_at(r.xsdt, access, &h) && !memcmp(h.signature, "XSDT", 4)) {
			info->root = r.xsdt;
			return 0;
		}
	}
	if (!table_at(r.rsdt, access, &h) || memcmp(h.signature, "RSDT", 4))
		return -ENOENT;
	info->root = r.rsdt;
	return 0;
}

bool acpi_listed(const struct acpi_info *info, acpi_access_fn *access, uint32_t index, paddr_t *pa)
{
	struct acpi_header root;
	const uint8_t *p = table_at(info->root, access, &root);
	uint32_t width;

	if (!p)
		return false;
	width = memcmp(root.signature, "XSDT", 4) ? 4 : 8;
	if (index >= min((root.length - (uint32_t)sizeof(root)) / width, MAX_ENTRIES))
		return false;
	*pa = 0;
	memcpy(pa, p + sizeof(root) + index * width, width);
	return true;
}

int acpi_find_table(const struct acpi_info *info, acpi_access_fn *access, const char *signature,
		    uint32_t index, paddr_t *pa, uint32_t *len)
{
	struct acpi_header h;
	paddr_t at;

	for (uint32_t i = 0; acpi_listed(info, access, i, &at); i++) {
		if (!table_at(at, access, &h) || memcmp(h.signature, signature, 4) || index--)
			continue;
		*pa = at;
		*len = h.length;
		return 0;
	}
	return -ENOENT;
}

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t uid, uint32_t flags)
{
	if (!(flags & MADT_CPU_ENABLED) || info->nr_cpus == ACPI_MAX_CPUS)
		return;
	for (uint32_t i = 0; i < info->nr_cpus; i++)
		if (info->cpu[i].apic_id == apic_id)
			return;
	info->cpu[info->nr_cpus++] = (struct acpi_cpu){.apic_id = apic_id, .uid = uid};
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void madt_lapic(struct acpi_info *info, const uint8_t *e)
{
	add_cpu(info, e[3], e[2], get32(e + 4));
}

static void madt_x2apic(struct acpi_info *info, const uint8_t *e)
{
	add_cpu(info, get32(e + 4), get32(e + 12), get32(e + 8));
}

static void madt_ioapic(struct acpi_info *info, const uint8_t *e)
{
	if (info->nr_ioapics == MAX_IOAPICS)
		return;
	info->ioapic[info->nr_ioapics++] = (struct ioapic){
		.id = e[2],
		.base = get32(e + 4),
		.gsi_base = get32(e + 8),
	};
}

static void madt_override(struct acpi_info *info, const uint8_t *e)
{
	if (info->nr_overrides == ACPI_MAX_OVERRIDES)
		return;
	info->override[info->nr_overrides++] = (struct acpi_override){
		.source = e[3],
		.gsi = get32(e + 4),
		.flags = (uint16_t)(e[8] | e[9] << 8),
	};
}

static void madt_lapic_address(struct acpi_info *info, const uint8_t *e)
{
	memcpy(&info->lapic_base, e + 4, sizeof(info->lapic_base));
}

static const struct {
	uint8_t type, length;
	void (*take)(struct acpi_info *info, const uint8_t *entry);
} madt_entries[] = {
	{MADT_LAPIC, 8, madt_lapic},        {MADT_IOAPIC, 12, madt_ioapic},
	{MADT_OVERRIDE, 10, madt_override}, {MADT_LAPIC_ADDRESS, 12, madt_lapic_address},
	{MADT_X2APIC, 16, madt_x2apic},
};

static int parse_madt(struct acpi_info *info, acpi_access_fn *access)
{
	const uint8_t *p;
	uint32_t len, pos;

	if (acpi_find_table(info, access, "APIC", 0, &info->madt, &len) || len < 44)
		return -ENOENT;
	p = access(info->madt, len);
	if (!p)
		return -ENOENT;
	info->lapic_base = get32(p + 36);
	info->has_pic = get32(p + 40) & MADT_PCAT_COMPAT;
	for (pos = 44; len - pos >= 2;) {
		uint8_t type = p[pos], size = p[pos + 1];

		if (size < 2 || size > len - pos)
			break;
		for (size_t i = 0; i < ARRAY_SIZE(madt_entries); i++)
			if (madt_entries[i].type == type && size >= madt_entries[i].length)
				madt_entries[i].take(info, p + pos);
		pos += size;
	}
	return info->nr_cpus ? 0 : -ENOENT;
}

/* A register block's I/O port from its old field or its generic address. */
static uint16_t io_port(uint32_t old, const struct acpi_gas *gas)
{
	if (gas->address && gas->space == ACPI_SPACE_IO && gas->address < 0x10000)
		return (uint16_t)gas->address;
	return old < 0x10000 ? (uint16_t)old : 0;
}

static void parse_fadt(struct acpi_info *info, acpi_access_fn *access)
{
	struct fadt f = {0};
	const uint8_t *p;
	uint32_t len;
	paddr_t fadt;

	if (acpi_find_table(info, access, "FACP", 0, &fadt, &len))
		return;
	p = access(fadt, len);
	if (!p)
		return;
	memcpy(&f, p, min((size_t)len, sizeof(f)));
	info->pm_timer = f.pm_timer_len == 4 ? io_port(f.pm_timer, &f.x_pm_timer) : 0;
	info->century_register = f.century < 128 ? f.century : 0;
	info->has_reset = f.flags & FADT_RESET_SUPPORTED && f.reset_register.address;
	info->reset_register = f.reset_register;
	info->reset_value = f.reset_value;
}

int acpi_parse(paddr_t rsdp, acpi_access_fn *access, struct acpi_info *info)
{
	int rc;

	memset(info, 0, sizeof(*info));
	info->lapic_base = DEFAULT_LAPIC_BASE;
	if (!rsdp)
		rsdp = rsdp_find(access);
	if (!rsdp)
		return -ENOENT;
	rc = root_find(rsdp, access, info);
	if (rc)
		return rc;
	parse_fadt(info, access);
	return parse_madt(info, access);
}

void acpi_isa_irq(const struct acpi_info *info, uint8_t irq, uint32_t *gsi, uint16_t *flags)
{
	*gsi = irq;
	*flags = 0;
	for (uint32_t i = 0; i < info->nr_overrides; i++)
		if (info->override[i].source == irq) {
			*gsi = info->override[i].gsi;
			*flags = info->override[i].flags;
		}
}
