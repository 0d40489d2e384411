// SPDX-License-Identifier: Apache-2.0
/* Domain 0: the management domain, PVH, with the host's RAM 1:1 and the host's devices. */
#include "dom0/dom0.h"

#include "arch/x86/cpu/cpu.h"
#include "arch/x86/mm/map.h"
#include "core/console.h"
#include "core/guest.h"
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
	uint64_t initrd, initrd_size;
	uint64_t rsdp;
	uint64_t start_info;
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

static int put_guest(void *ctx, uint64_t gpa, const void *src, uint64_t len)
{
	static const uint8_t zero[PAGE_SIZE];
	struct domain *d = ctx;
	int rc = 0;

	if (src)
		return guest_write_phys(d, gpa, src, len);
	while (len && !rc) {
		uint64_t piece = min(len, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));

		rc = guest_write_phys(d, gpa, zero, piece);
		gpa += piece;
		len -= piece;
	}
	return rc;
}

static void load_modules(struct dom0_image *img, const struct boot_info *info)
{
	const struct boot_module *kernel = &info->module[0];
	const struct boot_module *initrd = &info->module[1];
	struct domain *d = img->layout.d;

	if (elf_load(phys_to_virt(kernel->start), kernel->size, put_guest, d, &img->entry,
		     &img->kernel_end))
		panic("module 0 is no kernel for domain 0: need an ELF with a PVH note that fits its memory");
	if (info->nr_modules < 2)
		return;
	img->initrd_size = initrd->size;
	img->initrd = dom0_reserve(&img->layout, initrd->size);
	if (img->initrd < img->kernel_end ||
	    guest_write_phys(d, img->initrd, phys_to_virt(initrd->start), initrd->size))
		panic("domain 0's memory is too small for its initramfs of %llu bytes",
		      (unsigned long long)initrd->size);
}

static void build_acpi(struct dom0_image *img)
{
	uint64_t gpa = dom0_reserve(&img->layout, DOM0_ACPI_SIZE);

	if (!gpa || dom0_acpi_build(img->layout.d, gpa, &img->rsdp))
		panic("no room for domain 0's ACPI tables");
	dom0_set_type(&img->layout, gpa, DOM0_ACPI_SIZE, E820_ACPI);
}

/* start_info.h: the structure, its module list and memory map, and the command line in one block. */
static void build_start_info(struct dom0_image *img, const char *cmdline)
{
	const struct dom0_layout *l = &img->layout;
	uint64_t modlist = sizeof(struct hvm_start_info);
	uint64_t memmap = modlist + sizeof(struct hvm_modlist_entry);
	uint64_t cmdline_at = memmap + l->nr_e820 * sizeof(struct hvm_memmap_table_entry);
	uint64_t size = cmdline_at + strlen(cmdline) + 1;
	uint64_t gpa = dom0_reserve(&img->layout, size);
	struct hvm_start_info info = {
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = 1,
		.flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
		.nr_modules = img->initrd_size ? 1 : 0,
		.modlist_paddr = gpa + modlist,
		.cmdline_paddr = gpa + cmdline_at,
		.rsdp_paddr = img->rsdp,
		.memmap_paddr = gpa + memmap,
		.memmap_entries = l->nr_e820,
	};
	struct hvm_modlist_entry module = {.paddr = img->initrd, .size = img->initrd_size};
	int rc = 0;

	if (!gpa)
		panic("no room for domain 0's start info");
	rc |= guest_write_phys(l->d, gpa, &info, sizeof(info));
	rc |= guest_write_phys(l->d, gpa + modlist, &module, sizeof(module));
	for_each_e820(l, r) {
		struct hvm_memmap_table_entry e = {
			.addr = r->addr, .size = r->size, .type = r->type};

		rc |= guest_write_phys(l->d, gpa + memmap, &e, sizeof(e));
		memmap += sizeof(e);
	}
	rc |= guest_write_phys(l->d, gpa + cmdline_at, cmdline, strlen(cmdline) + 1);
	if (rc)
		panic("domain 0's start info could not be written");
	img->start_info = gpa;
}

static void keep_memory_map(struct dom0_layout *l)
{
	struct domain *d = l->d;

	d->e820 = xmalloc(l->nr_e820 * sizeof(l->e820[0]));
	if (!d->e820)
		panic("no memory for domain 0's memory map");
	memcpy(d->e820, l->e820, l->nr_e820 * sizeof(l->e820[0]));
	d->nr_e820 = l->nr_e820;
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

	if (!info->nr_modules)
		panic("no module: the boot loader must bring domain 0's kernel and initramfs");
	img.layout.d = create_domain(info);
	dom0_populate(&img.layout, info, wanted_bytes(info));
	load_modules(&img, info);
	build_acpi(&img);
	build_start_info(&img, info->module[0].cmdline);
	keep_memory_map(&img.layout);
	for (uint32_t i = 0; i < info->nr_modules; i++)
		boot_release_module(info, i);
	hvm_set_pvh_entry(img.layout.d->vcpus[0], img.entry, (uint32_t)img.start_info);
	hwdom = img.layout.d;
	printk("domain 0: %u vCPUs, %llu MiB, entry %#x\n", hwdom->max_vcpus,
	       (unsigned long long)(hwdom->tot_pages >> 8), img.entry);
	(void)domain_controller_unpause(hwdom);
}
