/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/op.h"
#include "core/vcpu.h"
#include "lib/errno.h"

/* memory_op(cmd, arg): the low bits of cmd name the operation, the rest is how many items are done. */
#define MEMORY_OP_BITS      6
#define MEMORY_OP_NR        (1u << MEMORY_OP_BITS)
#define MEMORY_OP_MAX_START (~0ULL >> MEMORY_OP_BITS)

static inline uint64_t memory_start(const struct hypercall *hc)
{
	return hc->arg[0] >> MEMORY_OP_BITS;
}

/* Every so many small steps a long operation looks whether it should give way. */
#define MEMORY_PREEMPT_EVERY 16

/** With @done of @nr items done: whether to give way (by -ERESTART), and be called again to go on there. */
static inline bool memory_gives_way(struct hypercall *hc, uint64_t done, uint64_t nr,
				    uint64_t every)
{
	if (done >= nr || done % every || !preempt_check())
		return false;
	hc->arg[0] = (hc->arg[0] & (MEMORY_OP_NR - 1)) | done << MEMORY_OP_BITS;
	return true;
}

/* memory_reserve.c */
hypercall_fn memory_populate_physmap, memory_decrease_reservation, memory_claim_pages;
/** Pages promised to domains and not yet theirs. */
uint64_t memory_outstanding(void);
uint64_t memory_outstanding_of(const struct domain *d);

/* memory_physmap.c */
hypercall_fn memory_add_to_physmap, memory_add_to_physmap_batch, memory_remove_from_physmap,
	memory_acquire_resource;
