/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/** Domain 0 stopped with SHUTDOWN_* @code, so the machine does: reboots, halts, or tells of the crash and
 * reboots after the delay of `reboot=` (design.md, "When domain 0 dies"). */
void machine_shutdown_by_hwdom(uint8_t code) __attribute__((noreturn));
