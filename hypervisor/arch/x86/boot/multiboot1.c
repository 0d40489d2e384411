/* SPDX-License-Identifier: Apache-2.0 */
/* The Multiboot Specification, version 0.6.96, section 3.3. */
#include "arch/x86/boot/boot_info.h"

#include "lib/errno.h"
#include "lib/string.h"

#define MB1_HAS_MEM     (1u << 0)
#define MB1_HAS_CMDLINE (1u << 2)
#define MB1_HAS_MODULES (1u << 3)
#define MB1_HAS_MMAP    (1u << 6)
#define MB1_HAS_LOADER  (1u << 9)

struct mb1_info {
	uint32_t flags;
	uint32_t mem_lower, mem_upper; /* KiB */
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t loader_name;
};
static_assert(sizeof(struct mb1_info) == 68, "Multiboot 3.3");

struct mb1_module {
	uint32_t start, end;
	uint32_t string;
	uint32_t reserved;
};

struct mb1_mmap {
	uint32_t size; /* of the rest */
	uint64_t addr, len;
	uint32_t type;
} __packed;
static_assert(sizeof(struct mb1_mmap) == 24, "Multiboot 3.3");

/* Copy a string whose end nobody guarantees, byte by byte as far as it can be read. */
static void copy_string(char *dst, size_t size, paddr_t pa, boot_access_fn *access)
{
	size_t n = 0;

	while (pa && n < size - 1) {
		const char *c = access(pa + n, 1);

		if (!c || !*c)
			break;
		dst[n++] = *c;
	}
	dst[n] = '\0';
}

static void parse_mmap(const struct mb1_info *mb, boot_access_fn *access, struct boot_info *info)
{
	uint64_t pos = 0;

	while (pos < mb->mmap_length && mb->mmap_length - pos >= sizeof(struct mb1_mmap)) {
		const void *p = access((paddr_t)mb->mmap_addr + pos, sizeof(struct mb1_mmap));
		struct mb1_mmap m;

		if (!p)
			return;
		memcpy(&m, p, sizeof(m));
		boot_e820_add(info, m.addr, m.len, m.type);
		pos += (uint64_t)m.size + sizeof(m.size);
		if (!m.size)
			return;
	}
}

static void parse_modules(const struct mb1_info *mb, boot_access_fn *access, struct boot_info *info)
{
	for (uint32_t i = 0; i < mb->mods_count && info->nr_modules < BOOT_MAX_MODULES; i++) {
		paddr_t pa = (paddr_t)mb->mods_addr + (uint64_t)i * sizeof(struct mb1_module);
		const void *p = access(pa, sizeof(struct mb1_module));
		struct boot_module *out = &info->module[info->nr_modules];
		struct mb1_module m;

		if (!p)
			return;
		memcpy(&m, p, sizeof(m));
		if (m.end <= m.start)
			continue;
		out->start = m.start;
		out->size = m.end - m.start;
		copy_string(out->cmdline, sizeof(out->cmdline), m.string, access);
		info->nr_modules++;
	}
}

int boot_parse_multiboot1(paddr_t pa, boot_access_fn *access, struct boot_info *info)
{
	const void *p = access(pa, sizeof(struct mb1_info));
	struct mb1_info mb;

	if (!p)
		return -EINVAL;
	memcpy(&mb, p, sizeof(mb));
	if (mb.flags & MB1_HAS_MMAP) {
		parse_mmap(&mb, access, info);
	} else if (mb.flags & MB1_HAS_MEM) {
		boot_e820_add(info, 0, (uint64_t)mb.mem_lower << 10, E820_RAM);
		boot_e820_add(info, MIB(1), (uint64_t)mb.mem_upper << 10, E820_RAM);
	}
	if (mb.flags & MB1_HAS_CMDLINE)
		copy_string(info->cmdline, sizeof(info->cmdline), mb.cmdline, access);
	if (mb.flags & MB1_HAS_LOADER)
		copy_string(info->loader, sizeof(info->loader), mb.loader_name, access);
	if (mb.flags & MB1_HAS_MODULES)
		parse_modules(&mb, access, info);
	return 0;
}
