// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "arch/x86/boot/boot_info.h"
#include "lib/errno.h"

/* What the loader left: bytes at BASE, and nothing anywhere else. */
#define BASE 0x10000u

static uint8_t memory[8192];
static size_t used;
static struct boot_info info;

/* A block of exactly the bytes asked for, so that a read beyond them is caught. */
static const void *access_copy(paddr_t pa, size_t size)
{
	static uint8_t *copy;

	if (pa < BASE || size > used || pa - BASE > used - size)
		return NULL;
	free(copy);
	copy = malloc(size);
	memcpy(copy, memory + (pa - BASE), size);
	return copy;
}

static void put(const void *data, size_t len)
{
	if (!len)
		return;
	ck_assert_uint_le(len, sizeof(memory) - used);
	memcpy(memory + used, data, len);
	used += len;
}

static void put32(uint32_t v)
{
	put(&v, sizeof(v));
}

static void put64(uint64_t v)
{
	put(&v, sizeof(v));
}

static void tag(uint32_t type, const void *data, uint32_t len)
{
	static const uint8_t zero[8];

	put32(type);
	put32(len + 8);
	put(data, len);
	put(zero, -used % 8);
}

static void module_tag(uint32_t start, uint32_t end, const char *cmdline)
{
	uint8_t data[64];

	memcpy(data, &start, 4);
	memcpy(data + 4, &end, 4);
	memcpy(data + 8, cmdline, strlen(cmdline) + 1);
	tag(3, data, 8 + (uint32_t)strlen(cmdline) + 1);
}

static void mmap_tag(void)
{
	static const struct {
		uint64_t addr, len;
		uint32_t type;
	} map[] = {
		{0, 0x9fc00, 1},
		{0x9fc00, 0x400, 2},
		{MIB(1), MIB(63), 1},
		{0xfec00000, 0x1000, 2},
	};

	put32(6);
	put32(16 + 24 * ARRAY_SIZE(map));
	put32(24);
	put32(0);
	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		put64(map[i].addr);
		put64(map[i].len);
		put32(map[i].type);
		put32(0);
	}
}

static void finish_mb2(void)
{
	uint32_t total = (uint32_t)used;

	memcpy(memory, &total, 4);
}

static void build_mb2(void)
{
	uint8_t rsdp[36] = "RSD PTR ";

	used = 0;
	put64(0);
	tag(1, "loglevel=3 x", 13);
	tag(2, "GRUB 2.06", 10);
	module_tag(0x200000, 0x200801, "kernel root=/dev/sda");
	module_tag(0x300000, 0x400000, "");
	module_tag(0x500000, 0x500000, "empty");
	module_tag(0xfff00000, 0xfff01000, "not in RAM");
	mmap_tag();
	tag(14, rsdp, 20);
	rsdp[15] = 2;
	tag(15, rsdp, 36);
	tag(14, rsdp, 20);
	tag(0, NULL, 0);
	finish_mb2();
}

START_TEST(multiboot2)
{
	build_mb2();
	ck_assert_int_eq(boot_parse(MULTIBOOT2_BOOT_MAGIC, BASE, access_copy, &info), 0);
	ck_assert_str_eq(info.cmdline, "loglevel=3 x");
	ck_assert_str_eq(info.loader, "GRUB 2.06");
	ck_assert_uint_eq(info.nr_modules, 2);
	ck_assert_uint_eq(info.module[0].start, 0x200000);
	ck_assert_uint_eq(info.module[0].size, 0x801);
	ck_assert_str_eq(info.module[0].cmdline, "kernel root=/dev/sda");
	ck_assert_str_eq(info.module[1].cmdline, "");
	ck_assert_uint_eq(info.rsdp_size, 36);
	ck_assert_uint_eq(info.rsdp_copy[15], 2);
	ck_assert_uint_eq(info.nr_e820, 4);
	ck_assert_uint_eq(info.e820[0].size, 0x9f000);
	ck_assert_uint_eq(info.e820[1].addr, 0x9fc00);
}
END_TEST

START_TEST(multiboot1)
{
	uint32_t mbi[17] = {1u << 2 | 1u << 3 | 1u << 6 | 1u << 9};

	used = 0;
	put(mbi, sizeof(mbi));
	mbi[4] = BASE + (uint32_t)used;
	put("reboot=0", 9);
	mbi[16] = BASE + (uint32_t)used;
	put("qemu", 5);
	mbi[11] = 48;
	mbi[12] = BASE + (uint32_t)used;
	for (int i = 0; i < 2; i++) {
		put32(20);
		put64(i ? MIB(1) : 0);
		put64(i ? MIB(31) : 0xa0000);
		put32(1);
	}
	mbi[5] = 1;
	mbi[6] = BASE + (uint32_t)used;
	put32(0x150000);
	put32(0x150010);
	put32(BASE + (uint32_t)used + 8);
	put32(0);
	put("initrd", 6); /* its end is the end of all that can be read */
	memcpy(memory, mbi, sizeof(mbi));
	ck_assert_int_eq(boot_parse(MULTIBOOT1_BOOT_MAGIC, BASE, access_copy, &info), 0);
	ck_assert_str_eq(info.cmdline, "reboot=0");
	ck_assert_str_eq(info.loader, "qemu");
	ck_assert_uint_eq(info.nr_modules, 1);
	ck_assert_uint_eq(info.module[0].size, 16);
	ck_assert_str_eq(info.module[0].cmdline, "initrd");
	ck_assert_uint_eq(info.nr_e820, 2);
	ck_assert_uint_eq(info.e820[1].size, MIB(31));
}
END_TEST

