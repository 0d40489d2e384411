// SPDX-License-Identifier: Apache-2.0
/*
 * The hardware domain's IO-APICs: the host's, with every pin filtered. An entry the guest unmasks is
 * written to the host with the same vector and the physical id of the CPU that stands for the
 * destination. A level line is masked when it fires and let go at the guest's EOI, so that the host's
 * own EOI never waits for the guest.
 */
#include "vdev/vioapic.h"

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/ioapic.h"
#include "arch/x86/cpu/irq.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vdev/vlapic.h"

#define REG_SELECT 0x00u
#define REG_WINDOW 0x10u
#define REG_EOI    0x40u

#define INDEX_ID          0x00u
#define INDEX_VERSION     0x01u
#define INDEX_ARBITRATION 0x02u
#define INDEX_RTE         0x10u
#define VERSION           0x20u /* has the EOI register */

#define RTE_LOGICAL    (1ULL << 11)
#define RTE_MODE(rte)  ((rte) >> 8 & 7)
#define RTE_GUEST_BITS 0xff0000000001afffULL /* what a guest may set */
#define MODE_LOWEST    1

struct pin {
	uint32_t gsi;
	uint64_t rte;          /* as the guest wrote it */
	bool in_flight;        /* level: fired, masked in the host until the guest's EOI */
	uint8_t flight_vector; /* ... of this vector */
	bool reserved;         /* the hypervisor's own: the guest's writes stay on paper */
};

/* The one hardware domain's; guarded by the lock. */
static struct spinlock lock;
static uint32_t selected[MAX_IOAPICS];
static struct pin *pins; /* of all IO-APICs, one's after the other's */
static uint32_t nr_pins;

/* The host's IO-APIC at @gpa, and the first pin of its. NULL if there is none. */
static const struct ioapic *find(uint64_t gpa, struct pin **first)
{
	struct pin *pin = pins;

	for (uint32_t i = 0; pins && i < nr_ioapics; pin += ioapics[i++].nr_pins) {
		if (ioapics[i].base != (gpa & PAGE_MASK))
			continue;
		*first = pin;
		return &ioapics[i];
	}
	return NULL;
}

/* The pCPU's APIC id behind @rte's destination, or -1: vCPU n stands on pCPU n. */
static int host_destination(struct domain *d, uint64_t rte)
{
	uint32_t dest = (uint32_t)(rte >> 56);

	if (!(rte & RTE_LOGICAL))
		return (int)dest;
	for_each_vcpu(d, v)
		if (vlapic_match(v, dest, true, false))
			return (int)vlapic_id(v);
	return -1;
}

/* Make the host's pin do what the guest's entry says. */
static void program_host(struct domain *d, const struct pin *pin)
{
	uint8_t vector = (uint8_t)pin->rte;
	int dest = host_destination(d, pin->rte);

	if (pin->reserved)
		return;
	if ((pin->rte & IOAPIC_RTE_MASKED) || pin->in_flight || dest < 0 ||
	    vector < IRQ_GUEST_FIRST || vector > IRQ_GUEST_LAST || RTE_MODE(pin->rte) > MODE_LOWEST)
		ioapic_mask(pin->gsi);
	else
		ioapic_write_rte(pin->gsi,
				 vector | (pin->rte & (IOAPIC_RTE_LOW | IOAPIC_RTE_LEVEL)) |
					 IOAPIC_RTE_DEST((uint32_t)dest));
}

static uint32_t read_window(const struct ioapic *io, const struct pin *first, uint32_t index)
{
	uint32_t n = (index - INDEX_RTE) / 2;
	uint64_t rte;

	switch (index) {
	case INDEX_ID:
	case INDEX_ARBITRATION: return (uint32_t)io->id << 24;
	case INDEX_VERSION: return VERSION | (io->nr_pins - 1) << 16;
	}
	if (index < INDEX_RTE || n >= io->nr_pins)
		return 0xffffffff;
	rte = first[n].rte | (first[n].in_flight ? IOAPIC_RTE_IRR : 0);
	return (uint32_t)(index & 1 ? rte >> 32 : rte);
}

static void write_window(struct domain *d, const struct ioapic *io, struct pin *first,
			 uint32_t index, uint32_t value)
{
	uint32_t n = (index - INDEX_RTE) / 2;
	unsigned int shift = index & 1 ? 32 : 0;
	struct pin *pin = first + n;

	if (index < INDEX_RTE || n >= io->nr_pins)
		return; /* the id is fixed */
	pin->rte &= ~(0xffffffffULL << shift);
	pin->rte = (pin->rte | (uint64_t)value << shift) & RTE_GUEST_BITS;
	/* An edge-triggered entry never waits for an EOI. */
	if (!(pin->rte & IOAPIC_RTE_LEVEL))
		pin->in_flight = false;
	program_host(d, pin);
}

