// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "arch/x86/cpu/acpi.h"
#include "lib/errno.h"

#define BASE 0xe0000u
#define SIZE 0x20000u

static uint8_t memory[SIZE];
static struct acpi_info info;

static const void *access_copy(paddr_t pa, size_t size)
{
	static uint8_t *copy;

	if (pa < BASE || size > SIZE || pa - BASE > SIZE - size)
		return NULL;
	free(copy);
	copy = malloc(size);
	memcpy(copy, memory + (pa - BASE), size);
	return copy;
}

static uint8_t *at(uint32_t pa)
{
	return memory + (pa - BASE);
}

static void fix_sum(uint32_t pa, uint32_t len, uint32_t where)
{
	uint8_t sum = 0;

	*at(pa + where) = 0;
	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + *at(pa + i));
	*at(pa + where) = (uint8_t)-sum;
}

static void set32(uint32_t pa, uint32_t v)
{
	memcpy(at(pa), &v, 4);
}

static void table(uint32_t pa, const char *signature, uint32_t len)
{
	memcpy(at(pa), signature, 4);
	set32(pa + 4, len);
	fix_sum(pa, len, 9);
}

#define RSDP_AT  0xf5a40u
#define XSDT_AT  0xe1000u
#define RSDT_AT  0xe2000u
#define MADT_AT  0xe3000u
#define FADT_AT  0xe4000u
#define MADT_LEN (44 + 3 * 8 + 12 + 10 + 16)

static void build_madt(void)
{
	static const uint8_t entries[] = {
		0, 8,  0, 0, 1, 0, 0,    0,                               /* CPU 0 */
		0, 8,  1, 2, 1, 0, 0,    0,                               /* CPU with APIC id 2 */
		0, 8,  2, 3, 0, 0, 0,    0,                               /* disabled */
		1, 12, 5, 0, 0, 0, 0xc0, 0xfe, 0,    0, 0, 0,             /* IO-APIC */
		2, 10, 0, 9, 9, 0, 0,    0,    0x0d, 0,                   /* IRQ 9: level, high */
		9, 16, 0, 0, 0, 1, 0,    0,    1,    0, 0, 0, 7, 0, 0, 0, /* x2APIC id 256 */
	};

	set32(MADT_AT + 36, 0xfee00000);
	set32(MADT_AT + 40, 1);
	memcpy(at(MADT_AT + 44), entries, sizeof(entries));
	ck_assert_uint_eq(44 + sizeof(entries), MADT_LEN);
	table(MADT_AT, "APIC", MADT_LEN);
}

static void build(bool xsdt)
{
	uint64_t tables[2] = {FADT_AT, MADT_AT};

	memset(memory, 0, sizeof(memory));
	build_madt();
	set32(FADT_AT + 40, 0x7fe0000);
	set32(FADT_AT + 76, 0x608);
	*at(FADT_AT + 91) = 4;
	*at(FADT_AT + 108) = 0x32;
	set32(FADT_AT + 112, 1u << 10);
	*at(FADT_AT + 116) = 1;
	set32(FADT_AT + 120, 0xcf9);
	*at(FADT_AT + 128) = 6;
	table(FADT_AT, "FACP", 244);
	memcpy(at(XSDT_AT + 36), tables, 16);
	table(XSDT_AT, "XSDT", 36 + 16);
	set32(RSDT_AT + 36, FADT_AT);
	set32(RSDT_AT + 40, MADT_AT);
	table(RSDT_AT, "RSDT", 36 + 8);
	memcpy(at(RSDP_AT), "RSD PTR ", 8);
	*at(RSDP_AT + 15) = xsdt ? 2 : 0;
	set32(RSDP_AT + 16, RSDT_AT);
	set32(RSDP_AT + 20, 36);
	set32(RSDP_AT + 24, XSDT_AT);
	fix_sum(RSDP_AT, 20, 8);
	fix_sum(RSDP_AT, 36, 32);
}

