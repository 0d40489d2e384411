/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timer.h"

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/irq.h"
#include "core/softirq.h"
#include "lib/spinlock.h"

#define NEVER (~0ULL)

/* A CPU's timers: a pairing heap by `when`, its root in struct cpu. */
static struct queue {
	struct spinlock lock;  /* a leaf lock; guards heap and fields of its timers */
	struct timer *running; /* whose function runs now, or NULL */
} queues[MAX_CPUS];

/* Join two heaps; either may be empty. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->when < a->when) {
		struct timer *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* Join the siblings that start at @first: in pairs from left to right, then all from the right. */
static struct timer *meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *all = NULL;

	while (first) {
		struct timer *a = first, *b = a->next;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		all = meld(all, a);
	}
	return all;
}

static void heap_remove(struct timer **root, struct timer *t)
{
	struct timer *below = meld_siblings(t->child);

	if (t == *root) {
		*root = below;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		*root = meld(*root, below);
	}
	if (*root)
		(*root)->prev = (*root)->next = NULL;
	t->child = t->next = t->prev = NULL;
}

/* Set this CPU's hardware timer for the earliest of its timers, when that has changed. */
static void program(struct cpu *c)
{
	uint64_t when = c->timer_root ? c->timer_root->when : NEVER;
	uint64_t now;

	if (when == c->timer_armed)
		return;
	c->timer_armed = when;
	if (when == NEVER) {
		apic_timer_stop();
		return;
	}
	now = now_ns();
	apic_timer_arm(when > now ? when - now : 0);
}

/* Pairs with the release when it is handed over. */
static uint32_t cpu_of(const struct timer *t)
{
	return __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);
}

/* Lock the queue that @t is in, or was in last. */
static struct queue *lock_queue_of(struct timer *t)
{
	for (;;) {
		uint32_t cpu = cpu_of(t);

		spin_lock(&queues[cpu].lock);
		if (cpu_of(t) == cpu)
			return &queues[cpu];
		spin_unlock(&queues[cpu].lock);
	}
}

/* Context: its queue is locked. */
static void disarm(struct timer *t)
{
	if (t->armed)
		heap_remove(&cpu_by_id(t->cpu)->timer_root, t);
	t->armed = false;
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){.fn = fn, .arg = arg, .cpu = cpu_id()};
}

void timer_set(struct timer *t, uint64_t when)
{
	struct queue *old = lock_queue_of(t);
	struct cpu *c = this_cpu();

	disarm(t);
	/* From here on it is in the hands of our queue's lock. */
	__atomic_store_n(&t->cpu, c->id, __ATOMIC_RELEASE);
	spin_unlock(&old->lock);

	spin_guard(&queues[c->id].lock);
	if (cpu_of(t) != c->id)
		return; /* another CPU sets it as well, and came later */
	t->when = when;
	t->armed = true;
	c->timer_root = meld(c->timer_root, t);
	program(c);
}

static bool runs_on(const struct timer *t, uint32_t cpu)
{
	return cpu != cpu_id() && __atomic_load_n(&queues[cpu].running, __ATOMIC_ACQUIRE) == t;
}

/* Whether @t's function runs on a CPU other than this one. */
static bool runs_elsewhere(const struct timer *t)
{
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		if (runs_on(t, cpu))
			return true;
	return runs_on(t, SPARE_CPU);
}

void timer_cancel(struct timer *t)
{
	bool runs;

	/* Running elsewhere it may arm itself once more: what counts is that it neither waits nor runs at one moment. */
	do {
		struct queue *q = lock_queue_of(t);

		disarm(t);
		runs = runs_elsewhere(t);
		spin_unlock(&q->lock);
	} while (runs);
}

static void timer_softirq(void)
{
	struct cpu *c = this_cpu();
	struct queue *q = &queues[c->id];
	struct timer *t;

	spin_lock(&q->lock);
	while ((t = c->timer_root) && t->when <= now_ns()) {
		heap_remove(&c->timer_root, t);
		t->armed = false;
		__atomic_store_n(&q->running, t, __ATOMIC_RELEASE);
		spin_unlock(&q->lock);
		t->fn(t->arg);
		spin_lock(&q->lock);
		__atomic_store_n(&q->running, NULL, __ATOMIC_RELEASE);
	}
	c->timer_armed = NEVER - 1; /* the shot is spent: program() must not take it as set */
	program(c);
	spin_unlock(&q->lock);
}

static void timer_interrupt(void)
{
	softirq_raise(cpu_id(), SOFTIRQ_TIMER);
}

void timers_init(void)
{
	softirq_register(SOFTIRQ_TIMER, timer_softirq);
	irq_register(IRQ_TIMER, timer_interrupt);
}
