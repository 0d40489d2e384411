/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel_elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "abi.h"

#define FOUR_GIB  (1ull << 32)
#define PHDRS_MAX 256

/* A program header of either class. */
struct phdr {
	uint32_t type;
	uint64_t offset;
	uint64_t paddr;
	uint64_t filesz;
	uint64_t memsz;
	uint64_t align;
};

struct elf_file {
	const uint8_t *data;
	size_t size;
	bool is64;
	uint64_t phoff;
	unsigned int phnum;
	unsigned int phentsize;
};

static bool inside(uint64_t start, uint64_t len, uint64_t limit)
{
	return len <= limit && start <= limit - len;
}

static int bad(struct ts_error *err, const char *why)
{
	return ts_fail(err, TS_EKERNEL, -ENOEXEC, "the kernel is not usable: %s", why);
}

bool elf_probe(const uint8_t *data, size_t size)
{
	return size >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0;
}

static void read_header64(struct elf_file *f, uint16_t *machine)
{
	Elf64_Ehdr h;

	memcpy(&h, f->data, sizeof(h));
	*machine = h.e_machine;
	f->phoff = h.e_phoff;
	f->phnum = h.e_phnum;
	f->phentsize = h.e_phentsize;
}

static void read_header32(struct elf_file *f, uint16_t *machine)
{
	Elf32_Ehdr h;

	memcpy(&h, f->data, sizeof(h));
	*machine = h.e_machine;
	f->phoff = h.e_phoff;
	f->phnum = h.e_phnum;
	f->phentsize = h.e_phentsize;
}

static int read_header(struct elf_file *f, struct ts_error *err)
{
	uint16_t machine;

	if (!elf_probe(f->data, f->size))
		return bad(err, "not an ELF file");
	if (f->size < sizeof(Elf32_Ehdr))
		return bad(err, "the ELF header is cut off");
	f->is64 = f->data[EI_CLASS] == ELFCLASS64;
	if (!f->is64 && f->data[EI_CLASS] != ELFCLASS32)
		return bad(err, "unknown ELF class");
	if (f->is64 && f->size < sizeof(Elf64_Ehdr))
		return bad(err, "the ELF header is cut off");
	if (f->data[EI_DATA] != ELFDATA2LSB)
		return bad(err, "the ELF file is not little-endian");
	if (f->is64)
		read_header64(f, &machine);
	else
		read_header32(f, &machine);
	if (machine != EM_X86_64 && machine != EM_386)
		return bad(err, "the ELF file is not for x86");
	if (f->phentsize < (f->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return bad(err, "ELF program headers are too small");
	if (f->phnum == 0 || f->phnum > PHDRS_MAX)
		return bad(err, "ELF program headers are missing or too many");
	if (!inside(f->phoff, (uint64_t)f->phnum * f->phentsize, f->size))
		return bad(err, "ELF program headers lie outside the file");
	return 0;
}

static struct phdr read_phdr(const struct elf_file *f, unsigned int i)
{
	const uint8_t *p = f->data + f->phoff + (size_t)i * f->phentsize;

	if (f->is64) {
		Elf64_Phdr h;

		memcpy(&h, p, sizeof(h));
		return (struct phdr){h.p_type,   h.p_offset, h.p_paddr,
				     h.p_filesz, h.p_memsz,  h.p_align};
	}
	Elf32_Phdr h;

	memcpy(&h, p, sizeof(h));
	return (struct phdr){h.p_type, h.p_offset, h.p_paddr, h.p_filesz, h.p_memsz, h.p_align};
}

static int add_segment(const struct elf_file *f, const struct phdr *h, struct elf_kernel *k,
		       struct ts_error *err)
{
	if (h->filesz > h->memsz)
		return bad(err, "an ELF segment is larger in the file than in memory");
	if (!inside(h->offset, h->filesz, f->size))
		return bad(err, "an ELF segment lies outside the file (is it cut off?)");
	if (!inside(h->paddr, h->memsz, FOUR_GIB))
		return bad(err, "an ELF segment does not lie below 4 GiB");
	if (k->nr_segments == ELF_SEGMENTS_MAX)
		return bad(err, "too many ELF segments");
	k->segments[k->nr_segments++] = (struct elf_segment){
		.paddr = h->paddr, .memsz = h->memsz, .offset = h->offset, .filesz = h->filesz};
	if (k->nr_segments == 1 || h->paddr < k->start)
		k->start = h->paddr;
	if (h->paddr + h->memsz > k->end)
		k->end = h->paddr + h->memsz;
	return 0;
}

/* The value of a note of 4 or 8 bytes. */
static bool note_value(const uint8_t *desc, uint32_t descsz, uint64_t *out)
{
	uint32_t v32;

	if (descsz == sizeof(*out)) {
		memcpy(out, desc, sizeof(*out));
		return true;
	}
	if (descsz != sizeof(v32))
		return false;
	memcpy(&v32, desc, sizeof(v32));
	*out = v32;
	return true;
}

/* Look through one block of notes; fields are padded to four bytes whatever the class. */
static bool find_entry(const uint8_t *p, uint64_t left, uint64_t *entry)
{
	while (left >= sizeof(Elf64_Nhdr)) {
		uint64_t name_room, desc_room;
		Elf64_Nhdr n;

		memcpy(&n, p, sizeof(n));
		p += sizeof(n);
		left -= sizeof(n);
		name_room = ((uint64_t)n.n_namesz + 3) & ~3ull;
		if (name_room > left)
			return false;
		desc_room = ((uint64_t)n.n_descsz + 3) & ~3ull;
		if (n.n_descsz > left - name_room)
			return false;
		if (n.n_namesz == sizeof("Xen") && memcmp(p, "Xen", sizeof("Xen")) == 0 &&
		    n.n_type == XEN_ELFNOTE_PHYS32_ENTRY &&
		    note_value(p + name_room, n.n_descsz, entry))
			return true;
		if (desc_room > left - name_room)
			return false;
		p += name_room + desc_room;
		left -= name_room + desc_room;
	}
	return false;
}

static bool entry_is_inside(const struct elf_kernel *k)
{
	for (unsigned int i = 0; i < k->nr_segments; i++)
		if (k->entry >= k->segments[i].paddr &&
		    k->entry - k->segments[i].paddr < k->segments[i].memsz)
			return true;
	return false;
}

int elf_parse(const uint8_t *data, size_t size, struct elf_kernel *out, struct ts_error *err)
{
	struct elf_file f = {.data = data, .size = size};
	struct elf_kernel k = {0};
	bool have_entry = false;
	int rc;

	rc = read_header(&f, err);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < f.phnum; i++) {
		struct phdr h = read_phdr(&f, i);

		if (h.type == PT_LOAD && h.memsz) {
			rc = add_segment(&f, &h, &k, err);
			if (rc)
				return rc;
		}
		if (h.type == PT_NOTE && !have_entry) {
			if (!inside(h.offset, h.filesz, size))
				return bad(err, "ELF notes lie outside the file (is it cut off?)");
			have_entry = find_entry(data + h.offset, h.filesz, &k.entry);
		}
	}
	if (!k.nr_segments)
		return bad(err, "the ELF file has nothing to load");
	if (!have_entry)
		return bad(err, "the ELF file has no PVH entry note (a kernel built with "
				"CONFIG_PVH is needed)");
	if (!entry_is_inside(&k))
		return bad(err, "the PVH entry point lies outside the kernel");
	*out = k;
	return 0;
}
