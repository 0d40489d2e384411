/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/smp.h"

#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/mm/map.h"
#include "lib/printf.h"
#include "lib/string.h"

#define AP_RETRY_NS   (2 * 1000 * 1000ULL)
#define AP_TIMEOUT_NS (5 * 1000 * 1000 * 1000ULL) /* an emulated CPU waits for its host, too */
#define STOP_NS       (10 * 1000 * 1000ULL)

/* boot.S: what CPUs begin with, and the code that is copied to where they do. */
extern struct {
	paddr_t page_tables;
	uint64_t stack;
	void (*entry)(void);
} boot_cpu;
extern const char boot_ap_start[], boot_ap_end[];

static uint32_t nr_started = 1;
static uint32_t stopping;
static uint32_t nr_stopped;

static void __noreturn smp_ap_entry(void)
{
	cpu_init();
	apic_init_cpu();
	ap_main();
}

static bool wait_online(const struct cpu *c, uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	while (!c->online) {
		if (now_ns() > end)
			return false;
		cpu_relax();
	}
	return true;
}

static bool start_ap(struct cpu *c, paddr_t trampoline)
{
	uint8_t vector = (uint8_t)(trampoline >> PAGE_SHIFT);

	boot_cpu.stack = c->stack_top;
	apic_send_init(c->apic_id);
	apic_send_startup(c->apic_id, vector);
	if (wait_online(c, AP_RETRY_NS))
		return true;
	/* Old CPUs may miss the first SIPI; a running one ignores the second (and would not an INIT). */
	apic_send_startup(c->apic_id, vector);
	if (wait_online(c, AP_TIMEOUT_NS))
		return true;
	/* The trampoline is about to go: it must not wake up there. */
	apic_send_init(c->apic_id);
	return false;
}

void smp_boot_aps(paddr_t trampoline)
{
	uint32_t self = apic_read_id();

	memcpy(phys_to_virt(trampoline), boot_ap_start, (size_t)(boot_ap_end - boot_ap_start));
	boot_cpu.page_tables = map_root();
	boot_cpu.entry = smp_ap_entry;
	for (uint32_t i = 0; i < acpi.nr_cpus; i++) {
		struct cpu *c;

		if (acpi.cpu[i].apic_id == self)
			continue;
		c = nr_started < MAX_CPUS ? smp_stack_alloc() : NULL;
		if (!c) {
			printk("CPU with APIC id %u left out\n", acpi.cpu[i].apic_id);
			continue;
		}
		cpu_register(c, nr_cpus, acpi.cpu[i].apic_id, acpi.cpu[i].uid);
		if (start_ap(c, trampoline)) {
			nr_cpus++;
			nr_started++;
			continue;
		}
		printk("CPU with APIC id %u does not start\n", acpi.cpu[i].apic_id);
	}
}

void smp_stop_others(void)
{
	uint64_t end;

	if (nr_started < 2 || __atomic_exchange_n(&stopping, 1, __ATOMIC_SEQ_CST))
		return;
	apic_send_nmi_others();
	end = now_ns() + STOP_NS;
	while (__atomic_load_n(&nr_stopped, __ATOMIC_ACQUIRE) < nr_started - 1 && now_ns() < end)
		cpu_relax();
}

void smp_nmi(void)
{
	if (!__atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
		return;
	__atomic_fetch_add(&nr_stopped, 1, __ATOMIC_RELEASE);
	for (;;)
		cpu_stop();
}
