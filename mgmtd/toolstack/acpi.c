/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts and values: ACPI 6.2, chapter 5 (tables) and 20 (AML). */
#include "acpi.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "toolstack.h"

#define OEM_ID           "DOMUS "
#define OEM_TABLE_ID     "DOMUSPVH"
#define OEM_REVISION     1
#define CREATOR_ID       "DOMS"
#define CREATOR_REVISION 1

/* Ports as the Xen ABI places them; nothing answers there, which the guest takes for "quiet". */
#define PM1A_EVENT_PORT   0xb000
#define PM1A_CONTROL_PORT 0xb004
#define GPE0_PORT         0xafe0
#define RESET_PORT        0xcf9
#define RESET_VALUE       6
#define SCI_IRQ           9
#define LAPIC_BASE        0xfee00000u

#define FADT_WBINVD           (1u << 0)
#define FADT_PROC_C1          (1u << 2)
#define FADT_NO_PWR_BUTTON    (1u << 4)
#define FADT_NO_SLP_BUTTON    (1u << 5)
#define FADT_NO_FIX_RTC       (1u << 6)
#define FADT_RESET_REG        (1u << 10)
#define BOOT_ARCH_NO_VGA      (1u << 2)
#define BOOT_ARCH_NO_CMOS_RTC (1u << 5)

struct acpi_gas {
	uint8_t space; /* 1: system I/O */
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t address;
} __attribute__((packed));

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct acpi_xsdt {
	struct acpi_header header;
	uint64_t tables[2]; /* FADT, MADT */
} __attribute__((packed));

struct acpi_fadt {
	struct acpi_header header;
	uint32_t facs;
	uint32_t dsdt;
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	uint16_t sci_int;
	uint32_t smi_cmd;
	uint8_t acpi_enable;
	uint8_t acpi_disable;
	uint8_t s4bios_req;
	uint8_t pstate_cnt;
	uint32_t pm1a_evt_blk;
	uint32_t pm1b_evt_blk;
	uint32_t pm1a_cnt_blk;
	uint32_t pm1b_cnt_blk;
	uint32_t pm2_cnt_blk;
	uint32_t pm_tmr_blk;
	uint32_t gpe0_blk;
	uint32_t gpe1_blk;
	uint8_t pm1_evt_len;
	uint8_t pm1_cnt_len;
	uint8_t pm2_cnt_len;
	uint8_t pm_tmr_len;
	uint8_t gpe0_blk_len;
	uint8_t gpe1_blk_len;
	uint8_t gpe1_base;
	uint8_t cst_cnt;
	uint16_t p_lvl2_lat;
	uint16_t p_lvl3_lat;
	uint16_t flush_size;
	uint16_t flush_stride;
	uint8_t duty_offset;
	uint8_t duty_width;
	uint8_t day_alrm;
	uint8_t mon_alrm;
	uint8_t century;
	uint16_t iapc_boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_facs;
	uint64_t x_dsdt;
	struct acpi_gas x_pm1a_evt_blk;
	struct acpi_gas x_pm1b_evt_blk;
	struct acpi_gas x_pm1a_cnt_blk;
	struct acpi_gas x_pm1b_cnt_blk;
	struct acpi_gas x_pm2_cnt_blk;
	struct acpi_gas x_pm_tmr_blk;
	struct acpi_gas x_gpe0_blk;
	struct acpi_gas x_gpe1_blk;
	struct acpi_gas sleep_control;
	struct acpi_gas sleep_status;
} __attribute__((packed));

struct acpi_facs {
	char signature[4];
	uint32_t length;
	uint32_t hardware_signature;
	uint32_t waking_vector;
	uint32_t global_lock;
	uint32_t flags;
	uint64_t x_waking_vector;
	uint8_t version;
	uint8_t reserved[31];
} __attribute__((packed));

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic;
	uint32_t flags;
} __attribute__((packed));

struct acpi_madt_lapic {
	uint8_t type; /* 0 */
	uint8_t length;
	uint8_t uid;
	uint8_t apic_id;
	uint32_t flags; /* bit 0: enabled */
} __attribute__((packed));

static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI 5.2.5.3");
static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");
static_assert(sizeof(struct acpi_fadt) == 0x10c, "ACPI 5.2.9, revision 5");
static_assert(sizeof(struct acpi_facs) == 64, "ACPI 5.2.10");
static_assert(sizeof(struct acpi_madt_lapic) == 8, "ACPI 5.2.12.2");
static_assert(2 * (TS_VCPUS_MAX - 1) < 255, "APIC ids of 255 and more need x2APIC entries");

