/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

struct cpu;

/** Map and enable the local APIC of the boot CPU (x2APIC when the firmware or CPU says so). */
void apic_init(paddr_t base);

/** Enable the running CPU's local APIC: all LVTs masked, spurious vector set. */
void apic_init_cpu(void);

/** The running CPU's APIC id as the hardware says. */
uint32_t apic_read_id(void);

/** End of interrupt for the highest vector in service on this CPU. */
void apic_eoi(void);

/**
 * Have this CPU's local APIC signal what it holds. It has done so, unless QEMU's TCG lost the signal
 * (deploy/README.md, "Emulated CPUs").
 */
void apic_signal_again(void);
/** Make @c leave its guest or wake from idle. Context: any; harmless when it does neither. */
void apic_send_kick(const struct cpu *c);

/** Non-maskable interrupt to every CPU but this one. */
void apic_send_nmi_others(void);

/** INIT: the CPU stops, whatever it does, and waits for a start-up IPI. Context: boot. */
void apic_send_init(uint32_t apic_id);

/** A start-up IPI: a CPU that waits for it starts at the page frame @vector. Context: boot. */
void apic_send_startup(uint32_t apic_id, uint8_t vector);

/**
 * Raise IRQ_TIMER on this CPU in about @delta_ns ns, replacing any earlier request; 0 means as
 * soon as possible. It may come early when the distance is beyond the counter.
 */
void apic_timer_arm(uint64_t delta_ns);

/** Forget the timer request of this CPU. */
void apic_timer_stop(void);

/** Whether @vector is in service (ISR) on this CPU. */
bool apic_in_service(uint8_t vector);

/** Let the timer run free and read its count; for calibration. */
void apic_timer_calibrate_start(void);
uint32_t apic_timer_calibrate_elapsed(void);
void apic_timer_set_khz(uint32_t khz);