/* Pins the hypervisor has programmed for itself (its UART) are not the guest's to change. */
static bool is_own(uint32_t gsi)
{
	uint64_t rte;

	return !ioapic_read_rte(gsi, &rte) && !(rte & IOAPIC_RTE_MASKED) &&
	       (uint8_t)rte >= IRQ_OWN_FIRST;
}

int vioapic_create(struct domain *d)
{
	struct pin *pin;

	if (!d->is_hwdom)
		return 0;
	spin_init(&lock);
	memset(selected, 0, sizeof(selected));
	nr_pins = 0;
	for (uint32_t i = 0; i < nr_ioapics; i++)
		nr_pins += ioapics[i].nr_pins;
	pins = pin = xcalloc(max(nr_pins, 1u), sizeof(*pins));
	if (!pins)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr_ioapics; i++)
		for (uint32_t n = 0; n < ioapics[i].nr_pins; n++, pin++) {
			pin->gsi = ioapics[i].gsi_base + n;
			pin->rte = IOAPIC_RTE_MASKED;
			pin->reserved = is_own(pin->gsi);
		}
	return 0;
}

void vioapic_destroy(struct domain *d)
{
	if (!d->is_hwdom)
		return;
	xfree(pins);
	pins = NULL;
	nr_pins = 0;
}

bool vioapic_covers(struct domain *d, uint64_t gpa)
{
	struct pin *first;

	return d->is_hwdom && find(gpa, &first);
}

uint32_t vioapic_read(struct domain *d __unused, uint64_t gpa)
{
	struct pin *first;
	const struct ioapic *io = find(gpa, &first);

	if (!io)
		return 0xffffffff;
	spin_guard(&lock);
	switch (gpa & ~PAGE_MASK) {
	case REG_SELECT: return selected[io - ioapics];
	case REG_WINDOW: return read_window(io, first, selected[io - ioapics]);
	default: return 0xffffffff;
	}
}

/* Those of @nr pins that wait for an EOI of @vector may fire again. */
static void eoi_pins(struct domain *d, struct pin *first, uint32_t nr, uint8_t vector)
{
	for (struct pin *pin = first; pin < first + nr; pin++)
		if (pin->in_flight && pin->flight_vector == vector) {
			pin->in_flight = false;
			program_host(d, pin);
		}
}

void vioapic_write(struct domain *d, uint64_t gpa, uint32_t value)
{
	struct pin *first;
	const struct ioapic *io = find(gpa, &first);

	if (!io)
		return;
	spin_guard(&lock);
	switch (gpa & ~PAGE_MASK) {
	case REG_SELECT: selected[io - ioapics] = value & 0xff; break;
	case REG_WINDOW: write_window(d, io, first, selected[io - ioapics], value); break;
	case REG_EOI: eoi_pins(d, first, io->nr_pins, (uint8_t)value); break;
	}
}

void vioapic_eoi(struct domain *d, uint8_t vector)
{
	spin_guard(&lock);
	eoi_pins(d, pins, nr_pins, vector);
}

/* Mask the level pins that may have sent @vector here. Return: whether there was one. */
static bool hold_level_pins(uint8_t vector)
{
	int here = (int)this_cpu()->apic_id;
	bool level = false;

	spin_guard(&lock);
	for (struct pin *pin = pins; pin < pins + nr_pins; pin++) {
		if (pin->reserved || (uint8_t)pin->rte != vector ||
		    !(pin->rte & IOAPIC_RTE_LEVEL) || (pin->rte & IOAPIC_RTE_MASKED) ||
		    host_destination(hwdom, pin->rte) != here)
			continue;
		ioapic_mask(pin->gsi);
		pin->in_flight = true;
		pin->flight_vector = vector;
		level = true;
	}
	return level;
}

/* The vCPU that stands on this CPU. */
static struct vcpu *local_vcpu(void)
{
	if (!hwdom)
		return NULL;
	for_each_vcpu(hwdom, v)
		if (vlapic_id(v) == this_cpu()->apic_id)
			return v;
	return NULL;
}

void vioapic_host_irq(uint8_t vector)
{
	struct vcpu *v = local_vcpu();
	bool level = v && hold_level_pins(vector);

	apic_eoi();
	if (v)
		vlapic_set_irq(v, vector, level);
}
