/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

#define NS_PER_S 1000000000ULL

/**
 * The TSC's scale in pvclock form:
 * ns = ((ticks << shift or >> -shift) * mul_frac) >> 32, ticks counted from tsc_base.
 */
struct clock_scale {
	uint64_t tsc_base; /* the TSC at ns 0 */
	uint32_t mul_frac;
	int8_t shift;
};

extern struct clock_scale clock_scale;
extern uint64_t clock_tsc_khz;

/** Now is ns 0. Context: boot CPU, first of all. */
void clock_start(void);

/** Calibrate TSC and APIC timer against the PM timer or the PIT, and read the CMOS clock. */
void clock_init(void);

/** Nanoseconds since boot. Context: any CPU. */
uint64_t now_ns(void);

/** Seconds since 1970 (UTC) at ns 0, as the CMOS clock had it. */
extern uint64_t clock_boot_seconds;

/** The scale for a clock of @khz; also used for guests. */
void clock_scale_of_khz(uint64_t khz, uint32_t *mul_frac, int8_t *shift);

/** @ticks scaled to ns. */
uint64_t clock_scale_ticks(uint64_t ticks, uint32_t mul_frac, int8_t shift);

/** Spin for @ns. Context: boot and panic only. */
void delay_ns(uint64_t ns);

/** The CMOS clock as seconds since 1970 (UTC), 0 when it makes no sense. Context: boot. */
uint64_t rtc_read_seconds(void);
