/* SPDX-License-Identifier: Apache-2.0 */
/* qcow2 images made here by hand, good ones and such that lie. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "fixture.h"
#include "reader/qcow2.h"

#define CLUSTER  512u
#define CLUSTERS 12u
#define DISK     (4 * CLUSTER)

/*
 * Cluster 0: header; 1: first-level table; 2: second-level table; 3: content of the disk's first
 * cluster; 4 and 5: its third one, compressed, from byte 100 on. The second is empty, and the
 * fourth zeros by its flag although it has a place.
 */
static uint8_t file[CLUSTERS * CLUSTER];
static uint8_t noise[CLUSTER];
static const char *why;

static void put32(size_t at, uint32_t value)
{
	value = htobe32(value);
	memcpy(file + at, &value, sizeof(value));
}

static void put64(size_t at, uint64_t value)
{
	value = htobe64(value);
	memcpy(file + at, &value, sizeof(value));
}

static size_t deflate_noise(uint8_t *to, size_t room)
{
	z_stream z = {.next_in = noise, .avail_in = CLUSTER};

	ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = to;
	z.avail_out = (uInt)room;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static void make_image(void)
{
	size_t at = 4 * CLUSTER + 100, len;

	memset(file, 0, sizeof(file));
	for (size_t i = 0; i < CLUSTER; i++)
		noise[i] = (uint8_t)(i * 7 + i / 16);
	memcpy(file, QCOW2_MAGIC, 4);
	put32(4, 3);
	put32(20, 9);
	put64(24, DISK);
	put32(36, 1);
	put64(40, CLUSTER);
	put32(100, 112);
	put64(CLUSTER, 2 * CLUSTER | 1ull << 63);
	put64(2 * CLUSTER, 3 * CLUSTER | 1ull << 63);
	memset(file + 3 * CLUSTER, 'a', CLUSTER);
	len = deflate_noise(file + at, 2 * CLUSTER - 100);
	put64(2 * CLUSTER + 16,
	      1ull << 62 | (uint64_t)((at % CLUSTER + len - 1) / CLUSTER) << 61 | at);
	put64(2 * CLUSTER + 24, 3 * CLUSTER | 1);
}

/* Unpack what is in @file, its first @len bytes, into @disk. */
static int unpack(size_t len, uint8_t disk[DISK])
{
	FILE *from = tmpfile(), *to = tmpfile();
	struct qcow2 q;
	int rc, check;

	why = NULL;
	ck_assert_uint_eq(fwrite(file, 1, len, from), len);
	ck_assert_int_eq(fflush(from) || ftruncate(fileno(to), DISK), 0);
	rc = qcow2_open(fileno(from), &q, &why);
	if (!rc) {
		check = qcow2_unpack(&q, -1, &why);
		rc = qcow2_unpack(&q, fileno(to), &why);
		ck_assert(!check || check == rc);
		ck_assert_int_eq(lseek(fileno(to), 0, SEEK_END), DISK);
	}
	ck_assert(!rc || (rc == -EINVAL && why && *why));
	ck_assert_int_eq(pread(fileno(to), disk, DISK, 0), DISK);
	fclose(from);
	fclose(to);
	return rc;
}

static void check_good(void)
{
	static const uint8_t zeros[CLUSTER];
	uint8_t disk[DISK];

	ck_assert_msg(!unpack(sizeof(file), disk), "%s", why);
	ck_assert_mem_eq(disk, file + 3 * CLUSTER, CLUSTER);
	ck_assert_mem_eq(disk + CLUSTER, zeros, CLUSTER);
	ck_assert_mem_eq(disk + 2 * CLUSTER, noise, CLUSTER);
	ck_assert_mem_eq(disk + 3 * CLUSTER, zeros, CLUSTER);
}

START_TEST(what_it_holds_comes_out)
{
	check_good();
}
END_TEST

START_TEST(zstd_as_well)
{
	size_t at = 6 * CLUSTER, len;

	len = ZSTD_compress(file + at, 2 * CLUSTER, noise, CLUSTER, 3);
	ck_assert(!ZSTD_isError(len));
	put64(72, 1 << 3);
	file[104] = 1;
	put64(2 * CLUSTER + 16, 1ull << 62 | (uint64_t)((len - 1) / CLUSTER) << 61 | at);
	check_good();
}
END_TEST

static const struct {
	const char *what;
	size_t at;
	uint64_t value;
	bool wide;
} lies[] = {
	{"magic", 0, 0, false},
	{"version", 4, 4, false},
	{"backing file", 8, 400, true},
	{"clusters too small", 20, 8, false},
	{"clusters too large", 20, 22, false},
	{"size of nothing", 24, 0, true},
	{"half a sector", 24, 100, true},
	{"huge size", 24, 1ull << 50, true},
	{"endless size", 24, UINT64_MAX, true},
	{"encrypted", 32, 1, false},
	{"no first-level table", 36, 0, false},
	{"first-level table not aligned", 40, 520, true},
	{"first-level table past the end", 40, CLUSTERS *CLUSTER, true},
	{"first-level table far away", 40, 1ull << 62, true},
	{"external data file", 72, 1 << 2, true},
	{"corrupt", 72, 1 << 1, true},
	{"long entries", 72, 1 << 4, true},
	{"short header", 100, 80, false},
	{"table past the end", CLUSTER, CLUSTERS *CLUSTER, true},
	{"data past the end", 2 * CLUSTER, CLUSTERS *CLUSTER, true},
	{"data far away", 2 * CLUSTER, 1ull << 55, true},
	{"packed data past the end", 2 * CLUSTER + 16, 1ull << 62 | (CLUSTERS * CLUSTER), true},
	{"packed data is none", 2 * CLUSTER + 16, 1ull << 62 | (3 * CLUSTER), true},
};

START_TEST(lies_are_refused)
{
	uint8_t disk[DISK];

	if (lies[_i].wide)
		put64(lies[_i].at, lies[_i].value);
	else
		put32(lies[_i].at, (uint32_t)lies[_i].value);
	ck_assert_msg(unpack(sizeof(file), disk) == -EINVAL, "%s was taken", lies[_i].what);
}
END_TEST

/* Whatever is cut off or turned over: an answer, and nothing outside the disk. */
START_TEST(damage_is_survived)
{
	uint8_t disk[DISK];

	for (size_t len = 0; len < sizeof(file); len += 61)
		(void)!unpack(len, disk);
	for (size_t bit = 0; bit < 6 * CLUSTER * 8; bit += 5) {
		/* Another size of disk is no damage, and would leave the file to write to. */
		if (bit / 8 >= 24 && bit / 8 < 32)
			continue;
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)!unpack(sizeof(file), disk);
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

Suite *suite_qcow2(void)
{
	Suite *s = suite_create("qcow2");
	TCase *tc = tcase_create("images");

	tcase_add_checked_fixture(tc, make_image, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, what_it_holds_comes_out);
	tcase_add_test(tc, zstd_as_well);
	tcase_add_loop_test(tc, lies_are_refused, 0, (int)(sizeof(lies) / sizeof(lies[0])));
	tcase_add_test(tc, damage_is_survived);
	suite_add_tcase(s, tc);
	return s;
}
