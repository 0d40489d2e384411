/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Single instructions that touch the machine; hosted tests have their own copy of this file. */
#include "lib/types.h"

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}

static inline void irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}

/** Sleep until an interrupt and take it; interrupts are off again on return. */
static inline void cpu_sleep(void)
{
	/* STI holds interrupts off for one more instruction: nothing can slip in before HLT. */
	__asm__ volatile("sti; hlt; cli" ::: "memory");
}

static inline void cpu_stop(void)
{
	__asm__ volatile("cli; hlt" ::: "memory");
}

static inline uint64_t read_tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

/* read_cr2() and so on. */
#define CR_READ(n)                                                \
	static inline uint64_t read_cr##n(void)                   \
	{                                                         \
		uint64_t v;                                       \
                                                                  \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(v)); \
		return v;                                         \
	}
#define CR_WRITE(n)                                                      \
	static inline void write_cr##n(uint64_t v)                       \
	{                                                                \
		__asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory"); \
	}
CR_READ(2)
CR_READ(3)
CR_READ(4)
CR_WRITE(0)
CR_WRITE(3)
CR_WRITE(4)

static inline void invlpg(const void *va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

static inline uint64_t read_xcr0(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static inline void write_xcr0(uint64_t v)
{
	__asm__ volatile("xsetbv" ::"a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(0) : "memory");
}

static inline void wbinvd(void)
{
	__asm__ volatile("wbinvd" ::: "memory");
}

static inline void clts(void)
{
	__asm__ volatile("clts" ::: "memory");
}

/* Inside an asm statement: when the instruction at label @from faults, go on at label @to. */
#define EXTABLE(from, to)                              \
	".pushsection .ex_table, \"a\", @progbits\n\t" \
	".quad " #from ", " #to "\n\t"                 \
	".popsection\n\t"