static void check_parsed(void)
{
	uint32_t gsi;
	uint16_t flags;

	ck_assert_uint_eq(info.nr_cpus, 3);
	ck_assert_uint_eq(info.cpu[1].apic_id, 2);
	ck_assert_uint_eq(info.cpu[1].uid, 1);
	ck_assert_uint_eq(info.cpu[2].apic_id, 256);
	ck_assert_uint_eq(info.cpu[2].uid, 7);
	ck_assert_uint_eq(info.nr_ioapics, 1);
	ck_assert_uint_eq(info.ioapic[0].base, 0xfec00000);
	ck_assert_uint_eq(info.pm_timer, 0x608);
	ck_assert_uint_eq(info.century_register, 0x32);
	ck_assert(info.has_reset && info.reset_register.address == 0xcf9);
	ck_assert_uint_eq(info.reset_value, 6);
	ck_assert(info.has_pic);
	acpi_isa_irq(&info, 9, &gsi, &flags);
	ck_assert(gsi == 9 && flags == 0x0d);
	acpi_isa_irq(&info, 4, &gsi, &flags);
	ck_assert(gsi == 4 && !flags);
}

START_TEST(finds_all)
{
	for (int xsdt = 0; xsdt < 2; xsdt++) {
		build(xsdt);
		ck_assert_int_eq(acpi_parse(0, access_copy, &info), 0);
		ck_assert_uint_eq(info.rsdp, RSDP_AT);
		ck_assert_uint_eq(info.root, xsdt ? XSDT_AT : RSDT_AT);
		check_parsed();
		ck_assert_int_eq(acpi_parse(RSDP_AT, access_copy, &info), 0);
	}
}
END_TEST

START_TEST(a_bad_xsdt_leaves_the_rsdt)
{
	build(true);
	*at(XSDT_AT + 9) ^= 1;
	ck_assert_int_eq(acpi_parse(0, access_copy, &info), 0);
	ck_assert_uint_eq(info.root, RSDT_AT);
	check_parsed();
}
END_TEST

START_TEST(broken_tables)
{
	paddr_t pa;
	uint32_t len;

	build(true);
	*at(MADT_AT + 50) ^= 1;
	ck_assert_int_eq(acpi_parse(0, access_copy, &info), -ENOENT);
	build(true);
	set32(MADT_AT + 4, 0xffffffff);
	ck_assert_int_eq(acpi_parse(0, access_copy, &info), -ENOENT);
	build(true);
	*at(RSDP_AT) = 'X';
	ck_assert_int_eq(acpi_parse(0, access_copy, &info), -ENOENT);
	ck_assert_int_eq(acpi_parse(RSDP_AT, access_copy, &info), -ENOENT);
	ck_assert_int_eq(acpi_parse(4096, access_copy, &info), -ENOENT);
	build(true);
	*at(MADT_AT + 44 + 25) = 0; /* an entry of no length ends the list */
	table(MADT_AT, "APIC", MADT_LEN);
	ck_assert_int_eq(acpi_parse(0, access_copy, &info), 0);
	ck_assert_uint_eq(info.nr_ioapics, 0);
	build(true);
	ck_assert_int_eq(acpi_parse(0, access_copy, &info), 0);
	ck_assert_int_eq(acpi_find_table(&info, access_copy, "FACP", 0, &pa, &len), 0);
	ck_assert(pa == FADT_AT && len == 244);
	ck_assert_int_eq(acpi_find_table(&info, access_copy, "FACP", 1, &pa, &len), -ENOENT);
}
END_TEST

START_TEST(mutations)
{
	static const struct {
		uint32_t pa, len;
	} tables[] = {{XSDT_AT, 52}, {MADT_AT, MADT_LEN}, {FADT_AT, 244}};

	rnd_seed(11);
	for (int round = 0; round < 2000; round++) {
		uint32_t which = rnd() % 3;

		build(true);
		for (uint32_t n = rnd() % 4 + 1; n; n--)
			*at(tables[which].pa + rnd() % tables[which].len) = (uint8_t)rnd();
		/* Valid sums, so that the damage gets past the first check. */
		fix_sum(tables[which].pa, tables[which].len, 9);
		if (!acpi_parse(RSDP_AT, access_copy, &info)) {
			ck_assert_uint_le(info.nr_cpus, ACPI_MAX_CPUS);
			ck_assert_uint_le(info.nr_ioapics, MAX_IOAPICS);
			ck_assert_uint_le(info.nr_overrides, ACPI_MAX_OVERRIDES);
		}
	}
}
END_TEST

Suite *acpi_suite(void)
{
	Suite *s = suite_create("acpi");
	TCase *t = tcase_create("acpi");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, finds_all);
	tcase_add_test(t, a_bad_xsdt_leaves_the_rsdt);
	tcase_add_test(t, broken_tables);
	tcase_add_test(t, mutations);
	suite_add_tcase(s, t);
	return s;
}
