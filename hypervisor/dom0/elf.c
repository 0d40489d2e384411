// SPDX-License-Identifier: Apache-2.0
/* The loader of domain 0's kernel: an ELF64 image with the PVH entry note (xen/elfnote.h, note 18). */
#include "dom0/dom0.h"

#include "abi/xen/elfnote.h"
#include "lib/errno.h"
#include "lib/string.h"

#define PT_LOAD   1
#define PT_NOTE   4
#define EM_X86_64 62

struct elf64_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_note {
	uint32_t namesz, descsz, type;
};

static_assert(sizeof(struct elf64_header) == 64, "ELF-64 object file format");
static_assert(sizeof(struct elf64_segment) == 56, "ELF-64 object file format");

static bool inside(uint64_t start, uint64_t len, uint64_t size)
{
	return len <= size && start <= size - len;
}

static bool header_ok(const struct elf64_header *h, uint64_t size)
{
	static const uint8_t magic[6] = {0x7f, 'E', 'L', 'F', 2, 1};

	return size >= sizeof(*h) && !memcmp(h->ident, magic, sizeof(magic)) &&
	       h->machine == EM_X86_64 && h->phentsize == sizeof(struct elf64_segment) &&
	       inside(h->phoff, (uint64_t)h->phnum * h->phentsize, size);
}

/* Look for the PVH entry among the notes at @p. Return: whether it was found. */
static bool find_entry(const uint8_t *p, uint64_t len, uint32_t *entry)
{
	while (len >= sizeof(struct elf_note)) {
		struct elf_note n;
		uint64_t name, body;

		memcpy(&n, p, sizeof(n));
		name = ALIGN_UP((uint64_t)n.namesz, 4);
		body = name + ALIGN_UP((uint64_t)n.descsz, 4);
		if (body > len - sizeof(n))
			return false;
		if (n.type == XEN_ELFNOTE_PHYS32_ENTRY && n.namesz == 4 && n.descsz >= 4 &&
		    !memcmp(p + sizeof(n), "Xen", 4)) {
			memcpy(entry, p + sizeof(n) + name, 4);
			return true;
		}
		p += sizeof(n) + body;
		len -= sizeof(n) + body;
	}
	return false;
}

int elf_load(const void *image, uint64_t size, elf_put_fn *put, void *ctx, uint32_t *entry,
	     uint64_t *end)
{
	const uint8_t *base = image;
	const struct elf64_header *h = image;
	uint64_t top = 0;
	bool found = false;
	int rc;

	if (!header_ok(h, size))
		return -EINVAL;
	for (unsigned int i = 0; i < h->phnum; i++) {
		struct elf64_segment seg;

		memcpy(&seg, base + h->phoff + i * sizeof(seg), sizeof(seg));
		if (!inside(seg.offset, seg.filesz, size) || seg.filesz > seg.memsz ||
		    seg.paddr + seg.memsz < seg.paddr)
			return -EINVAL;
		if (seg.type == PT_NOTE && !found)
			found = find_entry(base + seg.offset, seg.filesz, entry);
		if (seg.type != PT_LOAD || !seg.memsz)
			continue;
		rc = put(ctx, seg.paddr, base + seg.offset, seg.filesz);
		if (!rc)
			rc = put(ctx, seg.paddr + seg.filesz, NULL, seg.memsz - seg.filesz);
		if (rc)
			return rc;
		top = max(top, seg.paddr + seg.memsz);
	}
	if (!found || !top)
		return -EINVAL;
	*end = top;
	return 0;
}
