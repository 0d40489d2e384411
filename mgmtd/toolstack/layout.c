/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "abi.h"

static_assert((int)MEMMAP_RAM == XEN_HVM_MEMMAP_TYPE_RAM, "ABI value");
static_assert((int)MEMMAP_RESERVED == XEN_HVM_MEMMAP_TYPE_RESERVED, "ABI value");
static_assert((int)MEMMAP_ACPI == XEN_HVM_MEMMAP_TYPE_ACPI, "ABI value");

static uint64_t page_up(uint64_t bytes)
{
	return (bytes + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
}

static void add_range(struct layout *l, uint64_t addr, uint64_t size, enum memmap_type type)
{
	if (size)
		l->memmap[l->nr_memmap++] = (struct memmap_entry){addr, size, type};
}

static void plan_memory(uint64_t memory, uint64_t acpi_size, struct layout *l)
{
	uint64_t low = memory < GUEST_HOLE_START ? memory : GUEST_HOLE_START;

	l->low_pages = low >> GUEST_PAGE_SHIFT;
	l->high_pages = (memory - low) >> GUEST_PAGE_SHIFT;
	l->acpi_pages = page_up(acpi_size) >> GUEST_PAGE_SHIFT;
	add_range(l, 0, low, MEMMAP_RAM);
	add_range(l, GUEST_ACPI_BASE, page_up(acpi_size), MEMMAP_ACPI);
	add_range(l, GUEST_SPECIAL_BASE, GUEST_SPECIAL_END - GUEST_SPECIAL_BASE, MEMMAP_RESERVED);
	add_range(l, GUEST_HIGH_START, memory - low, MEMMAP_RAM);
}

/* How the start info's parts follow each other. */
struct parts {
	size_t modules;
	size_t memmap;
	size_t cmdline;
	size_t size;
};

static struct parts start_info_parts(const struct layout *l, const char *cmdline)
{
	struct parts p;

	p.modules = sizeof(struct hvm_start_info);
	p.memmap = p.modules + sizeof(struct hvm_modlist_entry);
	p.cmdline = p.memmap + l->nr_memmap * sizeof(struct hvm_memmap_table_entry);
	p.size = p.cmdline + strlen(cmdline) + 1;
	return p;
}

int layout_plan(uint64_t memory, const struct elf_kernel *kernel, uint64_t initrd_size,
		const char *cmdline, uint64_t acpi_size, struct layout *out, struct ts_error *err)
{
	struct layout l = {.entry = kernel->entry, .rsdp = GUEST_ACPI_BASE};
	uint64_t low_end, pos;

	if (strlen(cmdline) >= GUEST_CMDLINE_MAX)
		return ts_fail(err, TS_EINVAL, -EINVAL,
			       "the kernel command line is longer than %d characters",
			       GUEST_CMDLINE_MAX - 1);
	plan_memory(memory, acpi_size, &l);
	low_end = l.low_pages << GUEST_PAGE_SHIFT;
	pos = page_up(kernel->end);
	if (initrd_size > GUEST_HOLE_START)
		return ts_fail(err, TS_EINVAL, -EINVAL, "the initrd is too large");
	if (initrd_size) {
		l.initrd = pos;
		l.initrd_size = initrd_size;
		pos += page_up(initrd_size);
	}
	l.start_info = pos;
	l.start_info_size = start_info_parts(&l, cmdline).size;
	pos += page_up(l.start_info_size);
	if (pos > low_end)
		return ts_fail(err, TS_EINVAL, -EINVAL,
			       "the kernel%s do%s not fit into the memory of the VM: more than "
			       "%llu MiB needed, %llu MiB given",
			       initrd_size ? " and initrd" : "", initrd_size ? "" : "es",
			       (unsigned long long)(pos >> 20), (unsigned long long)(memory >> 20));
	*out = l;
	return 0;
}

void start_info_write(const struct layout *l, const char *cmdline, uint8_t *out)
{
	struct parts at = start_info_parts(l, cmdline);
	struct hvm_start_info si = {.magic = XEN_HVM_START_MAGIC_VALUE,
				    .version = 1,
				    .cmdline_paddr = l->start_info + at.cmdline,
				    .rsdp_paddr = l->rsdp,
				    .memmap_paddr = l->start_info + at.memmap,
				    .memmap_entries = l->nr_memmap};
	struct hvm_modlist_entry mod = {.paddr = l->initrd, .size = l->initrd_size};

	if (l->initrd_size) {
		si.nr_modules = 1;
		si.modlist_paddr = l->start_info + at.modules;
	}
	memcpy(out, &si, sizeof(si));
	memcpy(out + at.modules, &mod, sizeof(mod));
	for (unsigned int i = 0; i < l->nr_memmap; i++) {
		struct hvm_memmap_table_entry e = {.addr = l->memmap[i].addr,
						   .size = l->memmap[i].size,
						   .type = l->memmap[i].type};

		memcpy(out + at.memmap + i * sizeof(e), &e, sizeof(e));
	}
	memcpy(out + at.cmdline, cmdline, strlen(cmdline) + 1);
}