/* One processor device in AML: Device (CPxx) { Name (_HID, "ACPI0007") Name (_UID, n) }. */
struct aml_cpu {
	uint8_t device_op[2]; /* ExtOpPrefix DeviceOp */
	uint8_t pkg_length;
	char name[4];
	uint8_t hid_op; /* NameOp */
	char hid_name[4];
	uint8_t hid_string; /* StringPrefix */
	char hid[9];
	uint8_t uid_op;
	char uid_name[4];
	uint8_t uid_byte; /* BytePrefix */
	uint8_t uid;
} __attribute__((packed));

struct aml_scope {
	uint8_t scope_op;
	uint8_t pkg_length[2]; /* the two-byte form */
	char name[5];          /* \_SB_ */
} __attribute__((packed));

static_assert(ACPI_SIZE_MAX >= sizeof(struct acpi_rsdp) + sizeof(struct acpi_xsdt) +
				       sizeof(struct acpi_fadt) + sizeof(struct acpi_facs) +
				       sizeof(struct acpi_madt) + sizeof(struct acpi_header) +
				       sizeof(struct aml_scope) + 6 * 64 +
				       TS_VCPUS_MAX * (sizeof(struct aml_cpu) +
						       sizeof(struct acpi_madt_lapic)),
	      "room for all tables");

struct builder {
	uint8_t *out;
	uint64_t base;
	size_t used;
};

/* Room for a table, zeroed, where ACPI wants it. */
static void *place(struct builder *b, size_t size, size_t align, uint64_t *address)
{
	size_t at = (b->used + align - 1) & ~(align - 1);

	memset(b->out + b->used, 0, at + size - b->used);
	b->used = at + size;
	*address = b->base + at;
	return b->out + at;
}

static uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}

/* Fill in a table's header; call it last, as it sums the whole table. */
static void seal(struct acpi_header *h, const char *signature, uint8_t revision, size_t length)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = (uint32_t)length;
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, sizeof(h->oem_id));
	memcpy(h->oem_table_id, OEM_TABLE_ID, sizeof(h->oem_table_id));
	h->oem_revision = OEM_REVISION;
	memcpy(h->creator_id, CREATOR_ID, sizeof(h->creator_id));
	h->creator_revision = CREATOR_REVISION;
	h->checksum = 0;
	h->checksum = checksum(h, length);
}

static struct acpi_gas io_port(uint16_t port, uint8_t bytes)
{
	return (struct acpi_gas){.space = 1, .bit_width = (uint8_t)(8 * bytes), .address = port};
}

static uint64_t build_facs(struct builder *b)
{
	uint64_t address;
	struct acpi_facs *facs = place(b, sizeof(*facs), 64, &address);

	memcpy(facs->signature, "FACS", sizeof(facs->signature));
	facs->length = sizeof(*facs);
	facs->version = 2;
	return address;
}

static void aml_cpu_name(char out[4], unsigned int n)
{
	static const char digits[] = "0123456789ABCDEF";

	out[0] = 'C';
	out[1] = 'P';
	out[2] = digits[n >> 4 & 15];
	out[3] = digits[n & 15];
}

static void build_aml_cpu(struct aml_cpu *cpu, unsigned int n)
{
	*cpu = (struct aml_cpu){
		.device_op = {0x5b, 0x82},
		.pkg_length = sizeof(*cpu) - offsetof(struct aml_cpu, pkg_length),
		.hid_op = 0x08,
		.hid_name = {'_', 'H', 'I', 'D'},
		.hid_string = 0x0d,
		.hid = "ACPI0007",
		.uid_op = 0x08,
		.uid_name = {'_', 'U', 'I', 'D'},
		.uid_byte = 0x0a,
		.uid = (uint8_t)n,
	};
	aml_cpu_name(cpu->name, n);
}

