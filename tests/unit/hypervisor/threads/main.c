// SPDX-License-Identifier: Apache-2.0
/*
 * Scheduler and timers where CPUs are threads: guests come and go while their vCPUs are woken, moved and
 * stolen and their timers set from everywhere. What is gone is not there to be touched.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/irq.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/vcpu.h"
#include "mm/buddy.h"

#define CPUS   3
#define GUESTS 3
#define VCPUS  3

struct guest {
	struct domain domain;
	struct vcpu vcpu[VCPUS];
	struct vcpu *vcpus[VCPUS];
	bool ends; /* its timers are not to be set any more */
};

uint32_t nr_cpus = CPUS;

static struct cpu cpus[MAX_CPUS];
static pthread_t threads[CPUS];
static __thread uint32_t self, seed;
static bool over;

/* ---- the machine ---- */

struct cpu *this_cpu(void)
{
	return &cpus[self];
}

struct cpu *cpu_by_id(uint32_t id)
{
	return &cpus[id];
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Every thread looks at its work all the time: kicks and shots need no more. */
void apic_send_kick(const struct cpu *c)
{
	(void)c;
}

void apic_timer_arm(uint64_t delta_ns)
{
	(void)delta_ns;
}

void apic_timer_stop(void)
{
}

void irq_register(uint8_t vector, void (*fn)(void))
{
	(void)vector;
	(void)fn;
}

void irq_window(void)
{
	softirq_raise(self, SOFTIRQ_TIMER);
}

void irq_wait(void)
{
	if (__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		pthread_exit(NULL);
	sched_yield();
	irq_window();
}

bool cpu_stack_overflowed(void)
{
	return false;
}

bool buddy_scrub_some(void)
{
	return false;
}

struct vcpu *vcpu_current(void)
{
	return this_cpu()->current;
}

void vcpu_update_areas(struct vcpu *v)
{
	(void)v;
}

void __noreturn bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

/* Marsaglia's xorshift, a thread's own. */
static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

void maybe_yield(void)
{
	if (!rnd(16))
		sched_yield();
}

static void *cpu_main(void *id)
{
	self = (uint32_t)(uintptr_t)id;
	seed = self + 1;
	sched_start();
}

static void machine_start(void)
{
	for (uint32_t i = 0; i < MAX_CPUS; i++)
		cpus[i] = (struct cpu){.id = i, .timer_armed = ~0ULL};
	self = SPARE_CPU; /* the test's own thread runs no guests */
	seed = SPARE_CPU;
	timers_init();
	sched_init();
	for (uintptr_t i = 0; i < CPUS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, cpu_main, (void *)i), 0);
}

static void machine_stop(void)
{
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < CPUS; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < MAX_CPUS; i++)
		ck_assert_ptr_null(cpus[i].timer_root);
}

/* ---- guests ---- */

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
	if (this_cpu()->current != v || v->cpu != self)
		abort();
	for (;;) {
		irq_window();
		softirq_run();
		if (vcpu_must_leave(v))
			return;
		if (!rnd(3))
			set_timer(v);
		if (!rnd(4))
			vcpu_block(v);
		maybe_yield();
	}
}

void vcpu_block(struct vcpu *v)
{
	sched_sleep(v, VCPU_BLOCKED);
}

static void guest_switch_out(struct vcpu *v)
{
	(void)v;
}

static const struct guest_ops ops = {.run = guest_run, .switch_out = guest_switch_out};

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

int main(void)
{
	Suite *s = suite_create("threads");
	TCase *t = tcase_create("threads");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 240);
	tcase_add_test(t, guests_come_and_go);
	suite_add_tcase(s, t);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
