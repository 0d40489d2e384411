/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's own page tables. */
#include "arch/x86/mm/map.h"

#include "arch/x86/boot/boot_info.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/cpuid.h"
#include "arch/x86/mm/ptab.h"
#include "lib/spinlock.h"

#define MAX_FIRMWARE_MAPS 64u

static_assert(IMAGE_VIRT == IMAGE_BASE + IMAGE_PHYS, "boot.S maps the image like this");

extern const char image_start[], text_end[], rodata_start[], data_start[], image_end[];

static struct ptab tables;
static struct spinlock lock; /* tables and what follows; above the page source */
static uint64_t mmio_next = MMIO_START;
static unsigned int largest_order;

/* Firmware tables are looked at again and again: what is mapped stays mapped. */
static struct firmware_map {
	paddr_t pa;
	uint64_t size;
	uint64_t va;
} firmware_maps[MAX_FIRMWARE_MAPS];
static uint32_t nr_firmware_maps;

mfn_t (*map_page_source)(void);

static mfn_t take_page(void *ctx)
{
	(void)ctx;
	return map_page_source();
}

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

void map_init(const struct boot_info *info)
{
	largest_order = cpuid_raw(0x80000001, 0).edx & BIT(26) ? ORDER_1G : ORDER_2M;
	BUG_ON(ptab_init(&tables, false, take_page, keep_page, NULL));
	map_image_part(image_start, text_end, PT_R | PT_X);
	map_image_part(rodata_start, data_start, PT_R);
	map_image_part(data_start, image_end, PT_R | PT_W);
	map_direct(info);
	map_load();
}

void map_frames(uint64_t start, uint64_t end)
{
	uint64_t va = ALIGN_DOWN(FRAMES_START + start * FRAME_RECORD_SIZE, PAGE_SIZE);
	uint64_t last = ALIGN_UP(FRAMES_START + end * FRAME_RECORD_SIZE, PAGE_SIZE);
	struct ptab_leaf leaf;

	for (; va < last; va += PAGE_SIZE)
		/* Two ranges of RAM may share a page of records. */
		if (ptab_lookup(&tables, tree_frame(va), &leaf))
			BUG_ON(ptab_map(&tables, tree_frame(va), map_page_source(), 0,
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

/* Map the pages around @pa at the next free address of the device window; 0 when that fails. */
static uint64_t map_device(paddr_t pa, size_t size, uint64_t attr)
{
	paddr_t start = ALIGN_DOWN(pa, PAGE_SIZE);
	uint64_t va = mmio_next;

	if (!size || size > GIB(1) || pa >= 1ULL << 52)
		return 0;
	size = ALIGN_UP(pa + size, PAGE_SIZE) - start;
	if (size > MMIO_END - va || map_range(va, start, size, attr | PT_GLOBAL))
		return 0;
	mmio_next += size;
	return va + (pa - start);
}

volatile void *mmio_map(paddr_t pa, size_t size)
{
	spin_guard(&lock);
	return (volatile void *)map_device(pa, size, PT_R | PT_W | PT_UC);
}

static uint64_t firmware_lookup(paddr_t pa, size_t size)
{
	for (uint32_t i = 0; i < nr_firmware_maps; i++) {
		const struct firmware_map *m = &firmware_maps[i];

		if (pa >= m->pa && size <= m->size && pa - m->pa <= m->size - size)
			return m->va + (pa - m->pa);
	}
	return 0;
}

const void *firmware_map(paddr_t pa, size_t size)
{
	uint64_t va;

	spin_guard(&lock);
	va = firmware_lookup(pa, size);
	if (!va) {
		va = map_device(pa, size, PT_R);
		if (va && nr_firmware_maps < MAX_FIRMWARE_MAPS)
			firmware_maps[nr_firmware_maps++] = (struct firmware_map){pa, size, va};
	}
	return (const void *)va;
}
