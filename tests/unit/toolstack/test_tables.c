/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest finds in its memory: ACPI tables, memory map, start info, vCPU state; and uuids. */
#include "abi.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "context.h"
#include "layout.h"

#define MIB (1ull << 20)

struct acpi {
	uint8_t *data;
	size_t size;
};

static uint64_t get(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	memcpy(&v, p, len);
	return v;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *p++);
	return s;
}

static struct acpi build(unsigned int vcpus)
{
	struct acpi a = {.data = malloc(ACPI_SIZE_MAX)};

	memset(a.data, 0xee, ACPI_SIZE_MAX);
	a.size = acpi_build(GUEST_ACPI_BASE, vcpus, a.data);
	ck_assert_uint_le(a.size, ACPI_SIZE_MAX);
	return a;
}

/* A table by its guest address, with length and checksum looked at. */
static const uint8_t *table(const struct acpi *a, uint64_t address, const char *signature)
{
	const uint8_t *t;

	ck_assert_uint_ge(address, GUEST_ACPI_BASE);
	ck_assert_uint_le(address + 36, GUEST_ACPI_BASE + a->size);
	t = a->data + (address - GUEST_ACPI_BASE);
	ck_assert_mem_eq(t, signature, 4);
	ck_assert_uint_le(address + get(t + 4, 4), GUEST_ACPI_BASE + a->size);
	if (strcmp(signature, "FACS") != 0)
		ck_assert_uint_eq(sum(t, get(t + 4, 4)), 0);
	return t;
}

static const uint8_t *find(const struct acpi *a, unsigned int index, const char *signature)
{
	const uint8_t *xsdt;

	ck_assert_mem_eq(a->data, "RSD PTR ", 8);
	ck_assert_uint_eq(sum(a->data, 20), 0);
	ck_assert_uint_eq(sum(a->data, 36), 0);
	ck_assert_uint_eq(a->data[15], 2);
	xsdt = table(a, get(a->data + 24, 8), "XSDT");
	ck_assert_uint_eq(get(xsdt + 4, 4), 36 + 2 * 8);
	return table(a, get(xsdt + 36 + 8 * index, 8), signature);
}

static const unsigned int vcpu_counts[] = {1, 2, 3, 16, TS_VCPUS_MAX};

START_TEST(acpi_lists_the_cpus)
{
	unsigned int n = vcpu_counts[_i];
	struct acpi a = build(n);
	const uint8_t *madt = find(&a, 1, "APIC");

	ck_assert_uint_eq(get(madt + 4, 4), 44 + 8 * n);
	ck_assert_uint_eq(get(madt + 36, 4), 0xfee00000);
	ck_assert_uint_eq(get(madt + 40, 4), 0);
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *e = madt + 44 + 8 * i;

		ck_assert_uint_eq(e[0], 0);
		ck_assert_uint_eq(e[1], 8);
		ck_assert_uint_eq(e[2], i);
		ck_assert_uint_eq(e[3], 2 * i);
		ck_assert_uint_eq(get(e + 4, 4), 1);
	}
	free(a.data);
}
END_TEST

START_TEST(acpi_describes_no_hardware)
{
	struct acpi a = build(2);
	const uint8_t *fadt = find(&a, 0, "FACP");

	ck_assert_uint_eq(get(fadt + 4, 4), 0x10c);
	ck_assert_uint_eq(fadt[8], 5);
	ck_assert_uint_eq(get(fadt + 56, 4), 0xb000);
	ck_assert_uint_eq(get(fadt + 64, 4), 0xb004);
	ck_assert_uint_eq(get(fadt + 76, 4), 0); /* no PM timer */
	ck_assert_uint_eq(get(fadt + 80, 4), 0xafe0);
	ck_assert_uint_eq(get(fadt + 109, 2) & (1 << 2 | 1 << 5), 1 << 2 | 1 << 5);
	ck_assert_uint_eq(get(fadt + 109, 2) & (1 << 1), 0); /* no 8042 */
	ck_assert_uint_eq(get(fadt + 112, 4) & 1u << 20, 0); /* not hardware-reduced */
	ck_assert_uint_eq(get(fadt + 36, 4), get(fadt + 132, 8));
	ck_assert_uint_eq(get(fadt + 36, 4) % 64, 0);
	table(&a, get(fadt + 36, 4), "FACS");
	ck_assert_uint_eq(get(fadt + 40, 4), get(fadt + 140, 8));
	table(&a, get(fadt + 40, 4), "DSDT");
	free(a.data);
}
END_TEST

