/* SPDX-License-Identifier: Apache-2.0 */
#include "core/softirq.h"

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/irq.h"
#include "core/hypercall.h"

static void (*handler[SOFTIRQ_NR])(void);

void softirq_register(enum softirq nr, void (*fn)(void))
{
	handler[nr] = fn;
}

void softirq_raise(uint32_t cpu, enum softirq nr)
{
	struct cpu *c = cpu_by_id(cpu);
	uint32_t old = __atomic_fetch_or(&c->softirq, 1u << nr, __ATOMIC_SEQ_CST);

	/* Who set the bit first sends the kick: the other CPU looks at all bits at once. */
	if (!(old & 1u << nr) && c != this_cpu())
		apic_send_kick(c);
}

/* The lowest pending bit that has a handler, or SOFTIRQ_NR. */
static unsigned int next_pending(const struct cpu *c)
{
	uint32_t bits = __atomic_load_n(&c->softirq, __ATOMIC_ACQUIRE);

	for (unsigned int nr = 0; nr < SOFTIRQ_NR; nr++)
		if (bits & 1u << nr && handler[nr])
			return nr;
	return SOFTIRQ_NR;
}

void softirq_run(void)
{
	struct cpu *c = this_cpu();
	unsigned int nr;

	BUG_ON(cpu_stack_overflowed());
	/* Others set bits; only this CPU clears its own. */
	while ((nr = next_pending(c)) < SOFTIRQ_NR) {
		__atomic_fetch_and(&c->softirq, ~(1u << nr), __ATOMIC_ACQ_REL);
		handler[nr]();
	}
}

bool preempt_check(void)
{
	irq_window();
	return softirq_pending();
}
