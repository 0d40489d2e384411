/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel loader: what it takes, what it refuses and in which words, and the cache. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bzimage.h"
#include "cache.h"
#include "kernel.h"
#include "sample.h"

static const char *const codecs[] = {"gzip", "xz", "lz4", "zstd"};

/* A copy of exactly @size bytes, so that the address sanitizer sees every step beyond it. */
static int parse_copy(const uint8_t *data, size_t size, struct elf_kernel *k, struct ts_error *err)
{
	uint8_t *copy = malloc(size ? size : 1);
	int rc;

	memcpy(copy, data, size);
	rc = elf_parse(copy, size, k, err);
	free(copy);
	return rc;
}

START_TEST(elf_is_understood)
{
	struct blob elf = sample_elf(_i == 0, true);
	struct elf_kernel k;
	struct ts_error err;

	ck_assert_msg(elf_parse(elf.data, elf.size, &k, &err) == 0, "%s", err.detail);
	ck_assert_uint_eq(k.entry, SAMPLE_ENTRY);
	ck_assert_uint_eq(k.start, SAMPLE_TEXT_PADDR);
	ck_assert_uint_eq(k.end, SAMPLE_END);
	ck_assert_uint_eq(k.nr_segments, 2);
	ck_assert_uint_eq(k.segments[1].filesz, SAMPLE_DATA_FILESZ);
	ck_assert_uint_eq(k.segments[1].memsz, SAMPLE_DATA_MEMSZ);
	blob_free(&elf);
}
END_TEST

START_TEST(elf_cut_anywhere_is_refused)
{
	struct blob elf = sample_elf(_i == 0, true);
	struct elf_kernel k;
	struct ts_error err;

	/* Every length through headers and notes, then page by page. */
	for (size_t len = 0; len < elf.size; len += len < 0x500 || len > elf.size - 16 ? 1 : 61) {
		ck_assert_int_eq(parse_copy(elf.data, len, &k, &err), -ENOEXEC);
		ck_assert_int_eq(err.code, TS_EKERNEL);
		ck_assert(strlen(err.detail) > 20);
	}
	blob_free(&elf);
}
END_TEST

static bool is_sound(const struct elf_kernel *k, size_t size)
{
	for (unsigned int i = 0; i < k->nr_segments; i++) {
		const struct elf_segment *s = &k->segments[i];

		if (s->offset + s->filesz > size || s->filesz > s->memsz ||
		    s->paddr + s->memsz > 1ull << 32)
			return false;
	}
	return k->entry >= k->start && k->entry < k->end;
}

START_TEST(elf_damaged_anywhere_is_harmless)
{
	struct blob elf = sample_elf(_i == 0, true);
	struct elf_kernel k;
	struct ts_error err;

	srandom(1);
	for (unsigned int round = 0; round < 20000; round++) {
		size_t at = (size_t)random() % 0x100 + (round & 1 ? 0x3000 : 0);
		uint8_t old = elf.data[at];

		elf.data[at] = (uint8_t)random();
		if (elf_parse(elf.data, elf.size, &k, &err) == 0 && !is_sound(&k, elf.size))
			ck_abort_msg("byte %zu", at);
		if (round % 4)
			elf.data[at] = old;
	}
	blob_free(&elf);
}
END_TEST

/* Bytes to overwrite in a 64-bit sample, and a word of the answer. */
static const struct {
	size_t at;
	uint64_t value;
	size_t size;
	const char *word;
} damages[] = {
	{4, 9, 1, "class"},
	{5, 2, 1, "endian"},
	{18, 183, 2, "x86"},
	{54, 8, 2, "too small"},
	{56, 0, 2, "missing"},
	{56, 5000, 2, "too many"},
	{32, ~0ull, 8, "outside the file"},
	{64 + 8, 1ull << 60, 8, "cut off"},
	{64 + 32, 1ull << 40, 8, "larger in the file"},
	{64 + 24, 1ull << 32, 8, "below 4 GiB"},
	{64 + 24, ~0ull, 8, "below 4 GiB"},
	{64 + 2 * 56 + 8, 1ull << 50, 8, "notes"},
	{64, 3, 4, "entry point"},
	{0x3000 + 24 + 16, 0x10, 8, "entry point"},
	{0x3000 + 24, 0xffffffff, 4, "no PVH entry note"},
	{0x3000 + 24 + 4, 0xffffffff, 4, "no PVH entry note"},
	{0x3000 + 24 + 4, 5, 4, "no PVH entry note"},
};

