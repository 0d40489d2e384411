/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

struct cpu;

/** A zeroed, aligned block of CPU_STACK_SIZE for a CPU, or NULL. Comes from mm/, which lies above. */
extern struct cpu *(*smp_stack_alloc)(void);
