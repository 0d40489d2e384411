// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/bitmap.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/printf.h"
#include "lib/spinlock.h"
#include "lib/string.h"

static int ours(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = format_va(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

/* Both formatters on the same arguments: text and length must agree, at full size and cut. */
#define SAME(...)                                                        \
	do {                                                             \
		char a[128], b[128];                                     \
		for (size_t size_ = 1; size_ <= sizeof(a); size_ += 9) { \
			int la = ours(a, size_, __VA_ARGS__);            \
			int lb = snprintf(b, size_, __VA_ARGS__);        \
			ck_assert_int_eq(la, lb);                        \
			ck_assert_str_eq(a, b);                          \
		}                                                        \
	} while (0)

START_TEST(format_agrees_with_libc)
{
	static const int64_t values[] = {0,    1,         -1,        9,         10,       255,
					 -256, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		long long v = values[i];

		SAME("%d|%5d|%-5d|%05d|%-9d", (int)v, (int)v, (int)v, (int)v, (int)v);
		SAME("%u|%x|%#x|%08x|%#010x|%03u", (unsigned int)v, (unsigned int)v,
		     (unsigned int)v, (unsigned int)v, (unsigned int)v, (unsigned int)v);
		SAME("%lld|%llu|%llx|%016llx|%#llx", v, v, v, v, v);
		SAME("%ld %lu %lx %zu %zx %#32lx|%032lx", (long)v, (long)v, (long)v, (size_t)v,
		     (size_t)v, (long)v, (long)v);
	}
	SAME("%s|%10s|%-10s|%.2s|%.*s|%.*s|%c|%%", "abc", "abc", "abc", "abc", 1, "abc", -1, "abc",
	     'x');
	SAME("plain");
}
END_TEST

START_TEST(format_survives_nonsense)
{
	char b[16];
	const char *volatile odd = "%q %";

	memset(b, 'x', sizeof(b));
	ck_assert_int_eq(ours(b, sizeof(b), odd), 3);
	ck_assert_str_eq(b, "%q ");
	ck_assert_int_eq(ours(NULL, 0, "%s", "abc"), 3);
	ck_assert_int_eq(ours(b, sizeof(b), "%s", (const char *)NULL), 6);
	ck_assert_str_eq(b, "(null)");
}
END_TEST

START_TEST(strings_are_bounded)
{
	char b[8];

	ck_assert_uint_eq(strlcpy(b, "0123456789", sizeof(b)), 10);
	ck_assert_str_eq(b, "0123456");
	ck_assert_uint_eq(strlcpy(b, "ab", sizeof(b)), 2);
	str_from_bytes(b, 3, "xyz", 3);
	ck_assert_str_eq(b, "xy");
}
END_TEST

START_TEST(cmdline_words)
{
	const char *line =
		"  dom0_mem=512M\tloglevel=3 bare xdom0_mem=1 no-smp hex=0x1F dom0_mem=1G "
		"flag=off bad=12x big=99999999999999999999 empty= ";
	char b[8] = "same";

	ck_assert(!cmdline_get(line, "dom0", b, sizeof(b)));
	ck_assert(!cmdline_get(line, "mem", b, sizeof(b)));
	ck_assert_str_eq(b, "same");
	ck_assert(cmdline_get(line, "bare", b, sizeof(b)));
	ck_assert_str_eq(b, "");
	ck_assert(cmdline_get(line, "big", b, sizeof(b)));
	ck_assert_str_eq(b, "9999999");
	ck_assert_uint_eq(cmdline_size(line, "dom0_mem", 7), GIB(1));
	ck_assert_uint_eq(cmdline_size(line, "empty", 7), 7);
	ck_assert_uint_eq(cmdline_number(line, "loglevel", 7), 3);
	ck_assert_uint_eq(cmdline_number(line, "hex", 7), 31);
	ck_assert_uint_eq(cmdline_number(line, "bad", 7), 7);
	ck_assert_uint_eq(cmdline_number(line, "big", 7), 7);
	ck_assert(cmdline_bool(line, "bare", false));
	ck_assert(!cmdline_bool(line, "flag", true));
	ck_assert(!cmdline_bool(line, "smp", true));
	ck_assert(cmdline_bool(line, "absent", true));
	ck_assert(!cmdline_get("", "x", b, sizeof(b)));
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t bytes;
	} cases[] = {
		{"0", 0, 0},
		{"12", 0, 12},
		{"3k", 0, 3072},
		{"2M", 0, MIB(2)},
		{"1G", 0, GIB(1)},
		{"0x10", 0, 16},
		{"1T", 0, GIB(1024)},
		{"", -EINVAL, 0},
		{"M", -EINVAL, 0},
		{"1MM", -EINVAL, 0},
		{"1x", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"0x", -EINVAL, 0},
		{"17592186044416T", -EINVAL, 0},
		{"18446744073709551616", -EINVAL, 0},
		{"18446744073709551615", 0, ~0ULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 77;

		ck_assert_int_eq(parse_size(cases[i].text, &v), cases[i].rc);
		ck_assert_uint_eq(v, cases[i].rc ? 77 : cases[i].bytes);
	}
}
END_TEST

START_TEST(bitmaps)
{
	BITMAP(map, 130) = {0};

	ck_assert(!bitmap_test_and_set(map, 0) && bitmap_test_and_set(map, 0));
	bitmap_set(map, 63);
	bitmap_set(map, 64);
	bitmap_set(map, 129);
	ck_assert(map[0] == (1 | 1UL << 63) && map[1] == 1 && map[2] == 2);
	bitmap_clear(map, 129);
	ck_assert(!map[2] && bitmap_test(map, 64) && !bitmap_test(map, 65));
	ck_assert(bitmap_test_and_clear(map, 63) && !bitmap_test(map, 63));
}
END_TEST

struct item {
	int n;
	struct list link;
};

START_TEST(lists)
{
	struct item items[5], *i;
	struct list head;
	int sum = 0;

	list_init(&head);
	for (int n = 0; n < 5; n++) {
		items[n].n = n;
		list_add_tail(&head, &items[n].link);
	}
	list_for_each_entry(i, &head, link)
		sum = sum * 10 + i->n;
	ck_assert_int_eq(sum, 1234);
	list_del(&items[1].link);
	list_del(&items[3].link);
	list_del(&items[1].link); /* once more: nothing */
	list_add(&head, &items[3].link);
	sum = 0;
	list_for_each_entry(i, &head, link)
		sum = sum * 10 + i->n;
	ck_assert_int_eq(sum, 3024);
	ck_assert(list_empty(&items[1].link) && list_first_entry(&head, struct item, link)->n == 3);
}
END_TEST

START_TEST(ticket_lock)
{
	struct spinlock l = {0};

	for (int i = 0; i < 70000; i++) { /* the tickets wrap */
		spin_lock(&l);
		ck_assert(!spin_trylock(&l));
		spin_unlock(&l);
	}
	ck_assert(spin_trylock(&l));
	spin_unlock(&l);
}
END_TEST

Suite *lib_suite(void)
{
	Suite *s = suite_create("lib");
	TCase *t = tcase_create("lib");

	tcase_add_test(t, format_agrees_with_libc);
	tcase_add_test(t, format_survives_nonsense);
	tcase_add_test(t, strings_are_bounded);
	tcase_add_test(t, cmdline_words);
	tcase_add_test(t, sizes);
	tcase_add_test(t, bitmaps);
	tcase_add_test(t, lists);
	tcase_add_test(t, ticket_lock);
	suite_add_tcase(s, t);
	return s;
}
