/* SPDX-License-Identifier: Apache-2.0 */
/* A guest kernel ready to be copied: any file an administrator uploads becomes a parsed ELF. */
#ifndef DOMUS_TOOLSTACK_KERNEL_H
#define DOMUS_TOOLSTACK_KERNEL_H

#include "kernel_elf.h"

#define KERNEL_ZERO_RUNS 8

struct kernel {
	struct elf_kernel elf; /* offsets are into @data */
	const uint8_t *data;   /* the unpacked ELF, read-only */
	size_t size;
	int fd;        /* the file @data is mapped from */
	uint64_t base; /* where in that file @data begins */
	/* private */
	struct zero_run {
		uint64_t start, end;
	} zeros[KERNEL_ZERO_RUNS]; /* of an ELF as it came: its longest */
	void *map;
	size_t map_size;
};

/**
 * Open a bzImage, an ELF or a gzipped ELF. Unpacked kernels are kept in @cache_dir under the
 * SHA-256 of the packed file, so that the next time costs a mmap; a cache that can't be read or
 * written only costs time.
 * @cache_dir: or NULL. @sha256: 64 hex digits when the caller knows them, or NULL.
 * Return: 0, or a negative errno with TS_EKERNEL or TS_EIO. kernel_close() when done.
 */
TS_MUST_CHECK int kernel_open(const char *path, const char *cache_dir, const char *sha256,
			      struct kernel *out, struct ts_error *err);
/** A kernel that owns nothing. */
#define KERNEL_NONE ((struct kernel){.fd = -1})
/** Give everything back; harmless on KERNEL_NONE. */
void kernel_close(struct kernel *k);

/**
 * The next stretch of a segment that holds data (holes of the file read as zero and are left out).
 * @pos: file offset (as segment.offset) to look from; moved behind the stretch.
 * Return: false when only zeroes are left before @end.
 */
bool kernel_next_data(const struct kernel *k, uint64_t *pos, uint64_t end, uint64_t *start,
		      uint64_t *len);

#endif
