/* SPDX-License-Identifier: Apache-2.0 */
/* The host's IO-APICs (82093AA data sheet). */
#include "arch/x86/cpu/ioapic.h"

#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/io.h"
#include "arch/x86/mm/map.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/spinlock.h"

#define REG_SELECT  0x00u
#define REG_WINDOW  0x10u
#define IDX_VERSION 0x01u
#define IDX_RTE(n)  (0x10u + (n)*2)

uint32_t nr_ioapics;
struct ioapic ioapics[MAX_IOAPICS];

static volatile uint8_t *regs[MAX_IOAPICS];
static struct spinlock lock; /* select and window go together; a leaf lock */

static uint32_t read_reg(uint32_t i, uint32_t idx)
{
	mmio_write32(regs[i] + REG_SELECT, idx);
	return mmio_read32(regs[i] + REG_WINDOW);
}

static void write_reg(uint32_t i, uint32_t idx, uint32_t v)
{
	mmio_write32(regs[i] + REG_SELECT, idx);
	mmio_write32(regs[i] + REG_WINDOW, v);
}

/* The legacy PICs are never used: out of the way of the exceptions, then all masked. */
void pic_disable(void)
{
	static const uint8_t steps[][2] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28},
					   {0x21, 0x04}, {0xa1, 0x02}, {0x21, 0x01}, {0xa1, 0x01},
					   {0x21, 0xff}, {0xa1, 0xff}};

	for (size_t i = 0; acpi.has_pic && i < ARRAY_SIZE(steps); i++)
		outb(steps[i][0], steps[i][1]);
}

static void add_ioapic(uint32_t i)
{
	struct ioapic *io = &ioapics[i];

	*io = acpi.ioapic[i];
	regs[i] = mmio_map(io->base, PAGE_SIZE);
	BUG_ON(!regs[i]);
	io->nr_pins = (read_reg(i, IDX_VERSION) >> 16 & 0xff) + 1;
	for (uint32_t pin = 0; pin < io->nr_pins; pin++) {
		write_reg(i, IDX_RTE(pin), (uint32_t)IOAPIC_RTE_MASKED);
		write_reg(i, IDX_RTE(pin) + 1, 0);
	}
	printk("IO-APIC %u at %08lx: GSI %u-%u\n", io->id, io->base, io->gsi_base,
	       io->gsi_base + io->nr_pins - 1);
}

void ioapic_init(void)
{
	for (uint32_t i = 0; i < acpi.nr_ioapics; i++)
		add_ioapic(i);
	nr_ioapics = acpi.nr_ioapics;
}

/* Which IO-APIC has @gsi, and where its redirection entry begins. */
static bool find_rte(uint32_t gsi, uint32_t *i, uint32_t *idx)
{
	for (*i = 0; *i < nr_ioapics; ++*i) {
		uint32_t pin = gsi - ioapics[*i].gsi_base; /* far too large when @gsi lies below */

		*idx = IDX_RTE(pin);
		if (pin < ioapics[*i].nr_pins)
			return true;
	}
	return false;
}

int ioapic_read_rte(uint32_t gsi, uint64_t *rte)
{
	uint32_t i, idx;

	if (!find_rte(gsi, &i, &idx))
		return -ENOENT;
	spin_guard(&lock);
	*rte = read_reg(i, idx) | (uint64_t)read_reg(i, idx + 1) << 32;
	return 0;
}

int ioapic_write_rte(uint32_t gsi, uint64_t rte)
{
	uint32_t i, idx;

	if (!find_rte(gsi, &i, &idx))
		return -ENOENT;
	spin_guard(&lock);
	write_reg(i, idx, (uint32_t)(rte | IOAPIC_RTE_MASKED));
	write_reg(i, idx + 1, (uint32_t)(rte >> 32));
	if (!(rte & IOAPIC_RTE_MASKED))
		write_reg(i, idx, (uint32_t)rte);
	return 0;
}

void ioapic_mask(uint32_t gsi)
{
	uint32_t i, idx;

	if (!find_rte(gsi, &i, &idx))
		return;
	spin_guard(&lock);
	write_reg(i, idx, read_reg(i, idx) | (uint32_t)IOAPIC_RTE_MASKED);
}
