/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One block per CPU, aligned to its size; also read by assembly.
 *
 *   0x0000 struct cpu (in_guest is its first byte)
 *   0x0800 stack of NMIs, growing down from 0x1400
 *   0x1400 stack of #DF and #MC, growing down from 0x2000
 *   0x2000 a canary, then the stack proper, growing down from 0x8000
 */
#define CPU_STACK_ORDER  3
#define CPU_STACK_SIZE   0x8000
#define CPU_STACK_NMI    0x1400
#define CPU_STACK_FAULT  0x2000
#define CPU_STACK_CANARY 0x2000
