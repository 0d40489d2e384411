// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "arch/x86/cpu/clock.h"
#include "core/log_ring.h"

static struct log_ring ring;

START_TEST(reads_what_was_written)
{
	char buf[64] = {0};
	uint32_t index = 0;

	log_ring_write(&ring, "hello ", 6);
	ck_assert_uint_eq(log_ring_read(&ring, buf, sizeof(buf), true, &index), 6);
	ck_assert_uint_eq(index, 6);
	ck_assert_uint_eq(log_ring_read(&ring, buf, sizeof(buf), true, &index), 0);
	log_ring_write(&ring, "world", 5);
	ck_assert_uint_eq(log_ring_read(&ring, buf, 3, true, &index), 3);
	ck_assert_mem_eq(buf, "wor", 3);
	ck_assert_uint_eq(log_ring_read(&ring, buf, sizeof(buf), true, &index), 2);
	ck_assert_uint_eq(log_ring_read(&ring, buf, sizeof(buf), false, &index), 11);
	ck_assert_mem_eq(buf, "hello world", 11);
	log_ring_clear(&ring);
	ck_assert_uint_eq(log_ring_read(&ring, buf, sizeof(buf), false, &index), 0);
}
END_TEST

START_TEST(old_bytes_fall_out)
{
	static char buf[CONSOLE_RING_SIZE + 10];
	uint32_t index = 5;
	char c = 'a';

	for (uint32_t i = 0; i < CONSOLE_RING_SIZE + 100; i++) {
		c = (char)('a' + i % 26);
		log_ring_write(&ring, &c, 1);
	}
	/* A reader left behind goes on with the oldest byte there is. */
	ck_assert_uint_eq(log_ring_read(&ring, buf, sizeof(buf), true, &index), CONSOLE_RING_SIZE);
	ck_assert_int_eq(buf[0], 'a' + 100 % 26);
	ck_assert_int_eq(buf[CONSOLE_RING_SIZE - 1], c);
	ck_assert_uint_eq(index, CONSOLE_RING_SIZE + 100);
	/* A position from the future is none. */
	index += 1000;
	ck_assert_uint_eq(log_ring_read(&ring, buf, 1, true, &index), 1);
	ck_assert_uint_eq(index, 101);
}
END_TEST

START_TEST(guests_are_rationed)
{
	int allowed = 0;

	fake_now = 1;
	while (log_guest_allowed(128) && allowed < 1000)
		allowed++;
	ck_assert_int_eq(allowed, 128); /* the burst */
	fake_now += 8000000;
	ck_assert(log_guest_allowed(128));
	ck_assert(!log_guest_allowed(1));
	fake_now += 10000000000ULL;
	ck_assert(log_guest_allowed(16384));
	ck_assert(!log_guest_allowed(128));
}
END_TEST

START_TEST(clock_scales)
{
	static const uint64_t khz[] = {1000,    32768,   999999,  1000000, 1000001,
				       2096000, 3600000, 5000000, 100000};

	for (size_t i = 0; i < ARRAY_SIZE(khz); i++) {
		uint32_t mul;
		int8_t shift;
		uint64_t ns;

		clock_scale_of_khz(khz[i], &mul, &shift);
		ck_assert(mul & 0x80000000);
		/* An hour of ticks is an hour within 2 ppb and the shift's rounding. */
		ns = clock_scale_ticks(khz[i] * 1000 * 3600, mul, shift);
		ck_assert(ns <= 3600000000000ULL + 10 && ns >= 3600000000000ULL - 7200);
	}
}
END_TEST

Suite *log_suite(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");

	tcase_add_test(t, reads_what_was_written);
	tcase_add_test(t, old_bytes_fall_out);
	tcase_add_test(t, guests_are_rationed);
	tcase_add_test(t, clock_scales);
	suite_add_tcase(s, t);
	return s;
}
