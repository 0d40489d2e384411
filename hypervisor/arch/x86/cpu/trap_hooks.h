/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>

#include "arch/x86/cpu/regs.h"

/** What this room needs of core/, which lies above it. */
struct trap_hooks {
	void (*vprint)(const char *fmt, va_list ap) __printf(1, 0);
	/** A trap nobody expects; does not return. */
	void (*fatal)(const struct regs *regs, const char *name);
};

/** Context: boot, before traps_load(). */
void traps_set_hooks(const struct trap_hooks *hooks);

/** The hooks' printing, for the rest of the room; silent before traps_set_hooks(). */
void arch_log(const char *fmt, ...) __printf(1, 2);
