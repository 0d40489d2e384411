/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/*
 * Address space ids are few (16 on some hosts), so each CPU deals them out in turn; when they run
 * out it flushes its whole TLB and starts a new generation. An id given in an older generation, or
 * by another CPU, is worth nothing.
 */
struct asid_cpu {
	uint64_t generation;
	uint32_t next; /* 0 is the host's */
	uint32_t nr;   /* ids of this CPU, the host's included */
};

struct asid {
	uint64_t generation; /* 0 = none */
	uint32_t cpu;
	uint32_t nr;
};

/** @nr ids, at least 2. */
static inline void asid_cpu_init(struct asid_cpu *c, uint32_t nr)
{
	BUG_ON(nr < 2);
	*c = (struct asid_cpu){.generation = 1, .next = 1, .nr = nr};
}

/** True if @a may be used on CPU @cpu. */
static inline bool asid_valid(const struct asid *a, const struct asid_cpu *c, uint32_t cpu)
{
	return a->generation == c->generation && a->cpu == cpu;
}

/** Give @a a fresh id, with nothing cached under it. Return: whether the TLB must be flushed first. */
static inline bool asid_assign(struct asid *a, struct asid_cpu *c, uint32_t cpu)
{
	bool flush = c->next == c->nr;

	if (flush) {
		c->generation++;
		c->next = 1;
	}
	*a = (struct asid){.generation = c->generation, .cpu = cpu, .nr = c->next++};
	return flush;
}
