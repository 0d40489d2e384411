// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "history.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SIZE 100
#define UUID "01234567-89ab-4cde-8f01-23456789abcd"

static struct history h;
static void *mem;

static void setup(void)
{
	mem = malloc(HISTORY_HEADER_SIZE + SIZE);
	history_format(&h, mem, SIZE);
}

static void teardown(void)
{
	free(mem);
}

/* Collect everything from @pos on. */
static size_t collect(const struct history *from, uint64_t *pos, uint8_t *out)
{
	const uint8_t *data;
	size_t n, all = 0;

	while ((n = history_peek(from, pos, &data))) {
		memcpy(out + all, data, n);
		all += n;
		*pos += n;
	}
	return all;
}

START_TEST(keeps_the_last)
{
	/* Pieces of every length, against the plain truth. */
	static uint8_t truth[40000];
	uint8_t out[SIZE];
	size_t total = 0, step = 0;

	for (size_t i = 0; i < sizeof(truth); i++)
		truth[i] = (uint8_t)(i * 7 + i / 256);
	while (total + step <= sizeof(truth)) {
		uint64_t pos = 0;
		size_t want = (total + step) < SIZE ? total + step : SIZE;

		history_append(&h, truth + total, step);
		total += step;
		ck_assert_uint_eq(history_end(&h), total);
		ck_assert_uint_eq(collect(&h, &pos, out), want);
		ck_assert_int_eq(memcmp(out, truth + total - want, want), 0);
		step = (step + 1) % 263;
	}
}
END_TEST

START_TEST(reader_resumes)
{
	uint8_t out[SIZE];
	uint64_t pos = 0;

	history_append(&h, "hello ", 6);
	ck_assert_uint_eq(collect(&h, &pos, out), 6);
	ck_assert_uint_eq(collect(&h, &pos, out), 0);
	history_append(&h, "world", 5);
	ck_assert_uint_eq(collect(&h, &pos, out), 5);
	ck_assert_int_eq(memcmp(out, "world", 5), 0);
}
END_TEST

START_TEST(marks_a_start)
{
	uint8_t filler[SIZE] = {0};

	history_append(&h, "first life", 10);
	history_mark_start(&h);
	history_append(&h, "second", 6);
	ck_assert_uint_eq(history_begin(&h), 10);
	ck_assert_uint_eq(history_oldest(&h), 0);
	history_append(&h, filler, SIZE);
	ck_assert_uint_eq(history_begin(&h), 16);
	ck_assert_uint_eq(history_begin(&h), history_oldest(&h));
}
END_TEST

START_TEST(believes_no_header_unseen)
{
	struct history_header good, *header = mem;
	struct history again;

	history_append(&h, "text", 4);
	ck_assert_int_eq(history_open(&again, mem, SIZE), 0);
	ck_assert_uint_eq(history_end(&again), 4);
	good = *header;
	ck_assert_int_eq(history_open(&again, mem, SIZE - 1), -EINVAL);
	header->version = 2;
	ck_assert_int_eq(history_open(&again, mem, SIZE), -EINVAL);
	*header = good;
	header->started = 5;
	ck_assert_int_eq(history_open(&again, mem, SIZE), -EINVAL);
	*header = good;
	header->total = UINT64_MAX;
	ck_assert_int_eq(history_open(&again, mem, SIZE), -EINVAL);
	*header = good;
	header->magic[0] = 'X';
	ck_assert_int_eq(history_open(&again, mem, SIZE), -EINVAL);
}
END_TEST

TCase *tests_history(void)
{
	TCase *tc = tcase_create("history");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, keeps_the_last);
	tcase_add_test(tc, reader_resumes);
	tcase_add_test(tc, marks_a_start);
	tcase_add_test(tc, believes_no_header_unseen);
	return tc;
}

static char dir[] = "/tmp/store-test-XXXXXX";
static int dirfd;

static void store_setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY);
}

static void store_teardown(void)
{
	store_remove(dirfd, UUID);
	close(dirfd);
	ck_assert_int_eq(rmdir(dir), 0);
}

START_TEST(survives)
{
	static uint8_t data[300000], out[300000];
	struct store s;
	struct stat st;
	uint64_t pos = 0;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i ^ (i >> 8));
	ck_assert_int_eq(store_open(&s, dirfd, UUID, 1 << 20), 0);
	store_append(&s, data, sizeof(data));
	/* What is said takes space, what may yet be said doesn't. */
	ck_assert_int_eq(fstat(s.fd, &st), 0);
	ck_assert_int_lt(st.st_blocks * 512, 512 << 10);
	store_close(&s);

	ck_assert_int_eq(store_open(&s, dirfd, UUID, 1 << 20), 0);
	ck_assert_uint_eq(collect(&s.history, &pos, out), sizeof(data));
	ck_assert_int_eq(memcmp(data, out, sizeof(data)), 0);
	store_close(&s);

	/* Of another size, or damaged: a fresh one. */
	ck_assert_int_eq(store_open(&s, dirfd, UUID, 8192), 0);
	ck_assert_uint_eq(history_end(&s.history), 0);
	store_close(&s);
}
END_TEST

START_TEST(no_directory)
{
	struct store s;

	ck_assert_int_eq(store_open(&s, -1, UUID, 8192), 0);
	store_append(&s, "x", 1);
	ck_assert_int_eq(s.fd, -1);
	ck_assert_uint_eq(history_end(&s.history), 1);
	store_close(&s);
}
END_TEST

START_TEST(truncated_file)
{
	struct store s;

	ck_assert_int_eq(store_open(&s, dirfd, UUID, 1 << 20), 0);
	store_append(&s, "text", 4);
	ck_assert_int_eq(ftruncate(s.fd, 10), 0);
	close(s.fd);
	/* The next one must neither believe it nor touch what has no backing. */
	ck_assert_int_eq(store_open(&s, dirfd, UUID, 1 << 20), 0);
	ck_assert_uint_eq(history_end(&s.history), 0);
	store_append(&s, "text", 4);
	store_close(&s);
}
END_TEST

TCase *tests_store(void)
{
	TCase *tc = tcase_create("store");

	tcase_add_checked_fixture(tc, store_setup, store_teardown);
	tcase_add_test(tc, survives);
	tcase_add_test(tc, no_directory);
	tcase_add_test(tc, truncated_file);
	return tc;
}
