/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "arch/x86/cpu/cpu.h"

struct domain;
struct vcpu;
struct vcpu_runstate_info;

#define SCHED_DEFAULT_WEIGHT 256
/* Domain 0 serves all guests and is idle in between: many busy vCPUs must not slow down its answers. */
#define SCHED_HWDOM_WEIGHT   1024
#define SCHED_MAX_WEIGHT     65535

/** Before any vCPU exists, on the boot CPU. */
void sched_init(void);
/** This CPU's endless loop: run what is runnable, else halt. Context: interrupts off. */
void sched_start(void) __attribute__((noreturn));

/* What vcpu.c and domain.c ask for. All take the run queue's lock; any CPU. */
/** @v wants to run; queued unless held. No effect unless it was blocked (or down, with @from_down). */
void sched_wake(struct vcpu *v, bool from_down);
/** @v, current, stops wanting to run until sched_wake(): @state is VCPU_BLOCKED or VCPU_DOWN. */
void sched_sleep(struct vcpu *v, unsigned int state);
/** @v may not run now (a pause was counted): take it off the queue, wait until off its CPU. */
void sched_hold(struct vcpu *v);
/** As sched_hold() without waiting: it leaves at its next exit, forced now. */
void sched_nudge(struct vcpu *v);
/** A pause ended: queue @v again if nothing else holds it. */
void sched_release(struct vcpu *v);
/** True if a CPU has @v in hand: runs it, puts it away or moves it to another. */
bool sched_on_cpu(struct vcpu *v);
/** Whether anybody waits in this CPU's queue; may be out of date at once. */
bool sched_others_wait(void);

/** Bits of CPUs @v may run on. Return: 0, -EINVAL when no online CPU is among them. */
int must_check sched_set_affinity(struct vcpu *v, uint64_t hard);
/** Weight of @d's vCPUs (1-65535). Return: 0, -EINVAL. */
int must_check sched_set_weight(struct domain *d, uint32_t weight);
/**
 * At most @percent of one CPU's time for all of @d's vCPUs together, 0 without a limit.
 * Return: 0, -EINVAL beyond what 64 CPUs have.
 */
int must_check sched_set_cap(struct domain *d, uint32_t percent);
/** If @v is on a CPU now, let that CPU choose again. */
void sched_reconsider(struct vcpu *v);
/** The run state of @v with the time in the present state counted up to now. Any CPU. */
void sched_get_runstate(struct vcpu *v, struct vcpu_runstate_info *info);
/** ns CPU @cpu has been idle since boot. */
uint64_t sched_idle_time(uint32_t cpu);