/* Walk the AML: one scope that fills the table, with one device of constant size per vCPU. */
START_TEST(acpi_aml_is_well_formed)
{
	unsigned int n = vcpu_counts[_i];
	struct acpi a = build(n);
	const uint8_t *dsdt = table(&a, get(find(&a, 0, "FACP") + 40, 4), "DSDT");
	const uint8_t *end = dsdt + get(dsdt + 4, 4);
	const uint8_t *p = dsdt + 36;

	ck_assert_uint_eq(*p, 0x10);
	ck_assert_uint_eq(p[1] >> 6, 1);
	ck_assert_ptr_eq(p + 1 + ((p[1] & 15) | p[2] << 4), end);
	ck_assert_mem_eq(p + 3, "\\_SB_", 5);
	p += 8;
	for (unsigned int i = 0; i < n; i++) {
		ck_assert_uint_eq(get(p, 2), 0x825b);
		ck_assert_uint_lt(p[2], 64);
		ck_assert_mem_eq(p + 3, "CP", 2);
		ck_assert_mem_eq(p + 7,
				 "\x08_HID\x0d"
				 "ACPI0007",
				 15);
		ck_assert_mem_eq(p + 22, "\x08_UID\x0a", 6);
		ck_assert_uint_eq(p[28], i);
		p += 2 + p[2];
	}
	ck_assert_ptr_eq(p, end);
	free(a.data);
}
END_TEST

static const struct elf_kernel kernel = {
	.entry = 0x1000850, .start = 0x1000000, .end = 0x4a00123, .nr_segments = 1};

/* Memory given, and what is below and above the hole. */
static const struct {
	uint64_t memory, low, high;
} memories[] = {
	{128 * MIB, 128 * MIB, 0},
	{256 * MIB + 4096, 256 * MIB + 4096, 0},
	{3840 * MIB, 3840 * MIB, 0},
	{3840 * MIB + 4096, 3840 * MIB, 4096},
	{8192 * MIB, 3840 * MIB, 8192 * MIB - 3840 * MIB},
	{1ull << 40, 3840 * MIB, (1ull << 40) - 3840 * MIB},
};

START_TEST(memory_map_is_sound)
{
	struct layout l;
	struct ts_error err;
	uint64_t end = 0, ram = 0;

	ck_assert_int_eq(layout_plan(memories[_i].memory, &kernel, 5000, "", 4096, &l, &err), 0);
	ck_assert_uint_eq(l.low_pages << 12, memories[_i].low);
	ck_assert_uint_eq(l.high_pages << 12, memories[_i].high);
	for (unsigned int i = 0; i < l.nr_memmap; i++) {
		ck_assert_uint_ge(l.memmap[i].addr, end);
		ck_assert_uint_gt(l.memmap[i].size, 0);
		ck_assert_uint_eq((l.memmap[i].addr | l.memmap[i].size) % 4096, 0);
		end = l.memmap[i].addr + l.memmap[i].size;
		if (l.memmap[i].type == MEMMAP_RAM)
			ram += l.memmap[i].size;
	}
	ck_assert_uint_eq(ram, memories[_i].memory);
	ck_assert_uint_eq(l.memmap[0].addr, 0);
	ck_assert_uint_ge(l.initrd, kernel.end);
	ck_assert_uint_ge(l.start_info, l.initrd + 5000);
	ck_assert_uint_le(l.start_info + l.start_info_size, memories[_i].low);
}
END_TEST

START_TEST(start_info_is_sound)
{
	static const char cmdline[] = "console=hvc0 quiet";
	struct hvm_memmap_table_entry e;
	struct hvm_modlist_entry mod;
	struct hvm_start_info si;
	struct layout l;
	struct ts_error err;
	uint8_t *out;

	ck_assert_int_eq(layout_plan(256 * MIB, &kernel, _i ? 5000 : 0, cmdline, 300, &l, &err), 0);
	out = malloc(l.start_info_size);
	start_info_write(&l, cmdline, out);
	memcpy(&si, out, sizeof(si));
	ck_assert_uint_eq(si.magic, 0x336ec578);
	ck_assert_uint_eq(si.version, 1);
	ck_assert_uint_eq(si.flags, 0);
	ck_assert_uint_eq(si.rsdp_paddr, GUEST_ACPI_BASE);
	ck_assert_str_eq((char *)out + (si.cmdline_paddr - l.start_info), cmdline);
	ck_assert_uint_eq(si.nr_modules, (unsigned int)_i);
	ck_assert_uint_eq(si.modlist_paddr != 0, (unsigned int)_i);
	if (_i) {
		memcpy(&mod, out + (si.modlist_paddr - l.start_info), sizeof(mod));
		ck_assert_uint_eq(mod.paddr, l.initrd);
		ck_assert_uint_eq(mod.size, 5000);
	}
	ck_assert_uint_eq(si.memmap_entries, 3);
	memcpy(&e, out + (si.memmap_paddr - l.start_info) + sizeof(e), sizeof(e));
	ck_assert_uint_eq(e.addr, GUEST_ACPI_BASE);
	ck_assert_uint_eq(e.size, 4096);
	ck_assert_uint_eq(e.type, 3);
	free(out);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
	char cmdline[GUEST_CMDLINE_MAX + 1];
	struct layout l;
	struct ts_error err;

	memset(cmdline, 'x', sizeof(cmdline));
	cmdline[GUEST_CMDLINE_MAX] = '\0';
	ck_assert_int_eq(layout_plan(256 * MIB, &kernel, 0, cmdline, 300, &l, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.detail, "command line"));
	cmdline[GUEST_CMDLINE_MAX - 1] = '\0';
	ck_assert_int_eq(layout_plan(256 * MIB, &kernel, 0, cmdline, 300, &l, &err), 0);
	ck_assert_int_eq(layout_plan(64 * MIB, &kernel, 0, "", 300, &l, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.detail, "does not fit"));
	ck_assert_int_eq(err.code, TS_EINVAL);
	ck_assert_int_eq(layout_plan(256 * MIB, &kernel, 200 * MIB, "", 300, &l, &err), -EINVAL);
	ck_assert_int_eq(layout_plan(256 * MIB, &kernel, ~0ull, "", 300, &l, &err), -EINVAL);
	ck_assert_int_eq(layout_plan(256 * MIB, &kernel, ~0ull - 4096, "", 300, &l, &err), -EINVAL);
}
END_TEST

