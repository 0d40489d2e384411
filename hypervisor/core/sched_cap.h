/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/timer.h"
#include "lib/spinlock.h"

struct domain;
struct vcpu;

/*
 * A capped domain's share of CPU time: @cap percent of one CPU for all its vCPUs together, given out
 * anew every 10 ms. Whoever is put on a CPU takes a grant and gives back what is left of it; when
 * nothing is left the domain is parked (none of its vCPUs is queued) until its timer finds the next
 * share. What somebody ran beyond a grant is owed from later shares, so that the mean is exact.
 */
struct sched_cap {
	struct spinlock lock; /* a leaf: taken under a run queue's */
	uint32_t percent;     /* [lock] of one CPU, 0 = no cap */
	bool parked;          /* [lock] written; read anywhere */
	int64_t left;         /* [lock] ns that may still be granted; negative: owed */
	uint64_t refill_at;   /* [lock] ns since boot */
	struct timer unpark;  /* [lock] armed while parked */
};

void sched_cap_init(struct domain *d);
/** No vCPU of @d will run again. */
void sched_cap_fini(struct domain *d);

/** How long @v may run from @now on: ns, ~0 without a cap, 0 when it is parked. Under its run queue's lock. */
uint64_t sched_cap_take(struct vcpu *v, uint64_t now);
/** @v, which had taken a grant, has run for @ran ns. Under its run queue's lock. */
void sched_cap_charge(struct vcpu *v, uint64_t ran);
