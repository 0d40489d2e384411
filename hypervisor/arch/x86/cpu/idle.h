/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_CPU_IDLE_H
#define ARCH_X86_CPU_IDLE_H

/** Let a sibling run while spinning. */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

#endif
