/* SPDX-License-Identifier: Apache-2.0 */
#include "mm/bootmem.h"

#include "arch/x86/boot/boot_info.h"
#include "lib/string.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define MAX_TAKEN    32u
#define LOW_END      0xa0000u
#define FIRST_USABLE MIB(1) /* below is for start-up code and for domain 0 */

struct range {
	paddr_t start, end;
};

/* Of whole pages: the image, and what boot_alloc_page() gave. Modules are in use, too. */
static struct range taken[MAX_TAKEN];
static uint32_t nr_taken;

static const struct boot_info *map;
static paddr_t limit;

void bootmem_init(const struct boot_info *info, paddr_t image_start, paddr_t image_end)
{
	map = info;
	nr_taken = 1;
	taken[0].start = ALIGN_DOWN(image_start, PAGE_SIZE);
	taken[0].end = ALIGN_UP(image_end, PAGE_SIZE);
}

void bootmem_set_limit(paddr_t l)
{
	limit = l;
}

/* The lowest range in use that reaches into [start, end), whole; an empty one at @end if all is free. */
static struct range first_used(paddr_t start, paddr_t end)
{
	struct range first = {end, end};

	for (uint32_t i = 0; i < nr_taken; i++)
		if (taken[i].end > start && taken[i].start < first.start)
			first = taken[i];
	for (uint32_t i = 0; i < map->nr_modules; i++) {
		const struct boot_module *m = &map->module[i];
		paddr_t m_start = ALIGN_DOWN(m->start, PAGE_SIZE);
		paddr_t m_end = ALIGN_UP(m->start + m->size, PAGE_SIZE);

		if (m_end > start && m_start < first.start)
			first = (struct range){m_start, m_end};
	}
	return first;
}

/* The highest @size bytes of free RAM, or 0. */
static paddr_t gap_find(uint64_t size)
{
	for (uint32_t i = map->nr_e820; i--;) {
		const struct e820_range *e = &map->e820[i];
		paddr_t start = max(e->addr, FIRST_USABLE), end = min(e->addr + e->size, limit);

		while (e->type == E820_RAM && end > start && end - start >= size) {
			struct range used = first_used(end - size, end);

			if (used.start == end)
				return end - size;
			end = used.start;
		}
	}
	return 0;
}

mfn_t boot_alloc_page(void)
{
	paddr_t at = gap_find(PAGE_SIZE);
	struct range *last = &taken[nr_taken - 1];

	BUG_ON(!at);
	if (last->start == at + PAGE_SIZE) {
		last->start = at;
	} else {
		BUG_ON(nr_taken == MAX_TAKEN);
		taken[nr_taken++] = (struct range){at, at + PAGE_SIZE};
	}
	page_clear(phys_to_virt(at));
	return paddr_to_mfn(at);
}

void boot_move_modules(struct boot_info *info)
{
	for (uint32_t i = 0; i < info->nr_modules; i++) {
		struct boot_module *m = &info->module[i];
		uint64_t size = ALIGN_UP(m->size, PAGE_SIZE);
		paddr_t at = gap_find(size);

		if (at <= m->start)
			continue;
		memcpy(phys_to_virt(at), phys_to_virt(m->start), m->size);
		memset((uint8_t *)phys_to_virt(at) + m->size, 0, size - m->size);
		m->start = at;
	}
}

static void keep(paddr_t start, paddr_t end)
{
	frames_fill(paddr_to_mfn(start), (end - start) >> PAGE_SHIFT,
		    (struct frame){.refs = 1, .owner = FRAME_NONE, .kind = FRAME_RESERVED});
}

/* Hand over what is free in [start, end), and keep the rest. */
static void share_out(paddr_t start, paddr_t end)
{
	while (start < end) {
		struct range used = first_used(start, end);

		if (used.start > start) {
			buddy_add(paddr_to_mfn(start), (used.start - start) >> PAGE_SHIFT);
			start = used.start;
		}
		used.end = min(used.end, end);
		keep(start, used.end);
		start = used.end;
	}
}

void bootmem_finish(const struct boot_info *info)
{
	/* All of it is known before any is freed: merging looks at neighbours. */
	for_each_ram(info, e)
		frames_add_range(e->addr >> PAGE_SHIFT, (e->addr + e->size) >> PAGE_SHIFT);
	for_each_ram(info, e)
		share_out(e->addr, e->addr + e->size);
}

void boot_release_module(struct boot_info *info, uint32_t index)
{
	struct boot_module *m = &info->module[index];

	if (!m->size || m->start % PAGE_SIZE)
		return;
	buddy_add(paddr_to_mfn(m->start), ALIGN_UP(m->size, PAGE_SIZE) >> PAGE_SHIFT);
	m->size = 0;
}

paddr_t boot_low_page(const struct boot_info *info)
{
	paddr_t page = 0;

	for_each_ram(info, e)
		if (e->addr < LOW_END && e->size >= PAGE_SIZE)
			page = min(e->addr + e->size, (uint64_t)LOW_END) - PAGE_SIZE;
	return page;
}
