/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/domain.h"

/**
 * The hardware domain's view of the host's IO-APICs: same ids, bases and GSIs. Unmasking an entry
 * programs the host's with the same vector and destination (vCPU n's APIC id is pCPU n's). Other domains
 * have none. Return: 0, -ENOMEM.
 */
int must_check vioapic_create(struct domain *d);
void vioapic_destroy(struct domain *d);
bool vioapic_covers(struct domain *d, uint64_t gpa);
uint32_t vioapic_read(struct domain *d, uint64_t gpa);
void vioapic_write(struct domain *d, uint64_t gpa, uint32_t value);
/** The guest's EOI of a level-triggered @vector: let the host's lines fire again. */
void vioapic_eoi(struct domain *d, uint8_t vector);
/** A physical interrupt with a vector of domain 0 (0x20-0xeb) arrived on this CPU. */
void vioapic_host_irq(uint8_t vector);
