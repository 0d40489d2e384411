/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/** Reset the machine: FADT reset register, 0xcf9, 8042, triple fault. Context: any. */
void __noreturn machine_reboot(void);

/** Stop all CPUs and stay. Context: any. */
void __noreturn machine_halt(void);
