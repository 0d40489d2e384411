/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/irq.h"

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/cpu.h"

static void (*own_handler[256 - IRQ_OWN_FIRST])(void);
static void (*guest_handler)(uint8_t vector);
uint64_t irq_unexpected, irq_stray_nmis;

void irq_register(uint8_t vector, void (*fn)(void))
{
	BUG_ON(vector < IRQ_OWN_FIRST);
	own_handler[vector - IRQ_OWN_FIRST] = fn;
}

void irq_set_guest_handler(void (*fn)(uint8_t vector))
{
	guest_handler = fn;
}

void irq_dispatch(uint8_t vector)
{
	void (*fn)(void) = vector >= IRQ_OWN_FIRST ? own_handler[vector - IRQ_OWN_FIRST] : NULL;

	this_cpu()->nr_irqs++;
	if (vector < IRQ_OWN_FIRST && guest_handler) {
		guest_handler(vector);
		return;
	}
	if (vector == IRQ_SPURIOUS) /* SDM vol. 3, 11.9: never in service */
		return;
	if (fn || apic_in_service(vector))
		apic_eoi();
	if (fn)
		fn();
	else
		__atomic_fetch_add(&irq_unexpected, 1, __ATOMIC_RELAXED);
}

/*
 * With SVM on, interrupts come only while GIF is set (APM vol. 2, 15.17). The way out of a guest sets it,
 * yet on QEMU's TCG that may be lost (deploy/README.md, "Emulated CPUs"), and the CPU would halt for ever: so
 * it is set again where it matters.
 */
static void open_gate(void)
{
	if (this_cpu()->gif)
		__asm__ volatile("stgi" ::: "memory");
}

void irq_wait(void)
{
	open_gate();
	apic_signal_again();
	cpu_sleep();
}

void irq_window(void)
{
	open_gate();
	/* STI takes effect after the next instruction, so there must be one before CLI. */
	irq_enable();
	__asm__ volatile("nop");
	irq_disable();
}
