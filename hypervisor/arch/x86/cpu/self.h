/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"
#include "arch/x86/cpu/stack.h"

struct cpu;

/** The CPU this code runs on: its struct cpu is at the foot of the stack. */
static inline struct cpu *this_cpu(void)
{
	uintptr_t sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct cpu *)(sp & ~(uintptr_t)(CPU_STACK_SIZE - 1));
}
