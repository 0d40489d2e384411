/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/boot/boot_info.h"

#include "lib/errno.h"
#include "lib/string.h"

struct boot_info boot_info;

/* Drop modules that wrap, are empty or are not in RAM as the map has it. */
static void sanitise_modules(struct boot_info *info)
{
	uint32_t kept = 0;

	for (uint32_t m = 0; m < info->nr_modules; m++) {
		const struct boot_module *mod = &info->module[m];
		bool ok = false;

		for_each_ram(info, e)
			ok |= mod->size && mod->size <= e->size && mod->start >= e->addr &&
			      mod->start - e->addr <= e->size - mod->size;
		if (ok)
			info->module[kept++] = *mod;
	}
	info->nr_modules = kept;
}

int boot_parse(uint32_t magic, paddr_t pa, boot_access_fn *access, struct boot_info *info)
{
	int rc = -EINVAL;

	memset(info, 0, sizeof(*info));
	if (magic == MULTIBOOT1_BOOT_MAGIC)
		rc = boot_parse_multiboot1(pa, access, info);
	else if (magic == MULTIBOOT2_BOOT_MAGIC)
		rc = boot_parse_multiboot2(pa, access, info);
	if (rc)
		return rc;
	boot_e820_sanitise(info);
	if (!info->nr_e820)
		return -ENOENT;
	sanitise_modules(info);
	return 0;
}