START_TEST(elf_damage_is_named)
{
	struct blob elf = sample_elf(true, true);
	struct elf_kernel k;
	struct ts_error err;

	memcpy(elf.data + damages[_i].at, &damages[_i].value, damages[_i].size);
	ck_assert_int_eq(elf_parse(elf.data, elf.size, &k, &err), -ENOEXEC);
	ck_assert_msg(strstr(err.detail, damages[_i].word), "%s", err.detail);
	blob_free(&elf);
}
END_TEST

START_TEST(elf_without_note_is_refused)
{
	struct blob elf = sample_elf(true, false);
	struct elf_kernel k;
	struct ts_error err;

	ck_assert_int_eq(elf_parse(elf.data, elf.size, &k, &err), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(err.detail, "PVH"));
	blob_free(&elf);
}
END_TEST

static int unpack_copy(const uint8_t *data, size_t size, struct blob *out, struct ts_error *err)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct bzimage_payload p;
	int rc = -ENOEXEC;

	memcpy(copy, data, size);
	if (bzimage_probe(copy, size))
		rc = bzimage_find(copy, size, &p, err);
	else
		ts_fail(err, TS_EKERNEL, rc, "no boot image");
	if (!rc) {
		*out = (struct blob){malloc(p.unpacked_size), p.unpacked_size};
		rc = payload_unpack(&p, out->data, err);
		if (rc)
			blob_free(out);
	}
	free(copy);
	return rc;
}

START_TEST(bzimage_is_unpacked)
{
	struct blob elf = sample_elf(true, true);
	struct blob image = sample_bzimage(&elf, codecs[_i]);
	struct blob out = {0};
	struct ts_error err;

	ck_assert_msg(unpack_copy(image.data, image.size, &out, &err) == 0, "%s", err.detail);
	ck_assert_uint_eq(out.size, elf.size);
	ck_assert_mem_eq(out.data, elf.data, elf.size);
	blob_free(&out);
	blob_free(&image);
	blob_free(&elf);
}
END_TEST

START_TEST(bzimage_cut_anywhere_is_refused)
{
	struct blob elf = sample_elf(true, true);
	struct blob image = sample_bzimage(&elf, codecs[_i]);
	struct blob out = {0};
	struct ts_error err;

	for (size_t len = 0; len < image.size;
	     len += len < 0x600 || len > image.size - 64 ? 1 : 7) {
		ck_assert_int_ne(unpack_copy(image.data, len, &out, &err), 0);
		ck_assert_int_eq(err.code, TS_EKERNEL);
	}
	blob_free(&image);
	blob_free(&elf);
}
END_TEST

START_TEST(bzimage_damaged_anywhere_is_harmless)
{
	struct blob elf = sample_elf(true, true);
	struct blob image = sample_bzimage(&elf, codecs[_i]);
	struct blob out = {0};
	struct ts_error err;

	srandom(2);
	for (unsigned int round = 0; round < 400; round++) {
		size_t at = 0x1f1 + (size_t)random() % (image.size - 4 - 0x1f1);
		uint8_t old = image.data[at];

		image.data[at] ^= (uint8_t)(1 + random() % 255);
		if (unpack_copy(image.data, image.size, &out, &err) == 0)
			blob_free(&out);
		image.data[at] = old;
	}
	blob_free(&image);
	blob_free(&elf);
}
END_TEST

START_TEST(bzimage_wrong_length_is_refused)
{
	struct blob elf = sample_elf(true, true);
	struct blob image = sample_bzimage(&elf, codecs[_i]);
	struct blob out = {0};
	struct ts_error err;

	for (int delta = -1; delta <= 1; delta += 2) {
		uint32_t size = (uint32_t)((int)elf.size + delta);

		memcpy(image.data + image.size - 4, &size, 4);
		ck_assert_int_eq(unpack_copy(image.data, image.size, &out, &err), -ENOEXEC);
	}
	memset(image.data + image.size - 4, 0xff, 4);
	ck_assert_int_eq(unpack_copy(image.data, image.size, &out, &err), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(err.detail, "out of range"));
	blob_free(&image);
	blob_free(&elf);
}
END_TEST

static void expect_refused(const char *path, enum ts_code code, const char *word)
{
	struct kernel k = KERNEL_NONE;
	struct ts_error err;

	ck_assert_int_lt(kernel_open(path, NULL, NULL, &k, &err), 0);
	ck_assert_int_eq(err.code, code);
	ck_assert_msg(strstr(err.detail, word), "%s", err.detail);
}

