/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "cache.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC    "DomusVmk"
#define FORMAT   1
#define PAGE     4096
#define ZERO_RUN 65536u /* bytes; shorter runs of zeroes are not worth a hole */

/* First page of a cache file, little-endian; the rest of the page is zero. */
struct cache_header {
	char magic[8];
	uint32_t format;
	uint32_t header_size;
	uint64_t size;
	uint8_t key[CACHE_KEY_LEN];
};

static_assert(sizeof(struct cache_header) == 56, "on-disk format");
static_assert(sizeof(struct cache_header) <= CACHE_HEADER_SIZE, "on-disk format");

static bool cache_path(const char *dir, const uint8_t key[CACHE_KEY_LEN], char *out, size_t room)
{
	char hex[2 * CACHE_KEY_LEN + 1];

	for (size_t i = 0; i < CACHE_KEY_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	return snprintf(out, room, "%s/%s", dir, hex) < (int)room;
}

static bool header_fits(const struct cache_entry *e, const uint8_t key[CACHE_KEY_LEN])
{
	struct cache_header h;

	memcpy(&h, e->map, sizeof(h));
	return memcmp(h.magic, MAGIC, sizeof(h.magic)) == 0 && h.format == FORMAT &&
	       h.header_size == CACHE_HEADER_SIZE && h.size == e->map_size - CACHE_HEADER_SIZE &&
	       memcmp(h.key, key, CACHE_KEY_LEN) == 0;
}

int cache_lookup(const char *dir, const uint8_t key[CACHE_KEY_LEN], struct cache_entry *out)
{
	TS_CLEANUP(cache_close) struct cache_entry e = CACHE_ENTRY_NONE;
	char path[512];
	struct stat st;

	if (!dir || !cache_path(dir, key, path, sizeof(path)))
		return -ENOENT;
	e.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (e.fd < 0 || fstat(e.fd, &st) < 0)
		return -ENOENT;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) ||
	    st.st_size <= CACHE_HEADER_SIZE)
		return -ENOENT;
	e.map_size = (size_t)st.st_size;
	e.map = mmap(NULL, e.map_size, PROT_READ, MAP_PRIVATE, e.fd, 0);
	if (e.map == MAP_FAILED)
		return -ENOENT;
	if (!header_fits(&e, key))
		return -ENOENT;
	e.size = e.map_size - CACHE_HEADER_SIZE;
	*out = e;
	e = CACHE_ENTRY_NONE;
	return 0;
}

/* Blocks for all of the new file @fd, so that a full disk is an error and not a SIGBUS. */
static int make_file(struct cache_entry *e, int fd)
{
	e->fd = fd;
	return fd < 0 ? -errno : -posix_fallocate(fd, 0, (off_t)e->map_size);
}

int cache_begin(const char *dir, size_t size, struct cache_entry *out)
{
	TS_CLEANUP(cache_close) struct cache_entry e = CACHE_ENTRY_NONE;
	int rc;

	e.size = size;
	e.map_size = size + CACHE_HEADER_SIZE;
	/* Without a name yet: should this process end before there is one, nothing is left. */
	rc = dir ? make_file(&e, open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) : -ENOENT;
	if (rc) {
		ts_close_fd(&e.fd);
		rc = make_file(&e, memfd_create("domus-kernel", MFD_CLOEXEC));
	}
	if (rc)
		return rc;
	e.map = mmap(NULL, e.map_size, PROT_READ | PROT_WRITE, MAP_SHARED, e.fd, 0);
	if (e.map == MAP_FAILED)
		return -errno;
	*out = e;
	e = CACHE_ENTRY_NONE;
	return 0;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* Long runs of zeroes (.bss and .brk of Linux) become holes: no blocks, and no copying later. */
static void punch_zero_runs(const struct cache_entry *e)
{
	size_t run = 0;

	for (size_t pos = CACHE_HEADER_SIZE; pos <= e->map_size; pos += PAGE) {
		bool whole = pos < e->map_size && e->map_size - pos >= PAGE;

		if (whole && is_zero(e->map + pos, PAGE)) {
			run += PAGE;
			continue;
		}
		if (run >= ZERO_RUN)
			(void)fallocate(e->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					(off_t)(pos - run), (off_t)run);
		run = 0;
	}
}

void cache_commit(const char *dir, const uint8_t key[CACHE_KEY_LEN], struct cache_entry *e)
{
	struct cache_header h = {
		.format = FORMAT, .header_size = CACHE_HEADER_SIZE, .size = e->size};
	char path[512], self[32];

	memcpy(h.magic, MAGIC, sizeof(h.magic));
	memcpy(h.key, key, CACHE_KEY_LEN);
	memcpy(e->map, &h, sizeof(h));
	punch_zero_runs(e);
	mprotect(e->map, e->map_size, PROT_READ);
	/* The name must never be there without the data. */
	if (!dir || !cache_path(dir, key, path, sizeof(path)) || fdatasync(e->fd))
		return;
	/* One that was there could not be used. Without a name this kernel is used from the open file. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", e->fd);
	unlink(path);
	(void)!linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

void cache_close(struct cache_entry *e)
{
	if (e->map && e->map != MAP_FAILED)
		munmap(e->map, e->map_size);
	ts_close_fd(&e->fd);
	*e = CACHE_ENTRY_NONE;
}

int cache_key(const uint8_t *data, size_t size, uint8_t key[CACHE_KEY_LEN])
{
	unsigned int len = CACHE_KEY_LEN;

	return EVP_Digest(data, size, key, &len, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool cache_key_parse(const char *hex, uint8_t key[CACHE_KEY_LEN])
{
	uint8_t k[CACHE_KEY_LEN];

	if (strlen(hex) != 2 * CACHE_KEY_LEN)
		return false;
	for (size_t i = 0; i < CACHE_KEY_LEN; i++) {
		int high = hex_digit(hex[2 * i]);
		int low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		k[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(key, k, sizeof(k));
	return true;
}
