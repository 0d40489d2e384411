/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SCHED_MACHINE_H
#define SCHED_MACHINE_H

#include <check.h>

#include "core/domain.h"
#include "core/sched.h"
#include "core/vcpu.h"

#define MS 1000000ULL

/*
 * A machine in which a vCPU is either on a CPU or not, and time passes only when the test says so.
 * Every CPU runs the scheduler's own loop; what a guest does is computing for `busy` ns of its own CPU
 * time and then sleeping for `sleep` ns, for ever (sleep 0: it never stops computing).
 */
struct guest {
	struct domain domain;
	struct vcpu vcpu[8];
	struct vcpu *vcpus[8];
	struct behaviour {
		uint64_t busy, sleep;
		uint64_t left;    /* ns of CPU to go until it sleeps */
		uint64_t wake_at; /* 0: awake */
		uint64_t woke;    /* when it was last woken, 0: has been on a CPU since */
		uint64_t longest; /* between waking and running */
		uint64_t turns;   /* times it was put on a CPU */
	} does[8];
};

/** Whether idle CPUs find free memory to scrub, without end. */
extern bool machine_is_dirty;

void machine_start(uint32_t cpus);
void machine_stop(void);
/** A guest whose vCPUs all behave alike, on any CPU, runnable from now on. */
struct guest *guest_start(unsigned int vcpus, uint64_t busy, uint64_t sleep);
void guest_stop(struct guest *g);
void machine_run(uint64_t ns);
/** CPU time of all vCPUs of @g since it started. */
uint64_t guest_time(struct guest *g);
/** That of one. */
uint64_t vcpu_time(struct vcpu *v);
/** The CPU @v stands on now, or -1. */
int vcpu_on(struct vcpu *v);

#endif
