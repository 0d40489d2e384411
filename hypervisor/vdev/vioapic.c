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
#include "vdev/vlapic_private.h"

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
	uint64_t rte;          /* as the guest wrote it */
	bool in_flight;        /* level: fired, masked in the host until the guest's EOI */
	uint8_t flight_vector; /* ... of this vector */
	bool reserved;         /* the hypervisor's own: the guest's writes stay on paper */
};

struct vioapic {
	const struct ioapic *host;
	uint32_t select;
	struct pin *pins;
};

/* The one hardware domain's; guarded by the lock. */
static struct spinlock lock;
static struct vioapic *vioapics;
static uint32_t nr_vioapics;

static struct vioapic *find(uint64_t gpa)
{
	for (uint32_t i = 0; i < nr_vioapics; i++)
		if (vioapics[i].host->base == (gpa & PAGE_MASK))
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
		if (vlapic_match(v->vlapic, dest, true, false))
			return (int)vlapic_id(v);
	return -1;
}

/* Make the host's pin do what the guest's entry says. */
static void program_host(struct domain *d, struct vioapic *io, uint32_t n)
{
	struct pin *pin = &io->pins[n];
	uint32_t gsi = io->host->gsi_base + n;
	uint8_t vector = (uint8_t)pin->rte;
	int dest = host_destination(d, pin->rte);
	uint64_t rte;

	if (pin->reserved)
		return;
	if ((pin->rte & IOAPIC_RTE_MASKED) || pin->in_flight || dest < 0 ||
	    vector < IRQ_GUEST_FIRST || vector > IRQ_GUEST_LAST ||
	    RTE_MODE(pin->rte) > MODE_LOWEST) {
		ioapic_mask(gsi);
		return;
	}
	rte = vector | (pin->rte & (IOAPIC_RTE_LOW | IOAPIC_RTE_LEVEL)) |
	      IOAPIC_RTE_DEST((uint32_t)dest);
	ioapic_write_rte(gsi, rte);
}

static void write_rte(struct domain *d, struct vioapic *io, uint32_t n, uint64_t rte)
{
	struct pin *pin = &io->pins[n];

	pin->rte = rte & RTE_GUEST_BITS;
	/* An edge-triggered entry never waits for an EOI. */
	if (!(pin->rte & IOAPIC_RTE_LEVEL))
		pin->in_flight = false;
	program_host(d, io, n);
}

static uint32_t read_window(struct vioapic *io)
{
	uint32_t index = io->select, n = (index - INDEX_RTE) / 2;
	uint64_t rte;

	switch (index) {
	case INDEX_ID:
	case INDEX_ARBITRATION: return (uint32_t)io->host->id << 24;
	case INDEX_VERSION: return VERSION | (io->host->nr_pins - 1) << 16;
	}
	if (index < INDEX_RTE || n >= io->host->nr_pins)
		return 0xffffffff;
	rte = io->pins[n].rte | (io->pins[n].in_flight ? IOAPIC_RTE_IRR : 0);
	return (uint32_t)(index & 1 ? rte >> 32 : rte);
}

static void write_window(struct domain *d, struct vioapic *io, uint32_t value)
{
	uint32_t index = io->select, n = (index - INDEX_RTE) / 2;
	uint64_t rte;

	if (index < INDEX_RTE || n >= io->host->nr_pins)
		return; /* the id is fixed */
	rte = io->pins[n].rte;
	if (index & 1)
		rte = (uint32_t)rte | (uint64_t)value << 32;
	else
		rte = (rte & 0xffffffff00000000ULL) | value;
	write_rte(d, io, n, rte);
}

/* Pins the hypervisor has programmed for itself (its UART) are not the guest's to change. */
static bool is_own(uint32_t gsi)
{
	uint64_t rte;

	return !ioapic_read_rte(gsi, &rte) && !(rte & IOAPIC_RTE_MASKED) &&
	       (uint8_t)rte >= IRQ_OWN_FIRST;
}

int vioapic_create_hw(struct domain *d __unused)
{
	spin_init(&lock);
	vioapics = xcalloc(nr_ioapics ? nr_ioapics : 1, sizeof(*vioapics));
	if (!vioapics)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr_ioapics; i++) {
		struct vioapic *io = &vioapics[i];

		io->host = &ioapics[i];
		io->pins = xcalloc(io->host->nr_pins, sizeof(*io->pins));
		if (!io->pins) {
			vioapic_destroy(d);
			return -ENOMEM;
		}
		for (uint32_t n = 0; n < io->host->nr_pins; n++)
			io->pins[n] = (struct pin){
				.rte = IOAPIC_RTE_MASKED,
				.reserved = is_own(io->host->gsi_base + n),
			};
		nr_vioapics = i + 1;
	}
	return 0;
}

void vioapic_destroy(struct domain *d __unused)
{
	uint32_t nr = nr_vioapics;

	nr_vioapics = 0;
	for (uint32_t i = 0; i < nr; i++)
		xfree(vioapics[i].pins);
	xfree(vioapics);
	vioapics = NULL;
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

/* The pins of @io that wait for an EOI of @vector may fire again. */
static void eoi_pins(struct domain *d, struct vioapic *io, uint8_t vector)
{
	for (uint32_t n = 0; n < io->host->nr_pins; n++) {
		struct pin *pin = &io->pins[n];

		if (!pin->in_flight || pin->flight_vector != vector)
			continue;
		pin->in_flight = false;
		program_host(d, io, n);
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
	case REG_EOI: eoi_pins(d, io, (uint8_t)value); break;
	}
}

void vioapic_eoi(struct domain *d, uint8_t vector)
{
	spin_guard(&lock);
	for (uint32_t i = 0; i < nr_vioapics; i++)
		eoi_pins(d, &vioapics[i], vector);
}

/* Mask the level pins that may have sent @vector here. Return: whether there was one. */
static bool hold_level_pins(uint8_t vector)
{
	uint32_t here = this_cpu()->apic_id;
	bool level = false;

	for (uint32_t i = 0; i < nr_vioapics; i++) {
		struct vioapic *io = &vioapics[i];

		for (uint32_t n = 0; n < io->host->nr_pins; n++) {
			struct pin *pin = &io->pins[n];

			if (pin->reserved || (uint8_t)pin->rte != vector ||
			    !(pin->rte & IOAPIC_RTE_LEVEL) || (pin->rte & IOAPIC_RTE_MASKED) ||
			    host_destination(hwdom, pin->rte) != (int)here)
				continue;
			ioapic_mask(io->host->gsi_base + n);
			pin->in_flight = true;
			pin->flight_vector = vector;
			level = true;
		}
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
	bool level;

	if (!v) {
		apic_eoi();
		return;
	}
	spin_lock(&lock);
	level = hold_level_pins(vector);
	spin_unlock(&lock);
	apic_eoi();
	vlapic_set_irq(v, vector, level);
}
