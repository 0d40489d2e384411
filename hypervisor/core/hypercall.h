/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

struct domain;
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
	/* Of calls with many operations (core/op.h). */
	uint64_t gva; /* where the operation's argument is */
	union {       /* the copy of it */
		void *op;
		struct xen_domctl *domctl;
		struct xen_sysctl *sysctl;
		struct xen_platform_op *platform;
	};
	struct domain *d;    /* the caller, or whom the argument names, held meanwhile */
	struct domain *from; /* a further one, where an operation needs it */
};

typedef long hypercall_fn(struct hypercall *hc);

/**
 * Perform @hc, counted per domain and call number. Return: the guest's result, or -ERESTART.
 * hypercall/table.c has it, a row above the rooms that take the exits.
 */
hypercall_fn hypercall_dispatch;

/** True when a long operation should give way: a softirq is due here. Opens an interrupt window, so
 * no lock may be held. */
bool preempt_check(void);