START_TEST(wrong_files_are_named)
{
	static const char text[] = "This is a letter to the administrator, and no kernel.\n";
	uint8_t zeroes[8192] = {0};

	expect_refused(sample_file("text", text, sizeof(text)), TS_EKERNEL, "not a kernel");
	expect_refused(sample_file("zero", zeroes, sizeof(zeroes)), TS_EKERNEL, "not a kernel");
	expect_refused(sample_file("byte", "E", 1), TS_EKERNEL, "not a kernel");
	expect_refused(sample_file("empty", "", 0), TS_EKERNEL, "empty");
	expect_refused(sample_dir(), TS_EIO, "regular");
	expect_refused("/nonexistent/kernel", TS_EIO, "No such file");
	sample_dir_remove();
}
END_TEST

static bool is_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* All bytes of the kernel as a guest would see its data segment. */
static void check_data_segment(const struct kernel *k)
{
	const struct elf_segment *s = &k->elf.segments[1];
	uint64_t pos = s->offset, end = s->offset + s->filesz, start, len, last = pos, total = 0;

	while (kernel_next_data(k, &pos, end, &start, &len)) {
		ck_assert_uint_ge(start, last);
		ck_assert(is_zero(k->data + last, start - last));
		last = start + len;
		total += len;
	}
	ck_assert(is_zero(k->data + last, end - last));
	/* 0x20000 zeroes lie in the middle, and most of them are left out. */
	ck_assert_uint_le(total, 0x20000);
	ck_assert_uint_eq(k->data[s->offset], 0xaa);
	ck_assert_uint_eq(k->data[end - 1], 0xbb);
}

START_TEST(zeroes_are_left_out)
{
	struct blob elf = sample_elf(true, true);
	struct blob image = sample_bzimage(&elf, "zstd");
	struct blob gz = sample_gzip(&elf);
	const char *paths[] = {
		sample_file("elf", elf.data, elf.size),
		sample_file("bzimage", image.data, image.size),
		sample_file("elf.gz", gz.data, gz.size),
	};
	struct kernel k;
	struct ts_error err;

	for (size_t i = 0; i < 3; i++) {
		ck_assert_msg(kernel_open(paths[i], i ? sample_dir() : NULL, NULL, &k, &err) == 0,
			      "%s", err.detail);
		check_data_segment(&k);
		kernel_close(&k);
	}
	blob_free(&gz);
	blob_free(&image);
	blob_free(&elf);
	sample_dir_remove();
}
END_TEST

static unsigned int count_files(const char *dir, char name[300])
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned int n = 0;

	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' && (!e->d_name[1] || !strcmp(e->d_name, "..")))
			continue;
		n++;
		snprintf(name, 300, "%s/%s", dir, e->d_name);
	}
	closedir(d);
	return n;
}

struct cached {
	struct blob elf;
	struct blob image;
	char path[64];
	char dir[64];
	char entry[300]; /* the cache's only file */
};

static void open_once(struct cached *c, const char *sha)
{
	struct kernel k;
	struct ts_error err;

	ck_assert_msg(kernel_open(c->path, c->dir, sha, &k, &err) == 0, "%s", err.detail);
	ck_assert_uint_eq(k.size, c->elf.size);
	ck_assert_mem_eq(k.data, c->elf.data, c->elf.size);
	kernel_close(&k);
}

static struct cached cache_setup(void)
{
	struct cached c = {.elf = sample_elf(true, true)};

	c.image = sample_bzimage(&c.elf, "xz");
	snprintf(c.path, sizeof(c.path), "%s", sample_file("k", c.image.data, c.image.size));
	snprintf(c.dir, sizeof(c.dir), "%s/cache", sample_dir());
	ck_assert_int_eq(mkdir(c.dir, 0700), 0);
	open_once(&c, NULL);
	ck_assert_uint_eq(count_files(c.dir, c.entry), 1);
	return c;
}

static void cache_teardown(struct cached *c)
{
	blob_free(&c->elf);
	blob_free(&c->image);
	sample_dir_remove();
}

START_TEST(cache_is_used)
{
	struct cached c = cache_setup();
	const char *sha = strrchr(c.entry, '/') + 1;
	struct stat first, second;

	ck_assert_uint_eq(strlen(sha), 64);
	stat(c.entry, &first);
	open_once(&c, NULL);
	/* A caller that knows the hash needs no more of the file than that it is there. */
	sample_file("k", "x", 1);
	open_once(&c, sha);
	stat(c.entry, &second);
	ck_assert_uint_eq(first.st_ino, second.st_ino);
	ck_assert_uint_eq(count_files(c.dir, c.entry), 1);
	cache_teardown(&c);
}
END_TEST

static void overwrite(const char *path, long at, const void *data, size_t size)
{
	FILE *f = fopen(path, "r+");

	fseek(f, at, SEEK_SET);
	fwrite(data, 1, size, f);
	fclose(f);
}

