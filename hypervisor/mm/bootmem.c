/* SPDX-License-Identifier: Apache-2.0 */
#include "mm/bootmem.h"

#include "arch/x86/boot/boot_info.h"
#include "lib/string.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define MAX_TAKEN    32u
#define WINDOW_SIZE  MIB(2)
#define LOW_END      0xa0000u
#define FIRST_USABLE MIB(1) /* below is for start-up code and for domain 0 */

/* Ranges of whole pages in use, ascending, apart. */
static struct range {
	paddr_t start, end;
} taken[MAX_TAKEN];
static uint32_t nr_taken;

static const struct boot_info *map;
static paddr_t limit;
static struct range window; /* what boot_alloc_page() has left of its last helping */

static void remove_taken(uint32_t i)
{
	memmove(&taken[i], &taken[i + 1], (--nr_taken - i) * sizeof(taken[0]));
}

/* Add a range, joined with all it touches. */
static void take(paddr_t start, paddr_t end)
{
	uint32_t i = 0;

	while (i < nr_taken) {
		if (taken[i].end < start || taken[i].start > end) {
			i++;
			continue;
		}
		start = min(start, taken[i].start);
		end = max(end, taken[i].end);
		remove_taken(i);
	}
	BUG_ON(nr_taken == MAX_TAKEN);
	for (i = nr_taken++; i && taken[i - 1].start > start; i--)
		taken[i] = taken[i - 1];
	taken[i] = (struct range){start, end};
}

/* Take [start, end) out of whatever overlaps it. */
static void release(paddr_t start, paddr_t end)
{
	uint32_t i = 0;

	while (i < nr_taken) {
		struct range r = taken[i];

		if (r.end <= start || r.start >= end) {
			i++;
			continue;
		}
		remove_taken(i);
		if (r.start < start)
			take(r.start, start);
		if (end < r.end)
			take(end, r.end);
		/* What was put back lies clear of [start, end): look at all again. */
		i = 0;
	}
}

static void take_module(const struct boot_module *m)
{
	take(ALIGN_DOWN(m->start, PAGE_SIZE), ALIGN_UP(m->start + m->size, PAGE_SIZE));
}

void bootmem_init(const struct boot_info *info, paddr_t image_start, paddr_t image_end)
{
	map = info;
	nr_taken = 0;
	window = (struct range){0, 0};
	take(0, FIRST_USABLE);
	take(ALIGN_DOWN(image_start, PAGE_SIZE), ALIGN_UP(image_end, PAGE_SIZE));
	for (uint32_t i = 0; i < info->nr_modules; i++)
		take_module(&info->module[i]);
}

void bootmem_set_limit(paddr_t l)
{
	limit = l;
}

/* The highest @size bytes free in [start, end), or 0. */
static paddr_t gap_in(paddr_t start, paddr_t end, uint64_t size)
{
	for (uint32_t i = nr_taken; i-- && end > start;) {
		if (taken[i].start >= end)
			continue;
		if (taken[i].end <= start)
			break;
		if (end > taken[i].end && end - taken[i].end >= size)
			return end - size;
		end = taken[i].start;
	}
	return end > start && end - start >= size ? end - size : 0;
}

/* The highest @size bytes of free RAM, or 0. */
static paddr_t gap_find(uint64_t size)
{
	for (uint32_t i = map->nr_e820; i--;) {
		const struct e820_range *e = &map->e820[i];
		paddr_t found;

		if (e->type != E820_RAM || e->addr >= limit)
			continue;
		found = gap_in(e->addr, min(e->addr + e->size, limit), size);
		if (found)
			return found;
	}
	return 0;
}

static bool refill(uint64_t size)
{
	paddr_t at = gap_find(size);

	if (!at)
		return false;
	take(at, at + size);
	window = (struct range){at, at + size};
	return true;
}

mfn_t boot_alloc_page(void)
{
	if (window.start == window.end || window.end > limit)
		BUG_ON(!refill(WINDOW_SIZE) && !refill(PAGE_SIZE));
	window.end -= PAGE_SIZE;
	page_clear(phys_to_virt(window.end));
	return paddr_to_mfn(window.end);
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
		/* Its neighbours may share its first and last page: they are taken again below. */
		release(ALIGN_DOWN(m->start, PAGE_SIZE), ALIGN_UP(m->start + m->size, PAGE_SIZE));
		take(at, at + size);
		m->start = at;
		for (uint32_t j = 0; j < info->nr_modules; j++)
			take_module(&info->module[j]);
	}
}

static void keep(paddr_t start, paddr_t end)
{
	frames_fill(paddr_to_mfn(start), (end - start) >> PAGE_SHIFT,
		    (struct frame){.refs = 1, .owner = FRAME_NONE, .kind = FRAME_RESERVED});
}

/* Hand over what lies between the taken ranges in [start, end), and keep these. */
static void share_out(paddr_t start, paddr_t end)
{
	for (uint32_t i = 0; i < nr_taken && start < end; i++) {
		paddr_t next = min(taken[i].end, end);

		if (taken[i].end <= start)
			continue;
		if (taken[i].start >= end)
			break;
		if (taken[i].start > start) {
			buddy_add(paddr_to_mfn(start), (taken[i].start - start) >> PAGE_SHIFT);
			start = taken[i].start;
		}
		keep(start, next);
		start = next;
	}
	if (start < end)
		buddy_add(paddr_to_mfn(start), (end - start) >> PAGE_SHIFT);
}

void bootmem_finish(const struct boot_info *info)
{
	/* The first MiB is free from now on. */
	release(0, FIRST_USABLE);
	if (window.start < window.end)
		release(window.start, window.end);
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
