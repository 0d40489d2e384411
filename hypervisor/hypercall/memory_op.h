/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "hypercall/hypercall.h"
#include "lib/errno.h"

/* memory_op(cmd, arg): the low bits of cmd name the operation, the rest is where to go on. */
#define MEMORY_OP_BITS      6
#define MEMORY_OP_NR        (1u << MEMORY_OP_BITS)
#define MEMORY_OP_MAX_START (~0ULL >> MEMORY_OP_BITS)

struct memory_call {
	struct hypercall *hc;
	struct domain *caller;
	uint32_t op;
	uint64_t gva;   /* the argument */
	uint64_t start; /* items already done */
};

/** Ask to be called again with @done items done. Return: -ERESTART. */
static inline long memory_restart(const struct memory_call *c, uint64_t done)
{
	c->hc->arg[0] = c->op | done << MEMORY_OP_BITS;
	return -ERESTART;
}

/* Every so many small steps a long operation looks whether it should give way. */
#define MEMORY_PREEMPT_EVERY 16

/* memory_reserve.c */
long memory_populate_physmap(struct memory_call *c);
long memory_decrease_reservation(struct memory_call *c);
long memory_claim_pages(struct memory_call *c);
/** Pages promised to domains and not yet theirs. */
uint64_t memory_outstanding(void);
uint64_t memory_outstanding_of(const struct domain *d);

/* memory_physmap.c */
long memory_add_to_physmap(struct memory_call *c);
long memory_add_to_physmap_batch(struct memory_call *c);
long memory_remove_from_physmap(struct memory_call *c);
long memory_acquire_resource(struct memory_call *c);
