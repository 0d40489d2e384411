/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "arch/x86/cpu/cpu.h"

/* Work for a CPU, lowest number first. */
enum softirq {
	SOFTIRQ_TIMER,   /* core/timer.c */
	SOFTIRQ_DOMAIN,  /* domain teardown and other preemptible work */
	SOFTIRQ_CONSOLE, /* input and debug keys */
	SOFTIRQ_SCHED, /* pick another vCPU: the scheduler looks at it itself, see softirq_run() */
	SOFTIRQ_NR,
};

/** Call @fn on the CPU that has @nr pending. Context of @fn: interrupts off, no locks held. */
void softirq_register(enum softirq nr, void (*fn)(void));

/** Make @nr pending on CPU @cpu and kick it when it isn't this one. Context: any. */
void softirq_raise(uint32_t cpu, enum softirq nr);

/** Whether this CPU has anything pending. */
static inline bool softirq_pending(void)
{
	return __atomic_load_n(&this_cpu()->softirq, __ATOMIC_ACQUIRE) != 0;
}

/**
 * Do what is pending on this CPU, SOFTIRQ_SCHED aside: that bit stays set for the scheduler when
 * nobody registered it. Context: interrupts off, no locks held.
 */
void softirq_run(void);
