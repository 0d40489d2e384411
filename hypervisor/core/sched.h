/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "lib/types.h"

struct domain;
struct vcpu;

/** Before any vCPU exists, on the boot CPU. */
void sched_init(void);
/** This CPU's endless loop: run what is runnable, else halt. Context: interrupts off. */
void sched_start(void) __attribute__((noreturn));
/** Ask the CPU @v runs on to choose again. */
void sched_set_affinity(struct vcpu *v, uint64_t hard);
/** Weight (1-65535) and cap (percent of a CPU, 0 none). Return: 0, -EINVAL. */
int must_check sched_set_params(struct domain *d, uint32_t weight, uint32_t cap);
/** ns CPU @cpu has been idle since boot. */
uint64_t sched_idle_time(uint32_t cpu);

#endif
