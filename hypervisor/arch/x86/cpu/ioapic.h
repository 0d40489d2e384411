/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

#define MAX_IOAPICS 16

#define IOAPIC_RTE_VECTOR   0xffULL
#define IOAPIC_RTE_LOW      (1ULL << 13) /* active low */
#define IOAPIC_RTE_IRR      (1ULL << 14) /* remote IRR, read-only */
#define IOAPIC_RTE_LEVEL    (1ULL << 15)
#define IOAPIC_RTE_MASKED   (1ULL << 16)
#define IOAPIC_RTE_DEST(id) ((uint64_t)(id) << 56)

/** One of the host's IO-APICs. */
struct ioapic {
	uint8_t id; /* APIC id from the MADT */
	uint32_t nr_pins;
	uint32_t gsi_base;
	paddr_t base;
};

extern uint32_t nr_ioapics;
extern struct ioapic ioapics[MAX_IOAPICS];

/**
 * Mask the legacy PICs. Before apic_init(): a tick of theirs that still waits behind LINT0 when that is
 * masked would arrive as an interrupt without a vector.
 */
void pic_disable(void);

/** Map the IO-APICs of the MADT and mask every pin. Context: boot. */
void ioapic_init(void);

/** The redirection entry of @gsi. Return: 0 and the entry, or -ENOENT. Takes the IO-APIC lock. */
int must_check ioapic_read_rte(uint32_t gsi, uint64_t *rte);

/** Write the redirection entry of @gsi (masked first, destination before vector). As above. */
int ioapic_write_rte(uint32_t gsi, uint64_t rte);

/** Set the mask bit of @gsi; a @gsi that isn't there is ignored. */
void ioapic_mask(uint32_t gsi);
