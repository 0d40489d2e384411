/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/**
 * A one-shot timer in its user's storage. All fields are private.
 *
 * Each CPU keeps its own in a pairing heap; there is no tick, the local APIC is armed for the
 * earliest one.
 */
struct timer {
	uint64_t when; /* ns since boot */
	void (*fn)(void *arg);
	void *arg;
	struct timer *child, *next, *prev; /* prev: left sibling, or the parent of a first child */
	uint32_t cpu;                      /* whose queue it is or was last in */
	bool armed;
};

/** Prepare @t to call @fn(@arg), on the CPU that set it, interrupts off, no locks held. */
void timer_init(struct timer *t, void (*fn)(void *arg), void *arg);

/**
 * Arm @t on this CPU for @when (ns since boot), in place of any earlier setting; when that is
 * past it fires from the next softirq. Of several CPUs that do so at once one prevails. Context: any, also
 * @fn itself.
 */
void timer_set(struct timer *t, uint64_t when);

/**
 * Disarm @t. On return its function isn't running on any other CPU and won't start.
 * Context: no lock held that its function takes; may be called by the function itself.
 */
void timer_cancel(struct timer *t);

/** Register interrupt and softirq. Context: boot, once. */
void timers_init(void);
