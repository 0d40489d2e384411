/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "arch/x86/cpu/regs.h"

/** Fill the IDT (shared by all CPUs). Context: boot CPU, early. */
void traps_init(void);

/** Load the IDT on the running CPU. */
void traps_load(void);

/** Everything the IDT catches comes here from entry.S. */
void trap_handle(struct regs *regs);

/** Print @regs. */
void regs_print(const struct regs *regs);

/** Print the chain of callers from frame pointer @rbp on, with symbols. */
void backtrace_print(uint64_t rip, uint64_t rbp);

/** The panic at a trap nobody expects; core/panic.c's. */
void __noreturn trap_fatal(const struct regs *regs, const char *name);
