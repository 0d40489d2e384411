// SPDX-License-Identifier: Apache-2.0
/*
 * Scheduler and timers: guests come and go while their vCPUs are woken, moved and stolen and their timers set
 * from everywhere. What is gone is not there to be touched.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "cpus.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/irq.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"

#define GUESTS 3
#define VCPUS  3

struct guest {
	struct domain domain;
	struct vcpu vcpu[VCPUS];
	struct vcpu *vcpus[VCPUS];
	bool ends; /* its timers are not to be set any more */
};

static struct guest *guest_of(struct vcpu *v)
{
	return container_of(v->domain, struct guest, domain);
}

static void set_timer(struct vcpu *v)
{
	if (!__atomic_load_n(&guest_of(v)->ends, __ATOMIC_ACQUIRE))
		timer_set(&v->singleshot, now_ns() + rnd(20000));
}

/* Wakes its vCPU, and beats on by itself for a while. */
static void beat(void *arg)
{
	sched_wake(arg, false);
	if (rnd(4))
		set_timer(arg);
}

static void guest_run(struct vcpu *v)
{
	BUG_ON(this_cpu()->current != v || v->cpu != cpu_id());
	for (;;) {
		irq_window();
		softirq_run();
		if (vcpu_must_leave(v))
			return;
		if (!rnd(3))
			set_timer(v);
		if (!rnd(4))
			vcpu_block(v);
	}
}

static bool wakeup_pending(const struct vcpu *v)
{
	(void)v;
	return false;
}

static void guest_switch_out(struct vcpu *v)
{
	(void)v;
}

static const struct guest_ops ops = {
	.run = guest_run,
	.switch_out = guest_switch_out,
	.wakeup_pending = wakeup_pending,
};

static struct guest *guest_start(void)
{
	struct guest *g =
		mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(g, MAP_FAILED);
	g->domain.ops = &ops;
	g->domain.max_vcpus = VCPUS;
	g->domain.vcpus = g->vcpus;
	g->domain.weight = SCHED_DEFAULT_WEIGHT;
	sched_cap_init(&g->domain);
	for (unsigned int i = 0; i < VCPUS; i++) {
		struct vcpu *v = g->vcpus[i] = &g->vcpu[i];

		v->domain = &g->domain;
		v->id = i;
		v->affinity_hard = VCPU_ALL_CPUS;
		list_init(&v->run_link);
		v->runstate.state = RUNSTATE_offline;
		timer_init(&v->singleshot, beat, v);
		sched_wake(v, true);
	}
	return g;
}

static void guest_stop(struct guest *g)
{
	__atomic_fetch_add(&g->domain.pause_count, 1, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < VCPUS; i++)
		sched_hold(g->vcpus[i]);
	__atomic_store_n(&g->ends, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < VCPUS; i++)
		timer_cancel(&g->vcpus[i]->singleshot);
	sched_cap_fini(&g->domain);
	ck_assert_int_eq(mprotect(g, sizeof(*g), PROT_NONE), 0);
}

static void disturb(struct guest *g)
{
	struct vcpu *v = g->vcpus[rnd(VCPUS)];

	switch (rnd(6)) {
	case 0: ck_assert_int_eq(sched_set_affinity(v, 1 + rnd((1u << CPUS) - 1)), 0); break;
	case 1: ck_assert_int_eq(sched_set_cap(&g->domain, rnd(3) * 40), 0); break;
	case 2: set_timer(v); break;
	case 3: sched_reconsider(v); break;
	default: sched_wake(v, false); break;
	}
}

START_TEST(guests_come_and_go)
{
	struct guest *guests[GUESTS];

	machine_start();
	for (unsigned int i = 0; i < GUESTS; i++)
		guests[i] = guest_start();
	for (unsigned int round = 0; round < 30000; round++) {
		struct guest **g = &guests[rnd(GUESTS)];

		for (unsigned int i = rnd(40); i--;)
			disturb(guests[rnd(GUESTS)]);
		guest_stop(*g);
		*g = guest_start();
	}
	for (unsigned int i = 0; i < GUESTS; i++)
		guest_stop(guests[i]);
	machine_stop();
}
END_TEST

TCase *sched_case(void)
{
	TCase *t = tcase_create("scheduler and timers");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, guests_come_and_go);
	return t;
}
