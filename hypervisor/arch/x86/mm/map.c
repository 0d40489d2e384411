/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's own page tables. */
#include "arch/x86/mm/map.h"

#include "arch/x86/boot/boot_info.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/cpuid.h"
#include "arch/x86/mm/frame.h"
#include "arch/x86/mm/ptab.h"
#include "lib/spinlock.h"

static_assert(IMAGE_VIRT == IMAGE_BASE + IMAGE_PHYS, "boot.S maps the image like this");

extern const char image_start[], text_end[], rodata_start[], data_start[], image_end[];

static struct ptab tables;
static struct spinlock lock; /* guards tables once all CPUs run; above the page source */
static unsigned int largest_order;

/* The host's tables only ever grow. */
static void keep_page(void *ctx, mfn_t mfn)
{
	(void)ctx;
	(void)mfn;
}

/* The largest leaf that fits @va, @pa and the @size still to do. */
static unsigned int leaf_order(uint64_t va, paddr_t pa, uint64_t size)
{
	unsigned int order = largest_order;

	while (order && (((va | pa) & ((PAGE_SIZE << order) - 1)) || size < (PAGE_SIZE << order)))
		order -= 9;
	return order;
}

/* Frame numbers in the tree are those of canonical addresses with the sign extension cut off. */
static uint64_t tree_frame(uint64_t va)
{
	return (va & 0x0000ffffffffffffULL) >> PAGE_SHIFT;
}

static int map_range(uint64_t va, paddr_t pa, uint64_t size, uint64_t attr)
{
	while (size) {
		unsigned int order = leaf_order(va, pa, size);
		int rc = ptab_map(&tables, tree_frame(va), paddr_to_mfn(pa), order, attr);

		if (rc)
			return rc;
		va += PAGE_SIZE << order;
		pa += PAGE_SIZE << order;
		size -= PAGE_SIZE << order;
	}
	return 0;
}

static void map_image_part(const char *start, const char *end, uint64_t attr)
{
	uint64_t va = (uintptr_t)start;
	uint64_t size = ALIGN_UP((uint64_t)(end - start), PAGE_SIZE);

	BUG_ON(map_range(va, va - IMAGE_BASE, size, attr | PT_GLOBAL));
}

/* RAM, and the ranges where firmware keeps its tables. */
static void map_direct(const struct boot_info *info)
{
	for_each_e820(info, e) {
		paddr_t start = ALIGN_DOWN(e->addr, PAGE_SIZE);
		paddr_t end = ALIGN_UP(e->addr + e->size, PAGE_SIZE);

		if (e->type != E820_RAM && e->type != E820_ACPI && e->type != E820_NVS)
			continue;
		if (end > DIRECTMAP_SIZE)
			continue;
		BUG_ON(map_range(DIRECTMAP_START + start, start, end - start,
				 PT_R | PT_W | PT_GLOBAL));
	}
}

void map_init(const struct boot_info *info, mfn_t (*alloc)(void))
{
	largest_order = cpuid_raw(0x80000001, 0).edx & BIT(26) ? ORDER_1G : ORDER_2M;
	BUG_ON(ptab_init(&tables, false, alloc, keep_page, NULL));
	map_image_part(image_start, text_end, PT_R | PT_X);
	map_image_part(rodata_start, data_start, PT_R);
	map_image_part(data_start, image_end, PT_R | PT_W);
	map_direct(info);
	map_load();
}

void map_set_page_source(mfn_t (*alloc)(void))
{
	tables.alloc = alloc;
}

void map_frames(uint64_t start, uint64_t end)
{
	uint64_t va = ALIGN_DOWN(FRAMES_START + start * sizeof(struct frame), PAGE_SIZE);
	uint64_t last = ALIGN_UP(FRAMES_START + end * sizeof(struct frame), PAGE_SIZE);
	struct ptab_leaf leaf;

	for (; va < last; va += PAGE_SIZE)
		/* Two ranges of RAM may share a page of records. */
		if (ptab_lookup(&tables, tree_frame(va), &leaf))
			BUG_ON(ptab_map(&tables, tree_frame(va), tables.alloc(), 0,
					PT_R | PT_W | PT_GLOBAL));
}

void map_load(void)
{
	write_cr3(map_root());
}

paddr_t map_root(void)
{
	return mfn_to_paddr(tables.root);
}

/*
 * Have all of [@pa, @pa + @size) mapped at its place in the window of @window bytes at @base, what is not
 * there yet with @attr. Return: where @pa is, or NULL.
 */
static void *map_in_window(uint64_t base, uint64_t window, paddr_t pa, size_t size, uint64_t attr)
{
	struct ptab_leaf leaf;

	if (pa >= window || size > window - pa)
		return NULL;
	spin_guard(&lock);
	for (paddr_t at = ALIGN_DOWN(pa, PAGE_SIZE); at < pa + size; at += PAGE_SIZE)
		if (ptab_lookup(&tables, tree_frame(base + at), &leaf) &&
		    map_range(base + at, at, PAGE_SIZE, attr | PT_GLOBAL))
			return NULL;
	return (void *)(base + pa);
}

volatile void *mmio_map(paddr_t pa, size_t size)
{
	return map_in_window(MMIO_START, MMIO_END - MMIO_START, pa, size, PT_R | PT_W | PT_UC);
}

const void *firmware_map(paddr_t pa, size_t size)
{
	return map_in_window(DIRECTMAP_START, DIRECTMAP_SIZE, pa, size, PT_R);
}
