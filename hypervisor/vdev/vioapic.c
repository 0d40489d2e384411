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
	uint8_t flight_vector; /* ... of this vector; its entry's, too, ends the wait */
	bool reserved;         /* the hypervisor's own: the guest's writes stay on paper */
};

struct vioapic {
	const struct ioapic *host;
	struct pin *pins; /* its own among all */
	uint32_t select;
};

/* The one hardware domain's; guarded by the lock. */
static struct spinlock lock;
static struct vioapic vioapics[MAX_IOAPICS];
static struct pin *pins;
static uint32_t nr_pins; /* of all IO-APICs; 0 = there are none for anybody */

static struct vioapic *find(uint64_t gpa)
{
	for (uint32_t i = 0; nr_pins && i < nr_ioapics; i++)
		if (ioapics[i].base == (gpa & PAGE_MASK))
			return &vioapics[i];
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

/* The pin whose entry the window shows, or NULL. */
static struct pin *window_pin(const struct vioapic *io)
{
	uint32_t n = (io->select - INDEX_RTE) / 2;

	return io->select >= INDEX_RTE && n < io->host->nr_pins ? &io->pins[n] : NULL;
}

static uint32_t read_window(const struct vioapic *io)
{
	const struct pin *pin = window_pin(io);
	uint64_t rte;

	switch (io->select) {
	case INDEX_ID:
	case INDEX_ARBITRATION: return (uint32_t)io->host->id << 24;
	case INDEX_VERSION: return VERSION | (io->host->nr_pins - 1) << 16;
	}
	if (!pin)
		return 0xffffffff;
	rte = pin->rte | (pin->in_flight ? IOAPIC_RTE_IRR : 0);
	return (uint32_t)(io->select & 1 ? rte >> 32 : rte);
}

static void write_window(struct domain *d, const struct vioapic *io, uint32_t value)
{
	unsigned int shift = io->select & 1 ? 32 : 0;
	struct pin *pin = window_pin(io);

	if (!pin)
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
	for (uint32_t i = 0; i < nr_ioapics; i++)
		nr_pins += ioapics[i].nr_pins;
	pins = pin = xcalloc(max(nr_pins, 1u), sizeof(*pins));
	if (!pins) {
		nr_pins = 0;
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < nr_ioapics; i++) {
		vioapics[i] = (struct vioapic){.host = &ioapics[i], .pins = pin};
		for (uint32_t n = 0; n < ioapics[i].nr_pins; n++, pin++) {
			pin->gsi = ioapics[i].gsi_base + n;
			pin->rte = IOAPIC_RTE_MASKED;
			pin->reserved = is_own(pin->gsi);
		}
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
	return d->is_hwdom && find(gpa);
}

uint32_t vioapic_read(struct domain *d __unused, uint64_t gpa)
{
	struct vioapic *io = find(gpa);

	if (!io)
		return 0xffffffff;
	spin_guard(&lock);
	switch (gpa & ~PAGE_MASK) {
	case REG_SELECT: return io->select;
	case REG_WINDOW: return read_window(io);
	default: return 0xffffffff;
	}
}

/* Those of @nr pins that wait for an EOI of @vector may fire again. */
static void eoi_pins(struct domain *d, struct pin *first, uint32_t nr, uint8_t vector)
{
	for (struct pin *pin = first; pin < first + nr; pin++)
		if (pin->in_flight &&
		    (pin->flight_vector == vector || (uint8_t)pin->rte == vector)) {
			pin->in_flight = false;
			program_host(d, pin);
		}
}

void vioapic_write(struct domain *d, uint64_t gpa, uint32_t value)
{
	struct vioapic *io = find(gpa);

	if (!io)
		return;
	spin_guard(&lock);
	switch (gpa & ~PAGE_MASK) {
	case REG_SELECT: io->select = value & 0xff; break;
	case REG_WINDOW: write_window(d, io, value); break;
	case REG_EOI: eoi_pins(d, io->pins, io->host->nr_pins, (uint8_t)value); break;
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