static uint64_t build_dsdt(struct builder *b, unsigned int vcpus)
{
	size_t body = sizeof(struct aml_scope) + vcpus * sizeof(struct aml_cpu);
	size_t pkg = body - offsetof(struct aml_scope, pkg_length);
	uint64_t address;
	struct acpi_header *dsdt = place(b, sizeof(*dsdt) + body, 16, &address);
	struct aml_scope *scope = (struct aml_scope *)(dsdt + 1);
	struct aml_cpu *cpus = (struct aml_cpu *)(scope + 1);

	*scope = (struct aml_scope){.scope_op = 0x10, .name = {'\\', '_', 'S', 'B', '_'}};
	/* AML 20.2.4: bits 7:6 = one more byte, 3:0 = low nibble; then the next eight bits. */
	scope->pkg_length[0] = (uint8_t)(1 << 6 | (pkg & 15));
	scope->pkg_length[1] = (uint8_t)(pkg >> 4);
	for (unsigned int n = 0; n < vcpus; n++)
		build_aml_cpu(&cpus[n], n);
	seal(dsdt, "DSDT", 2, sizeof(*dsdt) + body);
	return address;
}

static uint64_t build_fadt(struct builder *b, uint64_t facs, uint64_t dsdt)
{
	uint64_t address;
	struct acpi_fadt *fadt = place(b, sizeof(*fadt), 16, &address);

	fadt->facs = (uint32_t)facs;
	fadt->x_facs = facs;
	fadt->dsdt = (uint32_t)dsdt;
	fadt->x_dsdt = dsdt;
	fadt->sci_int = SCI_IRQ;
	fadt->pm1a_evt_blk = PM1A_EVENT_PORT;
	fadt->pm1a_cnt_blk = PM1A_CONTROL_PORT;
	fadt->gpe0_blk = GPE0_PORT;
	fadt->pm1_evt_len = 4;
	fadt->pm1_cnt_len = 2;
	fadt->gpe0_blk_len = 4;
	fadt->x_pm1a_evt_blk = io_port(PM1A_EVENT_PORT, 4);
	fadt->x_pm1a_cnt_blk = io_port(PM1A_CONTROL_PORT, 2);
	fadt->x_gpe0_blk = io_port(GPE0_PORT, 4);
	/* No C2 and C3: latencies above the limits of ACPI 4.8.1.4. */
	fadt->p_lvl2_lat = 0x0fff;
	fadt->p_lvl3_lat = 0x0fff;
	fadt->iapc_boot_arch = BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_CMOS_RTC;
	fadt->flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_PWR_BUTTON | FADT_NO_SLP_BUTTON |
		      FADT_NO_FIX_RTC | FADT_RESET_REG;
	fadt->reset_reg = io_port(RESET_PORT, 1);
	fadt->reset_value = RESET_VALUE;
	seal(&fadt->header, "FACP", 5, sizeof(*fadt));
	return address;
}

static uint64_t build_madt(struct builder *b, unsigned int vcpus)
{
	uint64_t address;
	size_t size = sizeof(struct acpi_madt) + vcpus * sizeof(struct acpi_madt_lapic);
	struct acpi_madt *madt = place(b, size, 16, &address);
	struct acpi_madt_lapic *lapic = (struct acpi_madt_lapic *)(madt + 1);

	madt->lapic = LAPIC_BASE;
	for (unsigned int n = 0; n < vcpus; n++)
		lapic[n] = (struct acpi_madt_lapic){.length = sizeof(*lapic),
						    .uid = (uint8_t)n,
						    .apic_id = (uint8_t)(2 * n),
						    .flags = 1};
	seal(&madt->header, "APIC", 2, size);
	return address;
}

static uint64_t build_xsdt(struct builder *b, uint64_t fadt, uint64_t madt)
{
	uint64_t address;
	struct acpi_xsdt *xsdt = place(b, sizeof(*xsdt), 16, &address);

	xsdt->tables[0] = fadt;
	xsdt->tables[1] = madt;
	seal(&xsdt->header, "XSDT", 1, sizeof(*xsdt));
	return address;
}

size_t acpi_build(uint64_t base, unsigned int vcpus, uint8_t *out)
{
	struct builder b = {.out = out, .base = base};
	uint64_t address, facs, dsdt, fadt, madt;
	struct acpi_rsdp *rsdp = place(&b, sizeof(*rsdp), 16, &address);

	facs = build_facs(&b);
	dsdt = build_dsdt(&b, vcpus);
	fadt = build_fadt(&b, facs, dsdt);
	madt = build_madt(&b, vcpus);
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = build_xsdt(&b, fadt, madt);
	/* The first sum is of the part that ACPI 1.0 had. */
	rsdp->checksum = checksum(rsdp, offsetof(struct acpi_rsdp, length));
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
	return b.used;
}
