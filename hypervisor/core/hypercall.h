/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

struct vcpu;

#define HYPERCALL_NR 64

/* How often a domain made a call, and how often the answer was "not there". [a] */
struct hypercall_count {
	uint64_t calls;
	uint64_t absent;
};

/* One hypercall in flight. A handler that is preempted edits @arg and returns -ERESTART: the guest
 * then issues the same call again with them. */
struct hypercall {
	struct vcpu *v; /* the caller, current */
	uint64_t nr;
	uint64_t arg[6];
	bool in_multicall;
};

/**
 * Perform @hc. Return: the guest's result, or -ERESTART. Set once at boot by the hypercall room
 * (a row above the rooms that take the exits), counted per domain and call number.
 */
extern long (*hypercall_dispatch)(struct hypercall *hc);

/** True when a long operation should give way: a softirq is due here. Opens an interrupt window, so
 * no lock may be held. */
bool preempt_check(void);
