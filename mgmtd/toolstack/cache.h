/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacked kernels kept on disk, one file per SHA-256 of the packed file. */
#ifndef DOMUS_TOOLSTACK_CACHE_H
#define DOMUS_TOOLSTACK_CACHE_H

#include "error.h"

#define CACHE_KEY_LEN     32
#define CACHE_HEADER_SIZE 4096 /* bytes before the kernel in the file: keeps it page-aligned */

struct cache_entry {
	int fd;
	uint8_t *map; /* the whole file; the kernel begins CACHE_HEADER_SIZE into it */
	size_t map_size;
	size_t size; /* of the kernel */
};

/** An entry that owns nothing. */
#define CACHE_ENTRY_NONE ((struct cache_entry){.fd = -1})

/**
 * Look @key up. Only a complete file that nobody but us can have written is taken.
 * Return: 0, or -ENOENT.
 */
TS_MUST_CHECK int cache_lookup(const char *dir, const uint8_t key[CACHE_KEY_LEN],
			       struct cache_entry *out);
/**
 * A writable entry with room for @size bytes: in @dir, or when that can't be (or is NULL) in
 * memory. Return: 0 or a negative errno.
 */
TS_MUST_CHECK int cache_begin(const char *dir, size_t size, struct cache_entry *out);
/**
 * The kernel is written: free its zero pages and, in a directory, put it in place under @key. When
 * that fails the entry is good for this once.
 */
void cache_commit(const char *dir, const uint8_t key[CACHE_KEY_LEN], struct cache_entry *e);
/** Close; an entry that was begun and not committed disappears, as it does when this process ends. */
void cache_close(struct cache_entry *e);

/** SHA-256 of @data. */
TS_MUST_CHECK int cache_key(const uint8_t *data, size_t size, uint8_t key[CACHE_KEY_LEN]);
/** Parse 64 hex digits. */
bool cache_key_parse(const char *hex, uint8_t key[CACHE_KEY_LEN]);

#endif
