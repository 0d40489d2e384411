/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/**
 * Stop the host: other CPUs first, then the message and a backtrace, then wait `reboot=` seconds
 * (0: stay) and reset. Context: any.
 */
void __noreturn panic(const char *fmt, ...) __printf(1, 2);

/** Take `reboot=` from @cmdline; the default is 5 seconds. */
void panic_configure(const char *cmdline);

/** Domain 0 stopped with SHUTDOWN_* @code, so the machine does: reboots, halts, or tells of the crash and
 * reboots after the delay of `reboot=` (design.md, "When domain 0 dies"). */
void machine_shutdown_by_hwdom(uint8_t code) __attribute__((noreturn));
