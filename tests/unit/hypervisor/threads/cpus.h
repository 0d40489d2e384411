/* SPDX-License-Identifier: Apache-2.0 */
#ifndef THREADS_CPUS_H
#define THREADS_CPUS_H

#include <check.h>

#include "core/vcpu.h"

/*
 * A machine whose CPUs are threads that run the scheduler's own loop, with real locks, and an arena for RAM.
 * Objects of the heap are the C library's, so that the sanitizer sees who touches what is gone.
 */
#define CPUS 3

void machine_start(void);
/** Once no guest is left. */
void machine_stop(void);

/** A number below @below, of a sequence of the thread's own. */
uint32_t rnd(uint32_t below);

TCase *sched_case(void);
TCase *storm_case(void);

#endif
