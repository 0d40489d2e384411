// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/cpu/idle.h"

void irq_wait(void)
{
	__asm__ volatile("sti; hlt; cli" ::: "memory", "cc");
}