START_TEST(vcpu_state_is_pvh_entry)
{
	size_t size = context_size(3);
	uint8_t *out = malloc(size);
	unsigned int mtrrs = 0, cpus = 0;
	const uint8_t *p = out;
	struct hvm_hw_cpu cpu;

	context_build(3, 0x1000850, 0x5000000, out);
	for (;;) {
		struct hvm_save_descriptor d;

		ck_assert(p + sizeof(d) <= out + size);
		memcpy(&d, p, sizeof(d));
		p += sizeof(d);
		if (d.typecode == HVM_SAVE_CODE(END))
			break;
		if (d.typecode == HVM_SAVE_CODE(MTRR))
			ck_assert_uint_eq(d.instance, mtrrs++);
		if (d.typecode == HVM_SAVE_CODE(CPU)) {
			cpus++;
			ck_assert_uint_eq(d.length, sizeof(cpu));
			memcpy(&cpu, p, sizeof(cpu));
		}
		p += d.length;
	}
	ck_assert_ptr_eq(p, out + size);
	ck_assert_uint_eq(mtrrs, 3);
	ck_assert_uint_eq(cpus, 1);
	ck_assert_uint_eq(cpu.rip, 0x1000850);
	ck_assert_uint_eq(cpu.rbx, 0x5000000);
	ck_assert_uint_eq(cpu.cr0, 0x11);
	ck_assert_uint_eq(cpu.cr4 | cpu.msr_efer, 0);
	ck_assert_uint_eq(cpu.cs_arbytes, 0xc9b);
	ck_assert_uint_eq(cpu.ds_arbytes & cpu.es_arbytes & cpu.ss_arbytes, 0xc93);
	ck_assert_uint_eq(cpu.cs_limit & cpu.ds_limit & cpu.es_limit & cpu.ss_limit, 0xffffffff);
	ck_assert_uint_eq(cpu.tr_arbytes, 0x8b);
	ck_assert_uint_eq(cpu.rflags, 2);
	free(out);
}
END_TEST

START_TEST(uuids_have_a_text_form)
{
	static const char text[] = "01234567-89ab-cdef-fedc-ba9876543210";
	uint8_t uuid[TS_UUID_LEN];
	char out[TS_UUID_STR_LEN];

	ck_assert(ts_uuid_parse(text, uuid));
	ck_assert_uint_eq(uuid[0], 0x01);
	ck_assert_uint_eq(uuid[15], 0x10);
	ts_uuid_format(uuid, out);
	ck_assert_str_eq(out, text);
	ck_assert(ts_uuid_parse("01234567-89AB-CDEF-FEDC-BA9876543210", uuid));
	ck_assert(!ts_uuid_parse("", uuid));
	ck_assert(!ts_uuid_parse("0123456789abcdeffedcba9876543210", uuid));
	ck_assert(!ts_uuid_parse("01234567-89ab-cdef-fedc-ba987654321", uuid));
	ck_assert(!ts_uuid_parse("01234567-89ab-cdef-fedc-ba98765432100", uuid));
	ck_assert(!ts_uuid_parse("01234567-89ab-cdef-fedcXba9876543210", uuid));
	ck_assert(!ts_uuid_parse("g1234567-89ab-cdef-fedc-ba9876543210", uuid));
}
END_TEST

static Suite *tables_suite(void)
{
	Suite *s = suite_create("toolstack tables");
	TCase *t = tcase_create("tables");
	int counts = sizeof(vcpu_counts) / sizeof(*vcpu_counts);

	tcase_add_loop_test(t, acpi_lists_the_cpus, 0, counts);
	tcase_add_test(t, acpi_describes_no_hardware);
	tcase_add_loop_test(t, acpi_aml_is_well_formed, 0, counts);
	tcase_add_loop_test(t, memory_map_is_sound, 0, sizeof(memories) / sizeof(*memories));
	tcase_add_loop_test(t, start_info_is_sound, 0, 2);
	tcase_add_test(t, what_does_not_fit_is_refused);
	tcase_add_test(t, vcpu_state_is_pvh_entry);
	tcase_add_test(t, uuids_have_a_text_form);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(tables_suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
