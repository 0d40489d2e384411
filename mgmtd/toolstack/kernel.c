/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bzimage.h"
#include "cache.h"

#define MEMO_SLOTS 16
#define ZERO_BLOCK 65536u /* bytes; less is not worth leaving out */

/* What a file was the last time we saw it: to read it through costs more than building a domain. */
struct memo {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	struct timespec ctime;
	bool packed;
	uint8_t key[CACHE_KEY_LEN];              /* its hash, of a packed one */
	struct zero_run zeros[KERNEL_ZERO_RUNS]; /* of an ELF */
};

static struct memo memo_table[MEMO_SLOTS]; /* [memo_lock] */
static unsigned int memo_next;             /* [memo_lock] */
static pthread_mutex_t memo_lock = PTHREAD_MUTEX_INITIALIZER;

static bool memo_matches(const struct memo *m, const struct stat *st)
{
	return m->size && m->dev == st->st_dev && m->ino == st->st_ino && m->size == st->st_size &&
	       m->mtime.tv_sec == st->st_mtim.tv_sec && m->mtime.tv_nsec == st->st_mtim.tv_nsec &&
	       m->ctime.tv_sec == st->st_ctim.tv_sec && m->ctime.tv_nsec == st->st_ctim.tv_nsec;
}

static bool memo_get(const struct stat *st, struct memo *out)
{
	bool found = false;

	pthread_mutex_lock(&memo_lock);
	for (unsigned int i = 0; i < MEMO_SLOTS && !found; i++) {
		found = memo_matches(&memo_table[i], st);
		if (found)
			*out = memo_table[i];
	}
	pthread_mutex_unlock(&memo_lock);
	return found;
}

static void memo_put(const struct stat *st, struct memo *m)
{
	m->dev = st->st_dev;
	m->ino = st->st_ino;
	m->size = st->st_size;
	m->mtime = st->st_mtim;
	m->ctime = st->st_ctim;
	pthread_mutex_lock(&memo_lock);
	memo_table[memo_next++ % MEMO_SLOTS] = *m;
	pthread_mutex_unlock(&memo_lock);
}

static int open_file(const char *path, int *fd, struct stat *st, struct ts_error *err)
{
	int rc;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0 || fstat(*fd, st) < 0) {
		rc = -errno;
		return ts_fail(err, TS_EIO, rc, "the kernel file cannot be read: %s",
			       strerror(-rc));
	}
	if (!S_ISREG(st->st_mode))
		return ts_fail(err, TS_EIO, -EINVAL, "the kernel is not a regular file");
	if (st->st_size == 0)
		return ts_fail(err, TS_EKERNEL, -ENOEXEC, "the kernel file is empty");
	if ((uint64_t)st->st_size > KERNEL_UNPACKED_MAX)
		return ts_fail(err, TS_EKERNEL, -ENOEXEC, "the kernel file is too large");
	return 0;
}

static int map_file(struct kernel *k, int fd, size_t size, struct ts_error *err)
{
	void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		return ts_fail(err, TS_EIO, -errno, "the kernel file cannot be mapped: %s",
			       strerror(errno));
	k->map = p;
	k->map_size = size;
	k->data = p;
	k->size = size;
	return 0;
}

/* Take over the memory and the descriptor of @e, which parses as a kernel or not. */
static int adopt(struct kernel *out, struct cache_entry *e, struct ts_error *err)
{
	struct kernel k = {.data = e->map + CACHE_HEADER_SIZE,
			   .size = e->size,
			   .fd = e->fd,
			   .base = CACHE_HEADER_SIZE,
			   .map = e->map,
			   .map_size = e->map_size};
	int rc = elf_parse(k.data, k.size, &k.elf, err);

	if (rc)
		return rc;
	*e = CACHE_ENTRY_NONE;
	*out = k;
	return 0;
}

static int unpack(const uint8_t *data, size_t size, const char *cache_dir, const uint8_t *key,
		  struct kernel *out, struct ts_error *err)
{
	TS_CLEANUP(cache_close) struct cache_entry e = CACHE_ENTRY_NONE;
	struct elf_kernel ignored;
	struct bzimage_payload p;
	int rc;

	rc = bzimage_probe(data, size) ? bzimage_find(data, size, &p, err) :
					 gzip_find(data, size, &p, err);
	if (rc)
		return rc;
	rc = cache_begin(cache_dir, p.unpacked_size, &e);
	if (rc)
		return ts_fail(err, TS_EIO, rc, "no room to unpack the kernel: %s", strerror(-rc));
	rc = payload_unpack(&p, e.map + CACHE_HEADER_SIZE, err);
	if (rc)
		return rc;
	/* Nothing unusable enters the cache. */
	rc = elf_parse(e.map + CACHE_HEADER_SIZE, e.size, &ignored, err);
	if (rc)
		return rc;
	cache_commit(cache_dir, key, &e);
	return adopt(out, &e, err);
}

static int identify(const uint8_t *data, size_t size, const struct stat *st,
		    uint8_t key[CACHE_KEY_LEN], struct ts_error *err)
{
	struct memo m = {.packed = true};

	if (cache_key(data, size, key))
		return ts_fail(err, TS_EIO, -EIO, "the kernel file cannot be hashed");
	memcpy(m.key, key, CACHE_KEY_LEN);
	memo_put(st, &m);
	return 0;
}

