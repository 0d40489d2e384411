/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels made on the spot: small, valid, and easy to damage. */
#ifndef DOMUS_TEST_SAMPLE_H
#define DOMUS_TEST_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLE_TEXT_PADDR  0x100000u
#define SAMPLE_ENTRY       0x100010u
#define SAMPLE_DATA_PADDR  0x400000u
#define SAMPLE_DATA_FILESZ 0x30000u /* with a long run of zeroes in the middle */
#define SAMPLE_DATA_MEMSZ  0x38000u
#define SAMPLE_END         (SAMPLE_DATA_PADDR + SAMPLE_DATA_MEMSZ)

struct blob {
	uint8_t *data;
	size_t size;
};

/** An ELF with two segments and a note. @note: give it a PVH entry. */
struct blob sample_elf(bool is64, bool note);
/** @elf as the payload of a Linux boot image; @codec: "gzip", "xz", "lz4" or "zstd". */
struct blob sample_bzimage(const struct blob *elf, const char *codec);
struct blob sample_gzip(const struct blob *elf);
void blob_free(struct blob *b);

/** A fresh directory under /tmp, and its removal with all that is in it. */
const char *sample_dir(void);
void sample_dir_remove(void);
/** Write a file into it. Return: its path, valid until the next but three. */
const char *sample_file(const char *name, const void *data, size_t size);

#endif
