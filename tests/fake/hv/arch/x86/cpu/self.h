/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_CPU_SELF_H
#define ARCH_X86_CPU_SELF_H

struct cpu;

/** The one CPU of a hosted test. */
struct cpu *this_cpu(void);

#endif
