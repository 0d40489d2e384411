// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "ring.h"

#include <stdlib.h>
#include <string.h>

static struct xencons_interface *ring;

static void setup(void)
{
	ring = calloc(1, sizeof(*ring));
}

static void teardown(void)
{
	free(ring);
}

/* Play the guest: put @len bytes counting from @first. */
static void say(size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		ring->out[MASK_XENCONS_IDX(ring->out_prod + i, ring->out)] = (char)(first + i);
	ring->out_prod += (uint32_t)len;
}

START_TEST(output_every_offset)
{
	uint8_t buf[RING_OUT_SIZE];
	int broken;

	for (uint32_t at = 0; at < 2 * RING_OUT_SIZE; at += 101) {
		ring->out_cons = ring->out_prod = at;
		say(RING_OUT_SIZE, 7);
		ck_assert_uint_eq(ring_take_output(ring, buf, &broken), RING_OUT_SIZE);
		ck_assert(!broken);
		for (size_t i = 0; i < RING_OUT_SIZE; i++)
			ck_assert_uint_eq(buf[i], (uint8_t)(7 + i));
		ck_assert_uint_eq(ring->out_cons, at + RING_OUT_SIZE);
		ck_assert_uint_eq(ring_take_output(ring, buf, &broken), 0);
	}
}
END_TEST

START_TEST(output_index_wraps)
{
	uint8_t buf[RING_OUT_SIZE];
	int broken;

	ring->out_cons = ring->out_prod = UINT32_MAX - 3;
	say(10, 0);
	ck_assert_uint_eq(ring->out_prod, 6);
	ck_assert_uint_eq(ring_take_output(ring, buf, &broken), 10);
	ck_assert_uint_eq(buf[9], 9);
	ck_assert_uint_eq(ring->out_cons, 6);
}
END_TEST

START_TEST(output_hostile)
{
	static const struct {
		uint32_t cons, prod;
	} bad[] = {
		{0, RING_OUT_SIZE + 1},   {1, 0},      {0, UINT32_MAX}, {0x80000000, 0},
		{UINT32_MAX, 0x7fffffff}, {5000, 100},
	};
	uint8_t buf[RING_OUT_SIZE];
	int broken;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ring->out_cons = bad[i].cons;
		ring->out_prod = bad[i].prod;
		ck_assert_uint_eq(ring_take_output(ring, buf, &broken), 0);
		ck_assert(broken);
		/* And it works again from there. */
		say(3, 1);
		ck_assert_uint_eq(ring_take_output(ring, buf, &broken), 3);
		ck_assert(!broken);
	}
}
END_TEST

START_TEST(input_every_offset)
{
	uint8_t data[RING_IN_SIZE + 50];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3);
	/* Offsets on both sides of where the index itself wraps. */
	for (uint32_t step = 0; step < 128; step++) {
		uint32_t at = UINT32_MAX - 2000 + step * 32;

		ring->in_cons = ring->in_prod = at;
		ck_assert_uint_eq(ring_put_input(ring, data, sizeof(data)), RING_IN_SIZE);
		for (uint32_t i = 0; i < RING_IN_SIZE; i++)
			ck_assert_uint_eq((uint8_t)ring->in[MASK_XENCONS_IDX(at + i, ring->in)],
					  data[i]);
		ck_assert_uint_eq(ring->in_prod, (uint32_t)(at + RING_IN_SIZE));
		ck_assert_uint_eq(ring_put_input(ring, data, 1), 0);
		ring->in_cons += 5;
		ck_assert_uint_eq(ring_put_input(ring, data, 100), 5);
	}
}
END_TEST

START_TEST(input_hostile)
{
	uint8_t data[64] = {0};

	for (uint32_t lie = RING_IN_SIZE; lie; lie = lie << 1) {
		ring->in_prod = 0;
		ring->in_cons = 0u - lie;
		ck_assert_uint_eq(ring_put_input(ring, data, sizeof(data)), 0);
		ck_assert_uint_eq(ring->in_prod, 0);
	}
}
END_TEST

TCase *tests_ring(void)
{
	TCase *tc = tcase_create("ring");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, output_every_offset);
	tcase_add_test(tc, output_index_wraps);
	tcase_add_test(tc, output_hostile);
	tcase_add_test(tc, input_every_offset);
	tcase_add_test(tc, input_hostile);
	return tc;
}