START_TEST(refusals)
{
	build_mb2();
	ck_assert_int_eq(boot_parse(0x12345678, BASE, access_copy, &info), -EINVAL);
	ck_assert_int_eq(boot_parse(MULTIBOOT2_BOOT_MAGIC, 0, access_copy, &info), -EINVAL);
	ck_assert_int_eq(boot_parse(MULTIBOOT1_BOOT_MAGIC, BASE + (paddr_t)used - 8, access_copy,
				    &info),
			 -EINVAL);
	used = 0;
	put64(0);
	tag(0, NULL, 0);
	finish_mb2();
	ck_assert_int_eq(boot_parse(MULTIBOOT2_BOOT_MAGIC, BASE, access_copy, &info), -ENOENT);
}
END_TEST

/* Whatever the bytes are: no stray access, and what comes out keeps its promises. */
static void check_sane(void)
{
	for (uint32_t i = 0; i < info.nr_e820; i++) {
		const struct e820_range *e = &info.e820[i];

		ck_assert(e->size && e->addr + e->size > e->addr);
		if (e->type == E820_RAM)
			ck_assert(!(e->addr % PAGE_SIZE) && !(e->size % PAGE_SIZE));
		if (i)
			ck_assert_uint_ge(e->addr, e[-1].addr + e[-1].size);
	}
	for (uint32_t i = 0; i < info.nr_modules; i++)
		ck_assert(info.module[i].size &&
			  memchr(info.module[i].cmdline, 0, BOOT_CMDLINE_MAX));
}

START_TEST(mutations)
{
	static const uint32_t magics[] = {MULTIBOOT1_BOOT_MAGIC, MULTIBOOT2_BOOT_MAGIC};

	rnd_seed(7);
	for (int round = 0; round < 5000; round++) {
		build_mb2();
		for (uint32_t n = rnd() % 8; n; n--)
			memory[rnd() % used] = (uint8_t)rnd();
		if (rnd() % 4 == 0)
			used = rnd() % used + 1;
		if (!boot_parse(magics[round % 2], BASE, access_copy, &info))
			check_sane();
	}
}
END_TEST

/* Every byte of random maps gets the type that ought to win there. */
START_TEST(e820_overlaps)
{
	rnd_seed(3);
	for (int round = 0; round < 500; round++) {
		uint32_t n = rnd() % 12 + 1;
		uint8_t want[64] = {0};
		static const uint8_t rank[] = {0, 1, 2, 3, 4, 5};

		memset(&info, 0, sizeof(info));
		for (uint32_t i = 0; i < n; i++) {
			uint32_t start = rnd() % 64, len = rnd() % (65 - start);
			uint32_t type = rnd() % 5 + 1;

			boot_e820_add(&info, start * PAGE_SIZE, len * PAGE_SIZE, type);
			for (uint32_t p = start; p < start + len; p++)
				if (!want[p] || rank[type] > rank[want[p]])
					want[p] = (uint8_t)type;
		}
		boot_e820_sanitise(&info);
		check_sane();
		for (uint32_t p = 0; p < 64; p++) {
			uint32_t got = 0;

			for (uint32_t i = 0; i < info.nr_e820; i++)
				if (p * PAGE_SIZE >= info.e820[i].addr &&
				    p * PAGE_SIZE - info.e820[i].addr < info.e820[i].size)
					got = info.e820[i].type;
			ck_assert_uint_eq(got, want[p]);
		}
	}
}
END_TEST

START_TEST(e820_edges)
{
	memset(&info, 0, sizeof(info));
	boot_e820_add(&info, ~0ULL - 10, 100, E820_RAM);
	boot_e820_add(&info, 1ULL << 51, ~0ULL, E820_RAM);
	boot_e820_add(&info, 100, 200, E820_RAM);
	boot_e820_add(&info, 0x1800, 0x2000, E820_RAM);
	boot_e820_sanitise(&info);
	ck_assert_uint_eq(info.nr_e820, 2);
	ck_assert_uint_eq(info.e820[0].addr, 0x2000);
	ck_assert_uint_eq(info.e820[0].size, 0x1000);
	ck_assert_uint_eq(info.e820[1].size, 1ULL << 51);
}
END_TEST

Suite *boot_suite(void)
{
	Suite *s = suite_create("boot");
	TCase *t = tcase_create("boot");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, multiboot2);
	tcase_add_test(t, multiboot1);
	tcase_add_test(t, refusals);
	tcase_add_test(t, mutations);
	tcase_add_test(t, e820_overlaps);
	tcase_add_test(t, e820_edges);
	suite_add_tcase(s, t);
	return s;
}
