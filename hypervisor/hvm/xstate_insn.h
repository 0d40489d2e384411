/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/* The instructions that move FPU state. @area is 64-byte aligned. */

static inline void insn_fxsave(void *area)
{
	__asm__ volatile("fxsaveq (%0)" ::"r"(area) : "memory");
}

static inline void insn_fxrstor(const void *area)
{
	__asm__ volatile("fxrstorq (%0)" ::"r"(area) : "memory");
}

static inline void insn_xsave(void *area, uint64_t mask)
{
	__asm__ volatile("xsaveq (%0)" ::"r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

static inline void insn_xrstor(const void *area, uint64_t mask)
{
	__asm__ volatile("xrstorq (%0)" ::"r"(area), "a"((uint32_t)mask),
			 "d"((uint32_t)(mask >> 32))
			 : "memory");
}
