/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/* Vectors domain 0 may choose for its devices ... */
#define IRQ_GUEST_FIRST 0x20
#define IRQ_GUEST_LAST  0xeb
/* ... and those the hypervisor keeps. */
#define IRQ_OWN_FIRST   0xec
#define IRQ_CONSOLE     0xf0
#define IRQ_TIMER       0xfa
#define IRQ_KICK        0xfb
#define IRQ_APIC_ERROR  0xfe
#define IRQ_SPURIOUS    0xff

/**
 * Call @fn for interrupts of our own @vector (0xec-0xff), which have had their EOI.
 * Context of @fn: inside irq_window(), interrupts off, may take any lock.
 */
void irq_register(uint8_t vector, void (*fn)(void));

/** Call @fn for vectors 0x20-0xeb, which belong to domain 0; @fn decides about the EOI. */
void irq_set_guest_handler(void (*fn)(uint8_t vector));

/**
 * Halt until an interrupt has come and been handled; one that is pending already ends the halt at once.
 * Context: interrupts off, no lock held.
 */
void irq_wait(void);

/** Take what interrupts are pending now. Context: no lock held. */
void irq_window(void);

/** Give @regs->vector to its handler. For traps.c and for backends that take interrupts. */
void irq_dispatch(uint8_t vector);

/** How many interrupts came on vectors nobody registered, and how many NMIs that nobody asked for. [a] */
extern uint64_t irq_unexpected, irq_stray_nmis;
