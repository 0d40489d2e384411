// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/irq.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "mm/buddy.h"

#define CPUS_MAX   4
#define GUESTS_MAX 32
#define STACK      (256 * 1024)

uint32_t nr_cpus;
bool machine_is_dirty;

static struct {
	struct cpu cpu;
	ucontext_t context;
	char *stack;
} machine[CPUS_MAX];
static ucontext_t driver;
static uint32_t at; /* the CPU whose code runs */
static uint64_t now;
static bool scrubbed; /* since interrupts were last let in */
static void (*handlers[SOFTIRQ_NR])(void);
static struct guest *guests[GUESTS_MAX];

/* ---- what the scheduler asks of the machine ---- */

struct cpu *this_cpu(void)
{
	return &machine[at].cpu;
}

struct cpu *cpu_by_id(uint32_t id)
{
	ck_assert_uint_lt(id, nr_cpus);
	return &machine[id].cpu;
}

uint64_t now_ns(void)
{
	return now;
}

/* All CPUs look at their work whenever time has passed: kicks and shots need no more. */
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

void apic_eoi(void)
{
}

void irq_register(uint8_t vector, void (*fn)(void))
{
	(void)vector;
	(void)fn;
}

void softirq_register(enum softirq nr, void (*fn)(void))
{
	handlers[nr] = fn;
}

void softirq_raise(uint32_t cpu, enum softirq nr)
{
	machine[cpu].cpu.softirq |= 1u << nr;
}

/* When the CPU's next timer is due. */
static uint64_t timer_next(void)
{
	const struct timer *t = this_cpu()->timer_root;

	return t ? t->when : ~0ULL;
}

void softirq_run(void)
{
	if (timer_next() <= now)
		this_cpu()->softirq |= 1u << SOFTIRQ_TIMER;
	for (unsigned int nr = 0; nr < SOFTIRQ_NR; nr++) {
		if (this_cpu()->softirq >> nr & 1) {
			this_cpu()->softirq &= ~(1u << nr);
			handlers[nr]();
		}
	}
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

static void leave_to_driver(void)
{
	uint32_t cpu = at;

	swapcontext(&machine[cpu].context, &driver);
	at = cpu;
}

bool buddy_scrub_some(void)
{
	ck_assert_msg(!scrubbed, "two blocks are scrubbed with interrupts off all the while");
	scrubbed = machine_is_dirty;
	return machine_is_dirty;
}

void irq_window(void)
{
	scrubbed = false;
	leave_to_driver();
}

void irq_wait(void)
{
	leave_to_driver();
}

/* ---- guests ---- */

static struct behaviour *behaviour_of(struct vcpu *v)
{
	return &container_of(v->domain, struct guest, domain)->does[v->id];
}

static void guest_run(struct vcpu *v)
{
	struct behaviour *b = behaviour_of(v);

	ck_assert_uint_eq(v->cpu, at);
	ck_assert(v->affinity_hard >> at & 1);
	b->turns++;
	if (b->woke) {
		b->longest = max(b->longest, now - b->woke);
		b->woke = 0;
	}
	for (;;) {
		uint64_t entered = now;

		softirq_run();
		if (v->state != VCPU_RUNNING || v->domain->pause_count || this_cpu()->resched)
			return;
		leave_to_driver();
		b->left -= min(b->left, now - entered);
		if (b->sleep && !b->left) {
			b->left = b->busy;
			b->wake_at = now + b->sleep;
			sched_sleep(v, VCPU_BLOCKED);
		}
	}
}

static void guest_switch_out(struct vcpu *v)
{
	(void)v;
}

static const struct guest_ops ops = {.run = guest_run, .switch_out = guest_switch_out};

struct guest *guest_start(unsigned int vcpus, uint64_t busy, uint64_t sleep)
{
	struct guest *g = calloc(1, sizeof(*g));
	unsigned int slot = 0;

	while (guests[slot])
		slot++;
	ck_assert_uint_lt(slot, GUESTS_MAX);
	guests[slot] = g;
	g->domain = (struct domain){.id = (domid_t)slot,
				    .ops = &ops,
				    .max_vcpus = vcpus,
				    .vcpus = g->vcpus,
				    .weight = SCHED_DEFAULT_WEIGHT};
	sched_cap_init(&g->domain);
	for (unsigned int i = 0; i < vcpus; i++) {
		struct vcpu *v = g->vcpus[i] = &g->vcpu[i];

		*v = (struct vcpu){.domain = &g->domain, .id = i, .affinity_hard = VCPU_ALL_CPUS};
		list_init(&v->run_link);
		v->cpu = i % nr_cpus;
		v->runstate.state = RUNSTATE_offline;
		v->runstate.state_entry_time = now;
		g->does[i] = (struct behaviour){.busy = busy, .sleep = sleep, .left = busy};
		sched_wake(v, true);
	}
	return g;
}

void guest_stop(struct guest *g)
{
	g->domain.pause_count++;
	for (unsigned int i = 0; i < g->domain.max_vcpus; i++)
		sched_nudge(g->vcpus[i]);
	machine_run(1);
	for (unsigned int i = 0; i < g->domain.max_vcpus; i++)
		ck_assert(!sched_on_cpu(g->vcpus[i]));
	guests[g->domain.id] = NULL;
	sched_cap_fini(&g->domain);
	ck_assert(!g->domain.cap.unpark.armed);
	memset(g, 0x5a, sizeof(*g)); /* nobody may look at it again */
	free(g);
}

uint64_t vcpu_time(struct vcpu *v)
{
	struct vcpu_runstate_info info;

	sched_get_runstate(v, &info);
	return info.time[RUNSTATE_running];
}

uint64_t guest_time(struct guest *g)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < g->domain.max_vcpus; i++)
		sum += vcpu_time(g->vcpus[i]);
	return sum;
}

