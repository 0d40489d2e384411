// SPDX-License-Identifier: Apache-2.0
/* What a boot loader leaves: the first byte picks the protocol, the rest lies at BASE. */
#include "input.h"

#include "arch/x86/boot/boot_info.h"

#define BASE 0x10000u

static struct window memory = {.base = BASE};

static const void *reach(paddr_t pa, size_t size)
{
	return window_read(&memory, pa, size);
}

/* The promises of struct boot_info. */
static void check(const struct boot_info *b)
{
	INSIST(b->nr_modules <= BOOT_MAX_MODULES && b->nr_e820 <= BOOT_MAX_E820);
	INSIST(strnlen(b->cmdline, sizeof(b->cmdline)) < sizeof(b->cmdline));
	INSIST(strnlen(b->loader, sizeof(b->loader)) < sizeof(b->loader));
	for (uint32_t i = 0; i < b->nr_modules; i++) {
		const struct boot_module *m = &b->module[i];

		INSIST(m->size && m->start + m->size > m->start);
		INSIST(strnlen(m->cmdline, sizeof(m->cmdline)) < sizeof(m->cmdline));
	}
	for (uint32_t i = 0; i < b->nr_e820; i++) {
		const struct e820_range *e = &b->e820[i];

		INSIST(e->size && e->addr + e->size - 1 >= e->addr);
		INSIST(e->type != E820_RAM || !((e->addr | e->size) & 0xfff));
		INSIST(!i || b->e820[i - 1].addr + b->e820[i - 1].size <= e->addr);
	}
	INSIST(b->rsdp_size <= sizeof(b->rsdp_copy));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;

	if (!size)
		return 0;
	memory.data = data + 1;
	memory.size = size - 1;
	memset(&info, 0, sizeof(info));
	if (!boot_parse(data[0] & 1 ? MULTIBOOT1_BOOT_MAGIC : MULTIBOOT2_BOOT_MAGIC, BASE, reach,
			&info))
		check(&info);
	window_close(&memory);
	return 0;
}
