// SPDX-License-Identifier: Apache-2.0
/* Domain 0: the management domain, PVH, with the host's RAM 1:1 and the host's devices. */
#include "dom0/dom0.h"

#include "arch/x86/mm/map.h"
#include "core/console.h"
#include "core/panic.h"
#include "core/sched.h"
#include "hvm/hvm.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/bootmem.h"
#include "mm/buddy.h"
#include "mm/heap.h"

#define DOM0_DEFAULT_BYTES GIB(1)
#define DOM0_MIN_BYTES     MIB(128)

/* Where things went; physical addresses are guest and machine addresses alike. */
struct layout {
	struct domain *d;
	struct e820_range e820[BOOT_MAX_E820];
	unsigned int nr_e820;
	uint64_t free_start, free_end; /* what is left of the run that reserve() gives from */
	uint64_t acpi;                 /* its own tables, a range of the map */
	uint64_t kernel_end;
	uint32_t entry;
	uint64_t initrd; /* 0 without one */
};

/*
 * ---- memory ----
 * Host RAM from the bottom up, each frame at its own number, so that devices reach it with no IOMMU. The map
 * is the host's, with RAM that domain 0 did not get marked unusable: nothing, neither a BAR nor hot-plugged
 * memory, may ever land there.
 */

static void add_range(struct layout *l, uint64_t addr, uint64_t size, uint32_t type)
{
	if (size && !e820_append(l->e820, &l->nr_e820, (struct e820_range){addr, size, type}))
		panic("domain 0's memory map has more than %u ranges", BOOT_MAX_E820);
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
static void take_range(struct layout *l, uint64_t start, uint64_t end, uint64_t *wanted)
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
static void choose_reserve(struct layout *l)
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

/* Give @l->d up to @bytes of RAM, mapped 1:1 from low memory up, and make its memory map. */
static void populate(struct layout *l, const struct boot_info *info, uint64_t bytes)
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

/* @size bytes at the top of what is left of the run. Return: address, 0 if full. */
static uint64_t reserve(struct layout *l, uint64_t size)
{
	size = ALIGN_UP(size, PAGE_SIZE);
	if (size > l->free_end - l->free_start)
		return 0;
	l->free_end -= size;
	return l->free_end;
}

/* ---- contents ---- */

static uint64_t wanted_bytes(const struct boot_info *info)
{
	uint64_t half = (buddy_free_pages() << PAGE_SHIFT) / 2;
	uint64_t bytes = cmdline_size(info->cmdline, "dom0_mem", min(DOM0_DEFAULT_BYTES, half));

	return max(ALIGN_DOWN(bytes, PAGE_SIZE), DOM0_MIN_BYTES);
}

static unsigned int wanted_vcpus(const struct boot_info *info)
{
	uint64_t nr = cmdline_number(info->cmdline, "dom0_max_vcpus", nr_cpus);

	return (unsigned int)(nr && nr < nr_cpus ? nr : nr_cpus);
}

static int put_guest(void *ctx, uint64_t gpa, const void *src, uint64_t len)
{
	const struct layout *l = ctx;

	for_each_ram(l, r) {
		if (gpa < r->addr || len > r->size || gpa - r->addr > r->size - len)
			continue;
		if (src)
			memcpy(phys_to_virt(gpa), src, len);
		else
			memset(phys_to_virt(gpa), 0, len);
		return 0;
	}
	return -EFAULT;
}

static void load_modules(struct layout *l, const struct boot_info *info)
{
	const struct boot_module *kernel = &info->module[0];
	const struct boot_module *initrd = &info->module[1];

	if (elf_load(phys_to_virt(kernel->start), kernel->size, put_guest, l, &l->entry,
		     &l->kernel_end))
		panic("module 0 is no kernel for domain 0: need an ELF with a PVH note that fits its memory");
	if (info->nr_modules < 2)
		return;
	l->initrd = reserve(l, initrd->size);
	if (l->initrd < l->kernel_end ||
	    put_guest(l, l->initrd, phys_to_virt(initrd->start), initrd->size))
		panic("domain 0's memory is too small for its initramfs of %llu bytes",
		      (unsigned long long)initrd->size);
}

/* start_info.h: the structure, its module list and memory map, and the command line in one block. */
static uint64_t build_start_info(struct layout *l, const struct boot_info *boot)
{
	static struct {
		struct hvm_start_info info;
		struct hvm_modlist_entry module;
		struct hvm_memmap_table_entry memmap[BOOT_MAX_E820];
		char cmdline[BOOT_CMDLINE_MAX];
	} block;
	struct hvm_memmap_table_entry *e = block.memmap;
	uint64_t gpa = reserve(l, sizeof(block));

	block.info = (struct hvm_start_info){
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = 1,
		.flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
		.nr_modules = l->initrd ? 1 : 0,
		.modlist_paddr = gpa + offsetof(__typeof__(block), module),
		.cmdline_paddr = gpa + offsetof(__typeof__(block), cmdline),
		.rsdp_paddr = l->acpi,
		.memmap_paddr = gpa + offsetof(__typeof__(block), memmap),
		.memmap_entries = l->nr_e820,
	};
	block.module = (struct hvm_modlist_entry){l->initrd, boot->module[1].size, 0, 0};
	for_each_e820(l, r)
		*e++ = (struct hvm_memmap_table_entry){r->addr, r->size, r->type, 0};
	strlcpy(block.cmdline, boot->module[0].cmdline, sizeof(block.cmdline));
	if (!gpa || put_guest(l, gpa, &block, sizeof(block)))
		panic("no room for domain 0's start info");
	return gpa;
}

static struct domain *create_domain(const struct boot_info *info)
{
	unsigned int nr = wanted_vcpus(info);
	struct domain *d;
	struct vcpu *v;

	if (domain_create(0, nr, &hvm_guest_ops, true, &d))
		panic("domain 0 could not be created");
	domain_publish(d);
	d->weight = SCHED_HWDOM_WEIGHT;
	for (unsigned int i = 0; i < nr; i++)
		if (vcpu_create(d, i, &v))
			panic("vCPU %u of domain 0 could not be created", i);
	return d;
}

void dom0_create(struct boot_info *info)
{
	static struct layout layout;
	struct layout *l = &layout;
	uint64_t start_info;

	if (!info->nr_modules)
		panic("no module: the boot loader must bring domain 0's kernel and initramfs");
	l->d = create_domain(info);
	populate(l, info, wanted_bytes(info));
	load_modules(l, info);
	if (dom0_acpi_build(l->d, l->acpi))
		panic("no room for domain 0's ACPI tables");
	start_info = build_start_info(l, info);
	l->d->e820 = xmalloc(sizeof(l->e820));
	if (!l->d->e820)
		panic("no memory for domain 0's memory map");
	memcpy(l->d->e820, l->e820, sizeof(l->e820));
	l->d->nr_e820 = l->nr_e820;
	for (uint32_t i = 0; i < info->nr_modules; i++)
		boot_release_module(info, i);
	hvm_set_pvh_entry(l->d->vcpus[0], l->entry, (uint32_t)start_info);
	hwdom = l->d;
	printk("domain 0: %u vCPUs, %llu MiB, entry %#x\n", hwdom->max_vcpus,
	       (unsigned long long)(hwdom->tot_pages >> 8), l->entry);
	(void)domain_controller_unpause(hwdom);
}
