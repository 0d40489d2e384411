/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

struct cpu;

/**
 * Start every other CPU of the MADT, one after the other; each ends in ap_main().
 * @trampoline: the address of a free page below 1 MiB. A CPU that doesn't answer is left out and
 * logged. Context: boot CPU.
 */
void smp_boot_aps(paddr_t trampoline);

/** Where a started CPU goes with its own stack and page tables; main.c's. */
void __noreturn ap_main(void);

/** Stop every other CPU for good (by NMI). Context: panic and reboot. */
void smp_stop_others(void);

/** The NMI handler's part: stops for good when smp_stop_others() asked for it. */
void smp_nmi(void);

/** A zeroed, aligned block of CPU_STACK_SIZE for a CPU, or NULL; main.c's, as mm/ lies above. */
struct cpu *smp_stack_alloc(void);
