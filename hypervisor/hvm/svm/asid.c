// SPDX-License-Identifier: Apache-2.0
#include "hvm/svm/asid.h"

void asid_cpu_init(struct asid_cpu *c, uint32_t nr)
{
	BUG_ON(nr < 2);
	c->generation = 1;
	c->next = 1;
	c->nr = nr;
}

bool asid_assign(struct asid *a, struct asid_cpu *c, uint32_t cpu)
{
	bool flush = false;

	if (c->next == c->nr) {
		c->generation++;
		c->next = 1;
		flush = true;
	}
	a->generation = c->generation;
	a->cpu = cpu;
	a->nr = c->next++;
	return flush;
}
