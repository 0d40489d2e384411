/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_CPU_IDLE_H
#define ARCH_X86_CPU_IDLE_H

/** Halt until an interrupt has come and been handled. An interrupt pending already ends the halt at
 * once, STI holding interrupts off for one instruction. Context: interrupts off, no lock held. */
void irq_wait(void);

/** Let a sibling run while spinning. */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

#endif
