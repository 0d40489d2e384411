/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "sample.h"

#include <elf.h>
#include <ftw.h>
#include <lz4.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define TEXT_OFFSET  0x1000u
#define TEXT_SIZE    0x2000u
#define NOTE_OFFSET  0x3000u
#define NOTE_SIZE    0x40u
#define DATA_OFFSET  0x4000u
#define FILE_SIZE    (DATA_OFFSET + SAMPLE_DATA_FILESZ)
#define PHYS32_ENTRY 18

static const Elf64_Phdr phdrs[] = {
	{.p_type = PT_LOAD,
	 .p_offset = TEXT_OFFSET,
	 .p_paddr = SAMPLE_TEXT_PADDR,
	 .p_filesz = TEXT_SIZE,
	 .p_memsz = TEXT_SIZE},
	{.p_type = PT_LOAD,
	 .p_offset = DATA_OFFSET,
	 .p_paddr = SAMPLE_DATA_PADDR,
	 .p_filesz = SAMPLE_DATA_FILESZ,
	 .p_memsz = SAMPLE_DATA_MEMSZ},
	{.p_type = PT_NOTE, .p_offset = NOTE_OFFSET, .p_filesz = NOTE_SIZE},
};

#define NR_PHDRS (sizeof(phdrs) / sizeof(*phdrs))

static void put_headers64(uint8_t *d)
{
	Elf64_Ehdr h = {.e_machine = EM_X86_64,
			.e_type = ET_EXEC,
			.e_phoff = sizeof(h),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = NR_PHDRS};

	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS64;
	h.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(d, &h, sizeof(h));
	memcpy(d + sizeof(h), phdrs, sizeof(phdrs));
}

static void put_headers32(uint8_t *d)
{
	Elf32_Ehdr h = {.e_machine = EM_386,
			.e_type = ET_EXEC,
			.e_phoff = sizeof(h),
			.e_phentsize = sizeof(Elf32_Phdr),
			.e_phnum = NR_PHDRS};

	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS32;
	h.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(d, &h, sizeof(h));
	for (size_t i = 0; i < NR_PHDRS; i++) {
		Elf32_Phdr p = {.p_type = phdrs[i].p_type,
				.p_offset = (uint32_t)phdrs[i].p_offset,
				.p_paddr = (uint32_t)phdrs[i].p_paddr,
				.p_filesz = (uint32_t)phdrs[i].p_filesz,
				.p_memsz = (uint32_t)phdrs[i].p_memsz};

		memcpy(d + sizeof(h) + i * sizeof(p), &p, sizeof(p));
	}
}

static void put_note(uint8_t *d, uint32_t type, bool wide)
{
	Elf64_Nhdr other = {.n_namesz = 4, .n_descsz = 5, .n_type = 1};
	Elf64_Nhdr n = {.n_namesz = 4, .n_descsz = wide ? 8 : 4, .n_type = type};
	uint64_t entry = SAMPLE_ENTRY;

	memcpy(d, &other, sizeof(other));
	memcpy(d + 12, "GNU", 4);
	d += sizeof(other) + 4 + 8;
	memcpy(d, &n, sizeof(n));
	memcpy(d + 12, "Xen", 4);
	memcpy(d + 16, &entry, n.n_descsz);
}

struct blob sample_elf(bool is64, bool note)
{
	struct blob b = {calloc(1, FILE_SIZE), FILE_SIZE};

	for (size_t i = 0; i < TEXT_SIZE; i++)
		b.data[TEXT_OFFSET + i] = (uint8_t)(i * 7 + 1);
	memset(b.data + DATA_OFFSET, 0xaa, 0x8000);
	memset(b.data + DATA_OFFSET + 0x28000, 0xbb, 0x8000);
	if (is64)
		put_headers64(b.data);
	else
		put_headers32(b.data);
	put_note(b.data + NOTE_OFFSET, note ? PHYS32_ENTRY : PHYS32_ENTRY + 1, is64);
	return b;
}

void blob_free(struct blob *b)
{
	free(b->data);
	*b = (struct blob){0};
}

struct blob sample_gzip(const struct blob *elf)
{
	struct blob b = {malloc(elf->size + 1000), 0};
	z_stream s = {.next_in = elf->data,
		      .avail_in = (uInt)elf->size,
		      .next_out = b.data,
		      .avail_out = (uInt)elf->size + 1000};

	deflateInit2(&s, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
	deflate(&s, Z_FINISH);
	b.size = s.total_out;
	deflateEnd(&s);
	return b;
}

static struct blob pack_xz(const struct blob *elf)
{
	struct blob b = {malloc(elf->size + 1000), 0};

	if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, elf->data, elf->size, b.data,
				    &b.size, elf->size + 1000) != LZMA_OK)
		abort();
	return b;
}

static void put32(uint8_t *p, size_t value)
{
	uint32_t v = (uint32_t)value;

	memcpy(p, &v, sizeof(v));
}

/* Two blocks, so that the loop over them is seen to work. */
static struct blob pack_lz4(const struct blob *elf)
{
	struct blob b = {malloc(elf->size + 1000), 4};
	size_t half = elf->size / 2;

	put32(b.data, 0x184c2102);
	for (size_t at = 0; at < elf->size; at += half) {
		size_t len = elf->size - at < half ? elf->size - at : half;
		int n = LZ4_compress_default((const char *)elf->data + at,
					     (char *)b.data + b.size + 4, (int)len,
					     (int)(elf->size + 900 - b.size));

		put32(b.data + b.size, (size_t)n);
		b.size += 4 + (size_t)n;
	}
	return b;
}

static struct blob pack_zstd(const struct blob *elf)
{
	struct blob b = {malloc(elf->size + 1000), 0};

	b.size = ZSTD_compress(b.data, elf->size + 1000, elf->data, elf->size, 3);
	return b;
}

struct blob sample_bzimage(const struct blob *elf, const char *codec)
{
	bool gzip = strcmp(codec, "gzip") == 0;
	struct blob packed = gzip                      ? sample_gzip(elf) :
			     strcmp(codec, "xz") == 0  ? pack_xz(elf) :
			     strcmp(codec, "lz4") == 0 ? pack_lz4(elf) :
							 pack_zstd(elf);
	size_t start = 2 * 512 + 64;
	size_t len = packed.size + (gzip ? 0 : 4);
	struct blob b = {calloc(1, start + len), start + len};

	b.data[0x1f1] = 1;
	memcpy(b.data + 0x202, "HdrS", 4);
	b.data[0x206] = 0x0f;
	b.data[0x207] = 0x02;
	put32(b.data + 0x248, 64);
	put32(b.data + 0x24c, len);
	memcpy(b.data + start, packed.data, packed.size);
	if (!gzip)
		put32(b.data + start + packed.size, elf->size);
	blob_free(&packed);
	return b;
}

static char dir[64];

const char *sample_dir(void)
{
	if (!dir[0]) {
		strcpy(dir, "/tmp/domus-toolstack-XXXXXX");
		if (!mkdtemp(dir))
			abort();
	}
	return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void sample_dir_remove(void)
{
	if (dir[0])
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	dir[0] = '\0';
}

const char *sample_file(const char *name, const void *data, size_t size)
{
	static char paths[4][128];
	static unsigned int next;
	char *path = paths[next++ % 4];
	FILE *f;

	snprintf(path, sizeof(paths[0]), "%s/%s", sample_dir(), name);
	f = fopen(path, "w");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f))
		abort();
	return path;
}
