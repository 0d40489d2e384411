// SPDX-License-Identifier: Apache-2.0
/*
 * Domain 0's memory: host RAM from the bottom up, each frame at its own number, so that devices reach
 * it with no IOMMU. Its map is the host's, with RAM it did not get marked unusable: nothing, neither a
 * BAR nor hot-plugged memory, may ever land there.
 */
#include "dom0/dom0.h"

#include "core/panic.h"
#include "lib/string.h"
#include "mm/frames.h"

static void add_range(struct dom0_layout *l, uint64_t addr, uint64_t size, uint32_t type)
{
	struct e820_range *last = l->nr_e820 ? &l->e820[l->nr_e820 - 1] : NULL;

	if (!size)
		return;
	if (last && last->type == type && last->addr + last->size == addr) {
		last->size += size;
		return;
	}
	if (l->nr_e820 == BOOT_MAX_E820)
		panic("domain 0's memory map has more than %u ranges", BOOT_MAX_E820);
	l->e820[l->nr_e820++] = (struct e820_range){addr, size, type};
}

/* Map [@frame, @end) of the domain's frames to themselves, in the largest leaves that fit. */
static void map_run(struct domain *d, uint64_t frame, uint64_t end)
{
	while (frame < end) {
		unsigned int order = ORDER_1G;

		while (order && ((frame & ((1ULL << order) - 1)) || end - frame < 1ULL << order))
			order -= ORDER_2M;
		if (p2m_map(d, gfn_of(frame), mfn_of(frame), order, P2M_RAM))
			panic("no memory for domain 0's page tables");
		frame += 1ULL << order;
	}
}

/* One range of host RAM: as much of it as is free and still wanted becomes domain 0's. */
static void take_range(struct dom0_layout *l, uint64_t start, uint64_t end, uint64_t *wanted)
{
	while (start < end && *wanted) {
		uint64_t nr = min(end - start, *wanted);

		while (nr && domain_claim_frames(l->d, mfn_of(start), nr))
			nr /= 2;
		if (nr)
			map_run(l->d, start, start + nr);
		add_range(l, start << PAGE_SHIFT, max(nr, 1UL) << PAGE_SHIFT,
			  nr ? E820_RAM : E820_BAD);
		*wanted -= nr;
		start += max(nr, 1UL);
	}
	add_range(l, start << PAGE_SHIFT, (end - start) << PAGE_SHIFT, E820_BAD);
}

/*
 * The largest run of RAM below 4 GiB is where modules and tables of domain 0 go, from its top down: first
 * the ACPI tables, with a range of their own in the map.
 */
static void choose_reserve(struct dom0_layout *l)
{
	struct e820_range *run = NULL;

	for (struct e820_range *r = l->e820; r < l->e820 + l->nr_e820; r++)
		if (r->type == E820_RAM && r->addr + r->size <= GIB(4) &&
		    r->size > (run ? run->size : DOM0_ACPI_SIZE))
			run = r;
	if (!run || l->nr_e820 == BOOT_MAX_E820)
		panic("domain 0 has no memory below 4 GiB, or too many ranges");
	memmove(run + 1, run, (size_t)(l->e820 + l->nr_e820++ - run) * sizeof(*run));
	run->size -= DOM0_ACPI_SIZE;
	l->free_start = run->addr;
	l->free_end = l->acpi = run->addr + run->size;
	run[1] = (struct e820_range){l->acpi, DOM0_ACPI_SIZE, E820_ACPI};
}

void dom0_populate(struct dom0_layout *l, const struct boot_info *info, uint64_t bytes)
{
	uint64_t wanted = bytes >> PAGE_SHIFT;

	l->d->max_pages = wanted;
	for_each_e820(info, r) {
		if (r->type == E820_RAM)
			take_range(l, r->addr >> PAGE_SHIFT, (r->addr + r->size) >> PAGE_SHIFT,
				   &wanted);
		else
			add_range(l, r->addr, r->size, r->type);
	}
	choose_reserve(l);
}

uint64_t dom0_reserve(struct dom0_layout *l, uint64_t size)
{
	size = ALIGN_UP(size, PAGE_SIZE);
	if (size > l->free_end - l->free_start)
		return 0;
	l->free_end -= size;
	return l->free_end;
}
