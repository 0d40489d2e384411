/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up, in order, and the rooms' first meeting. */
#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/smp.h"
#include "arch/x86/cpu/traps.h"
#include "arch/x86/mm/layout.h"
#include "arch/x86/mm/map.h"
#include "arch/x86/mm/ptab.h"
#include "core/console.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/watchdog.h"
#include "dom0/dom0.h"
#include "hvm/hvm.h"
#include "hypercall/hypercall.h"
#include "ipc/evtchn_priv.h"
#include "ipc/gnttab.h"
#include "lib/cmdline.h"
#include "mm/bootmem.h"
#include "mm/buddy.h"
#include "mm/frames.h"

/* For deploy/gdb.py: macros, which the debug information of a program compiled as one lacks. */
const struct {
	uint64_t image_base, directmap_start, page_size, pt_leaf, pt_type_shift,
		evtchn_bucket_ports;
} debug_constants __attribute__((used, retain)) = {
	IMAGE_BASE, DIRECTMAP_START, PAGE_SIZE, PT_LEAF, PT_TYPE_SHIFT, EVTCHN_BUCKET_PORTS,
};

extern const char image_start[], image_end[];

/* What the loader left lies below 4 GiB, which the boot page tables map. */
static const void *loader_access(paddr_t pa, size_t size)
{
	return size <= GIB(4) && pa <= GIB(4) - size ? phys_to_virt(pa) : NULL;
}

struct cpu *smp_stack_alloc(void)
{
	mfn_t mfn = buddy_alloc(CPU_STACK_ORDER, BUDDY_ZERO);

	return mfn_eq(mfn, INVALID_MFN) ? NULL : mfn_to_virt(mfn);
}

static void start_console(void)
{
	char cpu[64];

	console_init();
	traps_init();
	cpu_register(this_cpu(), 0, 0, 0);
	nr_cpus = 1;
	cpu_init();
	cpu_describe(cpu, sizeof(cpu));
	printk("Domus hypervisor %s on %s\n", DOMUS_VERSION, cpu);
}

static void read_boot_info(uint32_t magic, paddr_t pa)
{
	int rc = boot_parse(magic, pa, loader_access, &boot_info);

	if (rc)
		panic("boot loader: magic %08x, information at %lx: error %d\n", magic, pa, rc);
	if (boot_info.rsdp_size)
		boot_info.rsdp = virt_to_phys(boot_info.rsdp_copy);
	console_configure(boot_info.cmdline);
	panic_configure(boot_info.cmdline);
	printk("loaded by %s: %s\n", boot_info.loader[0] ? boot_info.loader : "?",
	       boot_info.cmdline);
	for (uint32_t i = 0; i < boot_info.nr_modules; i++)
		printk("module %u: %lu KiB, %s\n", i, boot_info.module[i].size >> 10,
		       boot_info.module[i].cmdline);
}

static void print_memory_map(void)
{
	static const char *const names[] = {"?", "RAM", "reserved", "ACPI", "NVS", "bad"};

	for_each_e820(&boot_info, e) {
		printk(LOG_DEBUG "memory %012lx-%012lx %s\n", e->addr, e->addr + e->size - 1,
		       names[e->type < ARRAY_SIZE(names) ? e->type : 0]);
	}
}

static void start_memory(void)
{
	print_memory_map();
	bootmem_init(&boot_info, virt_to_phys(image_start), virt_to_phys(image_end));
	bootmem_set_limit(GIB(4));
	map_init(&boot_info, boot_alloc_page);
	/* All RAM is mapped now. */
	bootmem_set_limit(DIRECTMAP_SIZE);
	for_each_ram(&boot_info, e)
		map_frames(e->addr >> PAGE_SHIFT, (e->addr + e->size) >> PAGE_SHIFT);
	boot_move_modules(&boot_info);
	buddy_init();
	bootmem_finish(&boot_info);
	map_set_page_source(buddy_alloc_page);
	printk("memory: %lu of %lu MiB free\n", buddy_free_pages() >> 8, frames_total() >> 8);
}

static void start_devices(void)
{
	int rc = acpi_parse(boot_info.rsdp, firmware_map, &acpi);

	if (rc)
		panic("no usable ACPI tables: error %d\n", rc);
	pic_disable();
	apic_init(acpi.lapic_base);
	this_cpu()->apic_id = apic_read_id();
	for (uint32_t i = 0; i < acpi.nr_cpus; i++)
		if (acpi.cpu[i].apic_id == this_cpu()->apic_id)
			this_cpu()->acpi_id = acpi.cpu[i].uid;
	if (acpi.nr_cpus > 1 && cmdline_bool(boot_info.cmdline, "spare_boot_cpu", false))
		cpu_spare();
	ioapic_init();
	clock_init();
	timers_init();
	console_enable_input();
	keys_init();
}

/* The rooms that hang state on domains, in the order they are made. */
static const struct domain_part *const domain_parts[] = {
	&evtchn_part,
	&gnttab_part,
	&hvm_part,
	&watchdog_part,
};

static void start_guests(void)
{
	domain_init();
	domain_set_parts(domain_parts, ARRAY_SIZE(domain_parts));
	sched_init();
	hypercall_init();
	if (hvm_init() || hvm_cpu_init())
		panic("this machine can run no guests\n");
}

static void start_other_cpus(void)
{
	paddr_t page = boot_low_page(&boot_info);

	if (page && !buddy_claim(paddr_to_mfn(page), 1)) {
		smp_boot_aps(page);
		buddy_free(paddr_to_mfn(page), 0);
	}
	if (!nr_cpus)
		panic("no CPU but the spare one starts\n");
	printk("%u CPUs online%s\n", nr_cpus,
	       cpu_id() == SPARE_CPU ? ", and the boot CPU spare" : "");
}

void ap_main(void)
{
	if (hvm_cpu_init())
		panic("CPU %u can run no guests\n", cpu_id());
	sched_start();
}

static void start_domain0(void)
{
	dom0_create(&boot_info);
	buddy_allow_scrubbing();
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		softirq_raise(cpu, SOFTIRQ_SCHED);
}

void hv_main(uint32_t magic, paddr_t info)
{
	clock_start();
	start_console();
	read_boot_info(magic, info);
	/* In this order; each relies on those before it. */
	start_memory();
	start_devices();
	start_guests();
	start_other_cpus();
	start_domain0();
	sched_start();
}
