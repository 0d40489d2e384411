/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the parts of an ELF kernel that a PVH builder needs. The file is not trusted. */
#ifndef DOMUS_TOOLSTACK_KERNEL_ELF_H
#define DOMUS_TOOLSTACK_KERNEL_ELF_H

#include "error.h"

#define ELF_SEGMENTS_MAX 32

/** One PT_LOAD with something in it. */
struct elf_segment {
	uint64_t paddr;  /* guest physical, bytes */
	uint64_t memsz;  /* bytes; what lies beyond filesz is zero */
	uint64_t offset; /* into the file; offset + filesz <= file size */
	uint64_t filesz; /* <= memsz */
};

struct elf_kernel {
	uint64_t entry; /* of XEN_ELFNOTE_PHYS32_ENTRY; lies inside a segment */
	uint64_t start; /* lowest paddr */
	uint64_t end;   /* highest paddr + memsz, below 4 GiB */
	unsigned int nr_segments;
	struct elf_segment segments[ELF_SEGMENTS_MAX];
};

/** Does the file begin like an ELF? */
bool elf_probe(const uint8_t *data, size_t size);

/**
 * Parse a 32- or 64-bit x86 ELF with a PVH entry note (32- and 64-bit values are accepted).
 * Return: 0, or -ENOEXEC with TS_EKERNEL and the reason.
 */
TS_MUST_CHECK int elf_parse(const uint8_t *data, size_t size, struct elf_kernel *out,
			    struct ts_error *err);

#endif
