/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/reset.h"

#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/io.h"
#include "arch/x86/cpu/smp.h"
#include "arch/x86/mm/map.h"

#define RESET_SPINS 1000000u

static void spin(void)
{
	for (unsigned int i = 0; i < RESET_SPINS; i++)
		cpu_relax();
}

static void reset_by_acpi(void)
{
	const struct acpi_gas *r = &acpi.reset_register;

	if (!acpi.has_reset)
		return;
	if (r->space == ACPI_SPACE_IO && r->address < 0x10000) {
		outb((uint16_t)r->address, acpi.reset_value);
	} else if (r->space == ACPI_SPACE_MEMORY) {
		volatile void *p = mmio_map(r->address, 1);

		if (p)
			mmio_write8(p, acpi.reset_value);
	}
	spin();
}

/* The reset control register of PCI chipsets: full reset on the rising edge of bit 2. */
static void reset_by_cf9(void)
{
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	spin();
}

static void reset_by_keyboard_controller(void)
{
	for (unsigned int i = 0; i < 1000 && (inb(0x64) & 2); i++)
		cpu_relax();
	outb(0x64, 0xfe);
	spin();
}

static void __noreturn reset_by_triple_fault(void)
{
	struct table_register none = {0, 0};

	for (;;)
		__asm__ volatile("lidt %0; int3" ::"m"(none));
}

void machine_reboot(void)
{
	irq_disable();
	smp_stop_others();
	reset_by_acpi();
	reset_by_cf9();
	reset_by_keyboard_controller();
	reset_by_triple_fault();
}

void machine_halt(void)
{
	irq_disable();
	smp_stop_others();
	for (;;)
		cpu_stop();
}
