// SPDX-License-Identifier: Apache-2.0
/* The image's own memcpy() and its family, which hosted builds have from libc: here under other names. */
#include "tests.h"

#define memcpy  ours_memcpy
#define memmove ours_memmove
#define memset  ours_memset
#define memcmp  ours_memcmp
#include "lib/memops.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp

#define ROOM 400

static void fill(uint8_t *p)
{
	for (unsigned int i = 0; i < ROOM; i++)
		p[i] = (uint8_t)rnd();
}

START_TEST(copies_agree_with_libc)
{
	uint8_t a[ROOM], b[ROOM], source[ROOM];

	fill(source);
	for (size_t n = 0; n < 200; n++) {
		for (size_t from = 0; from < 9; from++) {
			size_t to = (n + from * 3) % 17;

			fill(a);
			memcpy(b, a, ROOM);
			ck_assert_ptr_eq(ours_memcpy(a + to, source + from, n), a + to);
			memcpy(b + to, source + from, n);
			ck_assert_int_eq(memcmp(a, b, ROOM), 0);
			ck_assert_int_eq(ours_memcmp(a, b, ROOM), 0);
			ours_memset(a + to, (int)n, n);
			memset(b + to, (int)n, n);
			ck_assert_int_eq(memcmp(a, b, ROOM), 0);
		}
	}
}
END_TEST

START_TEST(overlapping_moves_agree_with_libc)
{
	uint8_t a[ROOM], b[ROOM];

	for (size_t n = 0; n < 200; n++) {
		for (size_t to = 0; to < 140; to++) {
			fill(a);
			memcpy(b, a, ROOM);
			ck_assert_ptr_eq(ours_memmove(a + to, a + 70, n), a + to);
			memmove(b + to, b + 70, n);
			ck_assert_int_eq(memcmp(a, b, ROOM), 0);
		}
	}
}
END_TEST

Suite *memops_suite(void)
{
	Suite *s = suite_create("memory operations");
	TCase *tc = tcase_create("all sizes");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, copies_agree_with_libc);
	tcase_add_test(tc, overlapping_moves_agree_with_libc);
	suite_add_tcase(s, tc);
	return s;
}
