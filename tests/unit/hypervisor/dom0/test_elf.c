// SPDX-License-Identifier: Apache-2.0
/* The loader of domain 0's kernel against good, cut and hostile images. */
#include "dom0/dom0.h"

#include "lib/errno.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MEM     4096
#define LOAD_AT 0x1000
#define ENTRY   0x1010u

static uint8_t memory[MEM];

static int put(void *ctx, uint64_t gpa, const void *src, uint64_t len)
{
	(void)ctx;
	if (gpa < LOAD_AT || len > MEM || gpa - LOAD_AT > MEM - len)
		return -EFAULT;
	if (src)
		memcpy(memory + (gpa - LOAD_AT), src, len);
	else
		memset(memory + (gpa - LOAD_AT), 0, len);
	return 0;
}

struct image {
	struct {
		uint8_t ident[16];
		uint16_t type, machine;
		uint32_t version;
		uint64_t entry, phoff, shoff;
		uint32_t flags;
		uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
	} header;
	struct {
		uint32_t type, flags;
		uint64_t offset, vaddr, paddr, filesz, memsz, align;
	} seg[2];
	struct {
		uint32_t namesz, descsz, type;
		char name[4];
		uint32_t desc;
	} note;
	uint8_t text[16];
};

static struct image good(void)
{
	struct image i;

	memset(&i, 0, sizeof(i));
	memcpy(i.header.ident,
	       "\x7f"
	       "ELF\x02\x01",
	       6);
	i.header.machine = 62;
	i.header.phoff = offsetof(struct image, seg);
	i.header.phentsize = sizeof(i.seg[0]);
	i.header.phnum = 2;
	i.seg[0].type = 1;
	i.seg[0].offset = offsetof(struct image, text);
	i.seg[0].paddr = LOAD_AT;
	i.seg[0].filesz = sizeof(i.text);
	i.seg[0].memsz = sizeof(i.text) + 8;
	i.seg[1].type = 4;
	i.seg[1].offset = offsetof(struct image, note);
	i.seg[1].filesz = sizeof(i.note);
	i.seg[1].memsz = sizeof(i.note);
	i.note.namesz = 4;
	i.note.descsz = 4;
	i.note.type = 18;
	memcpy(i.note.name, "Xen", 4);
	i.note.desc = ENTRY;
	memset(i.text, 0xcc, sizeof(i.text));
	return i;
}

static int load(const struct image *i, uint64_t size, uint32_t *entry, uint64_t *end)
{
	/* A heap copy of the exact size, so that a read past it is seen. */
	void *copy = malloc(size ? size : 1);
	int rc;

	memcpy(copy, i, size);
	memset(memory, 0xee, sizeof(memory));
	rc = elf_load(copy, size, put, NULL, entry, end);
	free(copy);
	return rc;
}

START_TEST(loads_text_and_clears_bss)
{
	struct image i = good();
	uint32_t entry = 0;
	uint64_t end = 0;

	ck_assert_int_eq(load(&i, sizeof(i), &entry, &end), 0);
	ck_assert_uint_eq(entry, ENTRY);
	ck_assert_uint_eq(end, LOAD_AT + 24);
	ck_assert_uint_eq(memory[15], 0xcc);
	ck_assert_uint_eq(memory[16], 0);
	ck_assert_uint_eq(memory[23], 0);
	ck_assert_uint_eq(memory[24], 0xee);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
	struct image i = good();
	uint32_t entry;
	uint64_t end;

	for (uint64_t size = 0; size < offsetof(struct image, text) + sizeof(i.text); size++)
		ck_assert_int_lt(load(&i, size, &entry, &end), 0);
}
END_TEST

START_TEST(hostile_fields_are_refused)
{
	uint32_t entry;
	uint64_t end;
	struct image i;

#define REFUSED(field, value)                                           \
	do {                                                            \
		i = good();                                             \
		i.field = value;                                        \
		ck_assert_int_lt(load(&i, sizeof(i), &entry, &end), 0); \
	} while (0)
	REFUSED(header.ident[0], 'M');
	REFUSED(header.ident[4], 1);
	REFUSED(header.machine, 3);
	REFUSED(header.phoff, ~0ULL);
	REFUSED(header.phoff, sizeof(i) - 8);
	REFUSED(header.phoff, 65);
	REFUSED(header.phnum, 0xffff);
	REFUSED(header.phnum, 0);
	REFUSED(header.phentsize, 8);
	REFUSED(seg[0].offset, ~0ULL);
	REFUSED(seg[0].filesz, ~0ULL);
	REFUSED(seg[0].memsz, 1);
	REFUSED(seg[0].memsz, ~0ULL - 0x800);
	REFUSED(seg[0].paddr, ~0ULL - 4);
	REFUSED(seg[0].paddr, 0);
	REFUSED(seg[1].filesz, sizeof(i.note) - 4);
	REFUSED(note.type, 2);
	REFUSED(note.namesz, 0xffffffffu);
	REFUSED(note.descsz, 0xfffffffcu);
	REFUSED(note.descsz, 0);
#undef REFUSED
}
END_TEST

START_TEST(memory_faults_are_passed_on)
{
	struct image i = good();
	uint32_t entry;
	uint64_t end;

	i.seg[0].memsz = MEM + 1;
	ck_assert_int_eq(load(&i, sizeof(i), &entry, &end), -EFAULT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("elf");
	TCase *t = tcase_create("elf");
	SRunner *r;
	int failed;

	tcase_add_test(t, loads_text_and_clears_bss);
	tcase_add_test(t, every_truncation_is_refused);
	tcase_add_test(t, hostile_fields_are_refused);
	tcase_add_test(t, memory_faults_are_passed_on);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