START_TEST(cache_is_not_trusted)
{
	struct cached c = cache_setup();
	struct stat first, second;

	stat(c.entry, &first);
	switch (_i) {
	case 0: overwrite(c.entry, 0, "X", 1); break;  /* magic */
	case 1: overwrite(c.entry, 30, "X", 1); break; /* key */
	case 2: ck_assert_int_eq(truncate(c.entry, 5000), 0); break;
	case 3: ck_assert_int_eq(truncate(c.entry, 0), 0); break;
	case 4: ck_assert_int_eq(chmod(c.entry, 0666), 0); break;
	case 5: overwrite(c.entry, CACHE_HEADER_SIZE, "XXXX", 4); break; /* the kernel itself */
	case 6:
		unlink(c.entry);
		ck_assert_int_eq(symlink(c.path, c.entry), 0);
		break;
	case 7:
		unlink(c.entry);
		ck_assert_int_eq(mkdir(c.entry, 0700), 0);
		open_once(&c, NULL); /* can't be replaced, is worked around */
		ck_assert_uint_eq(count_files(c.dir, c.entry), 1);
		cache_teardown(&c);
		return;
	}
	open_once(&c, NULL);
	ck_assert_uint_eq(count_files(c.dir, c.entry), 1);
	ck_assert_int_eq(lstat(c.entry, &second), 0);
	ck_assert(S_ISREG(second.st_mode));
	ck_assert_uint_eq(second.st_size, first.st_size);
	ck_assert_uint_ne(second.st_mode & 022, 022);
	cache_teardown(&c);
}
END_TEST

/* Whenever this process ends. */
START_TEST(nothing_unfinished_is_in_the_cache)
{
	struct cached c = cache_setup();
	struct cache_entry e;

	ck_assert_int_eq(cache_begin(c.dir, 70000, &e), 0);
	ck_assert_uint_eq(count_files(c.dir, c.entry), 1);
	cache_commit(c.dir, (const uint8_t[CACHE_KEY_LEN]){1}, &e);
	ck_assert_uint_eq(count_files(c.dir, c.entry), 2);
	cache_close(&e);
	ck_assert_uint_eq(count_files(c.dir, c.entry), 2);
	cache_teardown(&c);
}
END_TEST

START_TEST(cache_may_be_missing)
{
	struct cached c = cache_setup();
	char real[64];

	snprintf(real, sizeof(real), "%s", c.dir);
	snprintf(c.dir, sizeof(c.dir), "/nonexistent");
	open_once(&c, NULL);
	cache_teardown(&c);
}
END_TEST

START_TEST(bad_kernels_stay_out_of_the_cache)
{
	struct blob elf = sample_elf(true, false);
	struct blob image = sample_bzimage(&elf, "gzip");
	const char *path = sample_file("k", image.data, image.size);
	char dir[64], name[300];
	struct ts_error err;

	snprintf(dir, sizeof(dir), "%s/cache", sample_dir());
	mkdir(dir, 0700);
	ck_assert_int_eq(ts_kernel_check(path, dir, &err), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(err.detail, "PVH"));
	ck_assert_uint_eq(count_files(dir, name), 0);
	blob_free(&elf);
	blob_free(&image);
	sample_dir_remove();
}
END_TEST

static Suite *kernel_suite(void)
{
	Suite *s = suite_create("toolstack kernel");
	TCase *t = tcase_create("kernel");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, elf_is_understood, 0, 2);
	tcase_add_loop_test(t, elf_cut_anywhere_is_refused, 0, 2);
	tcase_add_loop_test(t, elf_damaged_anywhere_is_harmless, 0, 2);
	tcase_add_loop_test(t, elf_damage_is_named, 0, sizeof(damages) / sizeof(*damages));
	tcase_add_test(t, elf_without_note_is_refused);
	tcase_add_loop_test(t, bzimage_is_unpacked, 0, 4);
	tcase_add_loop_test(t, bzimage_cut_anywhere_is_refused, 0, 4);
	tcase_add_loop_test(t, bzimage_damaged_anywhere_is_harmless, 0, 4);
	tcase_add_loop_test(t, bzimage_wrong_length_is_refused, 0, 4);
	tcase_add_test(t, wrong_files_are_named);
	tcase_add_test(t, zeroes_are_left_out);
	tcase_add_test(t, cache_is_used);
	tcase_add_loop_test(t, cache_is_not_trusted, 0, 8);
	tcase_add_test(t, nothing_unfinished_is_in_the_cache);
	tcase_add_test(t, cache_may_be_missing);
	tcase_add_test(t, bad_kernels_stay_out_of_the_cache);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(kernel_suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