int vcpu_on(struct vcpu *v)
{
	return sched_on_cpu(v) ? (int)v->cpu : -1;
}

/* ---- time ---- */

static void cpu_main(void)
{
	sched_start();
}

void machine_start(uint32_t cpus)
{
	nr_cpus = cpus;
	now = MS;
	at = 0;
	machine_is_dirty = false;
	for (uint32_t i = 0; i < cpus; i++)
		machine[i].cpu = (struct cpu){.id = i, .timer_armed = ~0ULL};
	timers_init();
	sched_init();
	for (uint32_t i = 0; i < cpus; i++) {
		machine[i].stack = malloc(STACK);
		getcontext(&machine[i].context);
		machine[i].context.uc_stack.ss_sp = machine[i].stack;
		machine[i].context.uc_stack.ss_size = STACK;
		makecontext(&machine[i].context, cpu_main, 0);
	}
}

void machine_stop(void)
{
	for (unsigned int i = 0; i < GUESTS_MAX; i++)
		if (guests[i])
			guest_stop(guests[i]);
	for (uint32_t i = 0; i < nr_cpus; i++)
		free(machine[i].stack);
}

/* Until nothing is left to do at this moment. */
static void settle(void)
{
	for (int round = 0; round < 3; round++)
		for (uint32_t i = 0; i < nr_cpus; i++) {
			at = i;
			swapcontext(&driver, &machine[i].context);
		}
	at = 0;
}

/* The moment at which something happens next, at most @end. */
static uint64_t next_event(uint64_t end)
{
	for (uint32_t i = 0; i < nr_cpus; i++) {
		struct vcpu *v = machine[i].cpu.current;

		at = i;
		end = min(end, timer_next());
		if (v && behaviour_of(v)->sleep)
			end = min(end, now + behaviour_of(v)->left);
	}
	at = 0;
	for (unsigned int i = 0; i < GUESTS_MAX; i++)
		for (unsigned int n = 0; guests[i] && n < guests[i]->domain.max_vcpus; n++)
			if (guests[i]->does[n].wake_at)
				end = min(end, guests[i]->does[n].wake_at);
	return max(end, now);
}

static void wake_sleepers(void)
{
	for (unsigned int i = 0; i < GUESTS_MAX; i++)
		for (unsigned int n = 0; guests[i] && n < guests[i]->domain.max_vcpus; n++) {
			struct behaviour *b = &guests[i]->does[n];

			if (!b->wake_at || b->wake_at > now)
				continue;
			b->wake_at = 0;
			b->woke = now;
			sched_wake(guests[i]->vcpus[n], false);
		}
}

void machine_run(uint64_t ns)
{
	uint64_t end = now + ns;

	settle();
	while (now < end) {
		now = next_event(end);
		wake_sleepers();
		settle();
	}
}
