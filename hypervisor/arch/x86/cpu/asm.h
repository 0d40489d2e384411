/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Single instructions that touch the machine. */
#include "lib/types.h"

/* cpu_relax() and so on: instructions without operands, none moved across an access to memory. */
#define INSTRUCTION(name, text)                      \
	static inline void name(void)                \
	{                                            \
		__asm__ volatile(text ::: "memory"); \
	}
INSTRUCTION(cpu_relax, "pause")
INSTRUCTION(cpu_stop, "cli; hlt")
INSTRUCTION(irq_enable, "sti")
INSTRUCTION(irq_disable, "cli")
INSTRUCTION(wbinvd, "wbinvd")
INSTRUCTION(clts, "clts")
/*
 * Sleep until an interrupt and take it; interrupts are off again on return. STI holds them off for one
 * more instruction: nothing can slip in before HLT.
 */
INSTRUCTION(cpu_sleep, "sti; hlt; cli")

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

/** What LGDT and LIDT load. */
struct table_register {
	uint16_t limit;
	uint64_t base;
} __packed;

/* Inside an asm statement: when the instruction at label @from faults, go on at label @to. */
#define EXTABLE(from, to)                              \
	".pushsection .ex_table, \"a\", @progbits\n\t" \
	".quad " #from ", " #to "\n\t"                 \
	".popsection\n\t"
