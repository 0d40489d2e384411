/* SPDX-License-Identifier: Apache-2.0 */
/* Debug keys about the host itself: Ctrl-A three times, then the key. */

#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/ioapic.h"
#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/reset.h"
#include "core/console.h"
#include "core/panic.h"
#include "mm/buddy.h"
#include "mm/frames.h"

static void show_memory(void)
{
	const struct frame_range *range;
	uint32_t nr = frames_ranges(&range);

	printk("%lu of %lu pages free\n", buddy_free_pages(), frames_total());
	for (uint32_t i = 0; i < nr; i++)
		printk("RAM frames %lx-%lx\n", range[i].start, range[i].end - 1);
}

static void show_cpus(void)
{
	uint32_t id;

	for_each_cpu(id) {
		const struct cpu *c = cpu_by_id(id);
		int64_t due = (int64_t)(c->timer_armed - now_ns());

		printk("CPU %u APIC %u: %lu interrupts, %lu kicks, softirqs %x, %s, timer %s%ld us\n",
		       id, c->apic_id, c->nr_irqs, c->nr_kicks, c->softirq,
		       c->current ? "busy" : "idle", c->timer_armed == ~0ULL ? "off " : "in ",
		       c->timer_armed == ~0ULL ? 0 : due / 1000);
	}
	printk("%lu unexpected interrupts, %lu NMIs\n", irq_unexpected, irq_stray_nmis);
}

static void show_ioapics(void)
{
	for (uint32_t i = 0; i < nr_ioapics; i++)
		for (uint32_t pin = 0; pin < ioapics[i].nr_pins; pin++) {
			uint32_t gsi = ioapics[i].gsi_base + pin;
			uint64_t rte;

			if (!ioapic_read_rte(gsi, &rte) && (rte & IOAPIC_RTE_VECTOR))
				printk("GSI %u: %016lx vector %02x%s%s%s\n", gsi, rte, (uint8_t)rte,
				       rte & IOAPIC_RTE_LEVEL ? " level" : " edge",
				       rte & IOAPIC_RTE_LOW ? " low" : " high",
				       rte & IOAPIC_RTE_MASKED ? " masked" : "");
		}
}

static void crash(void)
{
	panic("asked for by debug key\n");
}

void keys_init(void)
{
	console_register_key('m', "memory", show_memory);
	console_register_key('i', "CPUs and interrupts", show_cpus);
	console_register_key('p', "IO-APIC pins", show_ioapics);
	console_register_key('C', "crash the host", crash);
	console_register_key('R', "reset the host", machine_reboot);
}
