/* SPDX-License-Identifier: Apache-2.0 */
/* The Multiboot2 Specification, version 2.0, section 3.6. */
#include "arch/x86/boot/boot_info.h"

#include "lib/errno.h"
#include "lib/string.h"

#define MB2_TAG_END      0u
#define MB2_TAG_CMDLINE  1u
#define MB2_TAG_LOADER   2u
#define MB2_TAG_MODULE   3u
#define MB2_TAG_MMAP     6u
#define MB2_TAG_RSDP_OLD 14u
#define MB2_TAG_RSDP_NEW 15u

#define MB2_MAX_SIZE MIB(1)

struct mb2_tag {
	uint32_t type;
	uint32_t size; /* with this header, without the padding to 8 */
};

struct mb2_module {
	uint32_t start, end;
	char cmdline[];
};

struct mb2_mmap_header {
	uint32_t entry_size, entry_version;
};

struct mb2_mmap {
	uint64_t addr, len;
	uint32_t type, reserved;
};
static_assert(sizeof(struct mb2_mmap) == 24, "Multiboot2 3.6.8");

/* What one tag carries. */
struct payload {
	const uint8_t *data;
	uint32_t size;
};

static void take_string(char *dst, size_t size, const char *src, size_t len)
{
	str_from_bytes(dst, size, src, strnlen(src, len));
}

static void take_cmdline(struct boot_info *info, const struct payload *p)
{
	take_string(info->cmdline, sizeof(info->cmdline), (const char *)p->data, p->size);
}

static void take_loader(struct boot_info *info, const struct payload *p)
{
	take_string(info->loader, sizeof(info->loader), (const char *)p->data, p->size);
}

static void take_module(struct boot_info *info, const struct payload *p)
{
	struct boot_module *out = &info->module[info->nr_modules];
	struct mb2_module m;

	if (p->size < sizeof(m) || info->nr_modules == BOOT_MAX_MODULES)
		return;
	memcpy(&m, p->data, sizeof(m));
	if (m.end <= m.start)
		return;
	out->start = m.start;
	out->size = m.end - m.start;
	take_string(out->cmdline, sizeof(out->cmdline), (const char *)p->data + sizeof(m),
		    p->size - sizeof(m));
	info->nr_modules++;
}

static void take_mmap(struct boot_info *info, const struct payload *p)
{
	struct mb2_mmap_header h;
	struct mb2_mmap m;

	if (p->size < sizeof(h))
		return;
	memcpy(&h, p->data, sizeof(h));
	if (h.entry_size < sizeof(m))
		return;
	for (uint32_t pos = sizeof(h); p->size - pos >= h.entry_size; pos += h.entry_size) {
		memcpy(&m, p->data + pos, sizeof(m));
		boot_e820_add(info, m.addr, m.len, m.type);
	}
}

/* The RSDP is a copy inside the tag; the new form (ACPI 2.0 and later) is preferred. */
static void take_rsdp_old(struct boot_info *info, const struct payload *p)
{
	if (info->rsdp_size || p->size < 20)
		return;
	memcpy(info->rsdp_copy, p->data, 20);
	info->rsdp_size = 20;
}

static void take_rsdp_new(struct boot_info *info, const struct payload *p)
{
	if (p->size < sizeof(info->rsdp_copy))
		return;
	memcpy(info->rsdp_copy, p->data, sizeof(info->rsdp_copy));
	info->rsdp_size = sizeof(info->rsdp_copy);
}

static const struct {
	uint32_t type;
	void (*take)(struct boot_info *info, const struct payload *p);
} tags[] = {
	{MB2_TAG_CMDLINE, take_cmdline},   {MB2_TAG_LOADER, take_loader},
	{MB2_TAG_MODULE, take_module},     {MB2_TAG_MMAP, take_mmap},
	{MB2_TAG_RSDP_OLD, take_rsdp_old}, {MB2_TAG_RSDP_NEW, take_rsdp_new},
};

static void take_tag(struct boot_info *info, uint32_t type, const struct payload *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if (tags[i].type == type)
			tags[i].take(info, p);
}

int boot_parse_multiboot2(paddr_t pa, boot_access_fn *access, struct boot_info *info)
{
	const uint8_t *base = access(pa, 8);
	uint32_t total, pos;

	if (!base)
		return -EINVAL;
	memcpy(&total, base, sizeof(total));
	if (total < 8 || total > MB2_MAX_SIZE)
		return -EINVAL;
	base = access(pa, total);
	if (!base)
		return -EINVAL;
	for (pos = 8; pos <= total && total - pos >= sizeof(struct mb2_tag);) {
		struct payload p;
		struct mb2_tag t;

		memcpy(&t, base + pos, sizeof(t));
		if (t.type == MB2_TAG_END)
			return 0;
		if (t.size < sizeof(t) || t.size > total - pos)
			return -EINVAL;
		p.data = base + pos + sizeof(t);
		p.size = t.size - (uint32_t)sizeof(t);
		take_tag(info, t.type, &p);
		pos += ALIGN_UP(t.size, 8u);
	}
	return -EINVAL;
}
