// SPDX-License-Identifier: Apache-2.0
/* Domain 0: the management domain, PVH, with the host's RAM 1:1 and the host's devices. */
#include "dom0/dom0.h"

#include "arch/x86/cpu/cpu.h"
#include "arch/x86/mm/map.h"
#include "core/console.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "hvm/hvm.h"
#include "lib/cmdline.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/bootmem.h"
#include "mm/buddy.h"
#include "mm/heap.h"

#define DOM0_DEFAULT_BYTES GIB(1)
#define DOM0_MIN_BYTES     MIB(128)

struct dom0_image {
	struct dom0_layout layout;
	uint32_t entry;
	uint64_t kernel_end;
	uint64_t initrd; /* 0 without one */
};

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

static int put_guest(void *layout, uint64_t gpa, const void *src, uint64_t len)
{
	const struct dom0_layout *l = layout;

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

static void load_modules(struct dom0_image *img, const struct boot_info *info)
{
	const struct boot_module *kernel = &info->module[0];
	const struct boot_module *initrd = &info->module[1];

	if (elf_load(phys_to_virt(kernel->start), kernel->size, put_guest, &img->layout,
		     &img->entry, &img->kernel_end))
		panic("module 0 is no kernel for domain 0: need an ELF with a PVH note that fits its memory");
	if (info->nr_modules < 2)
		return;
	img->initrd = dom0_reserve(&img->layout, initrd->size);
	if (img->initrd < img->kernel_end ||
	    put_guest(&img->layout, img->initrd, phys_to_virt(initrd->start), initrd->size))
		panic("domain 0's memory is too small for its initramfs of %llu bytes",
		      (unsigned long long)initrd->size);
}

/* start_info.h: the structure, its module list and memory map, and the command line in one block. */
static uint64_t build_start_info(struct dom0_image *img, const struct boot_info *boot)
{
	static struct {
		struct hvm_start_info info;
		struct hvm_modlist_entry module;
		struct hvm_memmap_table_entry memmap[BOOT_MAX_E820];
		char cmdline[BOOT_CMDLINE_MAX];
	} block;
	struct dom0_layout *l = &img->layout;
	struct hvm_memmap_table_entry *e = block.memmap;
	uint64_t gpa = dom0_reserve(l, sizeof(block));

	block.info = (struct hvm_start_info){
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = 1,
		.flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
		.nr_modules = img->initrd ? 1 : 0,
		.modlist_paddr = gpa + offsetof(__typeof__(block), module),
		.cmdline_paddr = gpa + offsetof(__typeof__(block), cmdline),
		.rsdp_paddr = l->acpi,
		.memmap_paddr = gpa + offsetof(__typeof__(block), memmap),
		.memmap_entries = l->nr_e820,
	};
	block.module = (struct hvm_modlist_entry){img->initrd, boot->module[1].size, 0, 0};
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
	d->weight = SCHED_HWDOM_WEIGHT;
	for (unsigned int i = 0; i < nr; i++)
		if (vcpu_create(d, i, &v))
			panic("vCPU %u of domain 0 could not be created", i);
	return d;
}

void dom0_create(struct boot_info *info)
{
	static struct dom0_image img;
	struct dom0_layout *l = &img.layout;
	uint64_t start_info;

	if (!info->nr_modules)
		panic("no module: the boot loader must bring domain 0's kernel and initramfs");
	l->d = create_domain(info);
	dom0_populate(l, info, wanted_bytes(info));
	load_modules(&img, info);
	if (dom0_acpi_build(l->d, l->acpi))
		panic("no room for domain 0's ACPI tables");
	start_info = build_start_info(&img, info);
	l->d->e820 = xmalloc(sizeof(l->e820));
	if (!l->d->e820)
		panic("no memory for domain 0's memory map");
	memcpy(l->d->e820, l->e820, sizeof(l->e820));
	l->d->nr_e820 = l->nr_e820;
	for (uint32_t i = 0; i < info->nr_modules; i++)
		boot_release_module(info, i);
	hvm_set_pvh_entry(l->d->vcpus[0], img.entry, (uint32_t)start_info);
	hwdom = l->d;
	printk("domain 0: %u vCPUs, %llu MiB, entry %#x\n", hwdom->max_vcpus,
	       (unsigned long long)(hwdom->tot_pages >> 8), img.entry);
	(void)domain_controller_unpause(hwdom);
}
