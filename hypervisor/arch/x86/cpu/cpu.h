/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"
#include "arch/x86/cpu/self.h"

#define MAX_CPUS  64
#define SPARE_CPU (MAX_CPUS - 1) /* the boot CPU's number when it is to run no guests */

struct vcpu;
struct timer;

/** A physical CPU; lives at the foot of its stack. */
struct cpu {
	/*
	 * Set before a guest is entered, cleared by assembly first thing after it was left: other
	 * CPUs spin on it. Must stay first.
	 */
	volatile uint8_t in_guest;
	volatile uint8_t online;
	uint8_t gif;          /* SVM is on: the global interrupt flag gates interrupts as well */
	bool resched;         /* core/sched.c's: choose again which vCPU runs; this CPU only */
	uint32_t id;          /* 0..nr_cpus-1, the boot CPU first; or SPARE_CPU */
	uint32_t apic_id;     /* of its local APIC */
	uint32_t acpi_id;     /* MADT processor UID */
	uint32_t softirq;     /* pending, by bit; atomic */
	struct vcpu *current; /* the vCPU it runs, or NULL when idle; its own CPU writes */
	uint64_t stack_top;   /* initial rsp */
	struct timer *timer_root;   /* core/timer.c's */
	uint64_t timer_armed;       /* ns the local APIC timer is set for, ~0 when not */
	void *virt;                 /* the virtualization backend's state of this CPU */
	uint64_t nr_irqs, nr_kicks; /* counters for debug keys */
};

/** CPUs that run guests, or will; a spare boot CPU is not among them. */
extern uint32_t nr_cpus;

/** The CPU numbered @id (0..nr_cpus-1, or SPARE_CPU). */
struct cpu *cpu_by_id(uint32_t id);

static inline uint32_t cpu_id(void)
{
	return this_cpu()->id;
}

#define for_each_cpu(id) for ((id) = 0; (id) < nr_cpus; (id)++)

/** Make @c CPU number @id and let it be counted. Context: boot CPU, before @c runs. */
void cpu_register(struct cpu *c, uint32_t id, uint32_t apic_id, uint32_t acpi_id);

/**
 * Leave the numbers of CPUs that run guests to the others: the boot CPU only starts them up and takes
 * the console's interrupts. Context: boot CPU, before others run and before any timer is set.
 */
void cpu_spare(void);

/** Set up descriptor tables, control registers and features of the running CPU. */
void cpu_init(void);

/** Whether the running CPU's stack has overflowed. */
bool cpu_stack_overflowed(void);

/** The CPU's vendor and model strings; for the log. */
void cpu_describe(char *buf, size_t size);

/* Selectors of the hypervisor's GDT. */
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS  0x18

/* Entries of the interrupt stack table. */
#define IST_NMI   1
#define IST_FAULT 2