static bool block_is_zero(const struct kernel *k, uint64_t pos)
{
	const uint8_t *p = k->data + pos;

	return p[0] == 0 && memcmp(p, p + 1, ZERO_BLOCK - 1) == 0;
}

/* Put @run in the place of the shortest, if that is shorter. */
static void keep_run(struct zero_run runs[KERNEL_ZERO_RUNS], struct zero_run run)
{
	struct zero_run *least = &runs[0];

	for (unsigned int i = 1; i < KERNEL_ZERO_RUNS; i++)
		if (runs[i].end - runs[i].start < least->end - least->start)
			least = &runs[i];
	if (run.end - run.start > least->end - least->start)
		*least = run;
}

/* The longest runs of zeroes in an ELF, whole blocks: looked for once. */
static void find_zeroes(struct kernel *k, const struct stat *st)
{
	struct zero_run run = {0, 0};
	struct memo m = {.packed = false};

	if (!memo_get(st, &m) || m.packed) {
		m = (struct memo){.packed = false};
		for (uint64_t pos = 0; k->size - pos >= ZERO_BLOCK; pos += ZERO_BLOCK) {
			if (!block_is_zero(k, pos))
				continue;
			if (run.end != pos) {
				keep_run(m.zeros, run);
				run.start = pos;
			}
			run.end = pos + ZERO_BLOCK;
		}
		keep_run(m.zeros, run);
		memo_put(st, &m);
	}
	memcpy(k->zeros, m.zeros, sizeof(k->zeros));
}

int kernel_open(const char *path, const char *cache_dir, const char *sha256, struct kernel *out,
		struct ts_error *err)
{
	TS_CLEANUP(cache_close) struct cache_entry e = CACHE_ENTRY_NONE;
	TS_CLEANUP(kernel_close) struct kernel file = KERNEL_NONE;
	uint8_t key[CACHE_KEY_LEN];
	struct memo memo;
	struct stat st;
	bool known;
	int rc;

	rc = open_file(path, &file.fd, &st, err);
	if (rc)
		return rc;
	known = sha256 && cache_key_parse(sha256, key);
	if (!known && memo_get(&st, &memo) && memo.packed) {
		memcpy(key, memo.key, sizeof(key));
		known = true;
	}
	if (known && cache_lookup(cache_dir, key, &e) == 0 && adopt(out, &e, NULL) == 0)
		return 0;
	rc = map_file(&file, file.fd, (size_t)st.st_size, err);
	if (rc)
		return rc;
	if (elf_probe(file.data, file.size)) {
		rc = elf_parse(file.data, file.size, &file.elf, err);
		if (rc)
			return rc;
		find_zeroes(&file, &st);
		*out = file;
		file = KERNEL_NONE;
		return 0;
	}
	if (!bzimage_probe(file.data, file.size) && !gzip_probe(file.data, file.size))
		return ts_fail(err, TS_EKERNEL, -ENOEXEC,
			       "this is not a kernel: neither a Linux boot image (bzImage) nor an "
			       "ELF file");
	if (!known) {
		rc = identify(file.data, file.size, &st, key, err);
		if (rc)
			return rc;
		cache_close(&e);
		if (cache_lookup(cache_dir, key, &e) == 0 && adopt(out, &e, NULL) == 0)
			return 0;
	}
	return unpack(file.data, file.size, cache_dir, key, out, err);
}

void kernel_close(struct kernel *k)
{
	if (k->map)
		munmap(k->map, k->map_size);
	ts_close_fd(&k->fd);
	*k = KERNEL_NONE;
}

/* The next part of the file that is not a hole. */
static bool next_extent(const struct kernel *k, uint64_t pos, uint64_t end, uint64_t *start,
			uint64_t *stop)
{
	off_t data = lseek(k->fd, (off_t)(k->base + pos), SEEK_DATA);
	off_t hole;

	if (data < 0 && errno == ENXIO)
		return false;
	if (data < 0) /* a file system without holes */
		data = (off_t)(k->base + pos);
	if ((uint64_t)data >= k->base + end)
		return false;
	hole = lseek(k->fd, data, SEEK_HOLE);
	if (hole <= data || (uint64_t)hole > k->base + end)
		hole = (off_t)(k->base + end);
	*start = (uint64_t)data - k->base;
	*stop = (uint64_t)hole - k->base;
	return true;
}

/* Narrow [*start, *stop) to its first stretch outside the known zeroes; false if empty. */
static bool skip_zeroes(const struct kernel *k, uint64_t *start, uint64_t *stop)
{
	for (unsigned int i = 0; i < KERNEL_ZERO_RUNS; i++) {
		const struct zero_run *z = &k->zeros[i];

		if (*start >= z->start && *start < z->end)
			*start = z->end;
		else if (z->start > *start && z->start < *stop)
			*stop = z->start;
	}
	return *stop > *start;
}

bool kernel_next_data(const struct kernel *k, uint64_t *pos, uint64_t end, uint64_t *start,
		      uint64_t *len)
{
	uint64_t stop;

	while (*pos < end && next_extent(k, *pos, end, start, &stop)) {
		/* Files of the cache have their zeroes punched out already. */
		bool some = k->base || skip_zeroes(k, start, &stop);

		*pos = stop;
		*len = stop - *start;
		if (some)
			return true;
	}
	return false;
}

int ts_kernel_check(const char *path, const char *cache_dir, struct ts_error *err)
{
	TS_CLEANUP(kernel_close) struct kernel k = KERNEL_NONE;

	return kernel_open(path, cache_dir, NULL, &k, err);
}
