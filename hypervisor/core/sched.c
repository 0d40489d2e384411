// SPDX-License-Identifier: Apache-2.0
/*
 * Weighted fair scheduling. Every CPU has a queue of runnable vCPUs in the order of their virtual
 * run time (ns run, scaled by 256/weight); the least is run for a slice, or until it blocks or one
 * with clearly less wakes. A CPU with an empty queue takes from another's; with nothing to take it
 * halts. Where more wait here than elsewhere, whoever's slice is over moves on, so that CPUs are shared
 * as one. There is no periodic tick: the slice timer is armed only while somebody waits, or for a cap.
 */
#include "core/sched.h"

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/irq.h"
#include "core/softirq.h"
#include "core/vcpu.h"
#include "lib/errno.h"
#include "mm/buddy.h"

#define SLICE_NS            5000000ULL /* longest run while others wait */
#define WAKE_GRANULARITY_NS 1000000ULL /* a waker preempts only past this lead */
#define SLEEP_CREDIT_NS     3000000ULL /* most virtual time a sleeper may lag behind */

struct runq {
	struct spinlock lock;
	struct list queue;     /* [lock] runnable vCPUs, ascending vruntime */
	unsigned int waiting;  /* [lock] their number */
	struct vcpu *running;  /* [lock] */
	uint64_t min_vruntime; /* [lock] never goes back */
	bool must_choose;      /* [lock] whoever runs here may no longer, or not as before */
	struct timer slice;
	uint64_t turn_end;   /* when it fires, ~0 = never; this CPU only */
	bool slice_over;     /* this CPU only: and that is why it is to choose again */
	uint64_t idle_ns;    /* this CPU only */
	uint64_t idle_since; /* 0 = not idle; this CPU writes */
};

static struct runq runqs[MAX_CPUS];

/* Pairs with the release when it is handed over: move_to(). */
static uint32_t cpu_of(const struct vcpu *v)
{
	return __atomic_load_n(&v->cpu, __ATOMIC_ACQUIRE);
}

static struct runq *lock_queue_of(struct vcpu *v)
{
	for (;;) {
		uint32_t cpu = cpu_of(v);
		struct runq *rq = &runqs[cpu];

		spin_lock(&rq->lock);
		if (cpu_of(v) == cpu)
			return rq;
		spin_unlock(&rq->lock);
	}
}

static void unlock_queue(struct runq **rq)
{
	spin_unlock(&(*rq)->lock);
}

/* spin_guard() of the queue that @v belongs to, as @rq. */
#define queue_guard(rq, v) struct runq *rq __cleanup(unlock_queue) = lock_queue_of(v)

/* By an administrator or the hypervisor. */
static bool paused(const struct vcpu *v)
{
	const struct domain *d = v->domain;

	return __atomic_load_n(&d->pause_count, __ATOMIC_SEQ_CST) || d->controller_paused ||
	       d->shutting_down;
}

static bool held(const struct vcpu *v)
{
	return __atomic_load_n(&v->domain->cap.parked, __ATOMIC_SEQ_CST) || paused(v);
}

static bool queued(const struct vcpu *v)
{
	return !list_empty(&v->run_link);
}

/*
 * Whether @v is to be queued: runnable, and neither that already nor on a CPU nor on its way to another nor
 * held. [lock] of @rq, its queue.
 */
static bool waits(const struct runq *rq, const struct vcpu *v)
{
	return v->state == VCPU_RUNNABLE && !queued(v) && !v->moving && rq->running != v &&
	       !held(v);
}

/* Run states follow every change of v->state; under the lock of its queue. */
static void account(struct vcpu *v, uint32_t runstate)
{
	uint64_t now = now_ns();
	struct vcpu_runstate_info *r = &v->runstate;

	r->time[r->state] += now - r->state_entry_time;
	r->state = (int)runstate;
	r->state_entry_time = now;
}

/* vcpu.h: a pause is "offline"; time a cap or others took is "runnable", stolen in the guest's eyes. */
static void account_waiting(struct vcpu *v)
{
	account(v, paused(v) ? RUNSTATE_offline : RUNSTATE_runnable);
}

static void enqueue(struct runq *rq, struct vcpu *v)
{
	struct vcpu *at;

	list_for_each_entry(at, &rq->queue, run_link) {
		if (at->vruntime > v->vruntime)
			break;
	}
	list_add_tail(&at->run_link, &v->run_link);
	rq->waiting++;
}

static void dequeue(struct runq *rq, struct vcpu *v)
{
	list_del(&v->run_link);
	rq->waiting--;
}

static void kick_cpu(uint32_t cpu)
{
	softirq_raise(cpu, SOFTIRQ_SCHED);
}

/* Have @v leave the other CPU it may be on. [lock] of @rq, its queue. */
static void force_exit(const struct runq *rq, const struct vcpu *v)
{
	if (rq->running == v && v->cpu != cpu_id())
		apic_send_kick(cpu_by_id(v->cpu));
}

static bool allowed(const struct vcpu *v, uint32_t cpu)
{
	return v->affinity_hard >> cpu & 1;
}

static unsigned int load_of(uint32_t cpu)
{
	return runqs[cpu].waiting + (runqs[cpu].running != NULL);
}

/* Where @v should be queued: where it may and fewest are; its own CPU counts as having @bias less. */
static uint32_t choose_cpu(const struct vcpu *v, int bias)
{
	int least = INT32_MAX;
	uint32_t best = v->cpu;

	for (uint32_t i = 0; i < nr_cpus; i++) {
		uint32_t cpu = (v->cpu + i) % nr_cpus;
		int load = (int)load_of(cpu) * 2 - (i ? 0 : bias);

		if (allowed(v, cpu) && load < least) {
			least = load;
			best = cpu;
		}
	}
	return best;
}

static uint64_t weighted(const struct vcpu *v, uint64_t ns)
{
	return ns * SCHED_DEFAULT_WEIGHT / v->domain->weight;
}

/* Virtual run time of @v by now, the part of the present run counted in. */
static uint64_t vruntime_now(const struct vcpu *v, const struct runq *rq)
{
	if (rq->running != v)
		return v->vruntime;
	return v->vruntime + weighted(v, now_ns() - v->run_since);
}

/* The queue's clock follows whoever is furthest behind, the running vCPU included. */
static void advance_clock(struct runq *rq)
{
	uint64_t least = ~0ULL;

	if (rq->running)
		least = vruntime_now(rq->running, rq);
	if (!list_empty(&rq->queue))
		least = min(least, list_first_entry(&rq->queue, struct vcpu, run_link)->vruntime);
	if (least != ~0ULL && least > rq->min_vruntime)
		rq->min_vruntime = least;
}

/* A sleeper keeps at most a small credit, so that it neither starves nor floods the others. */
static void place(struct runq *rq, struct vcpu *v)
{
	uint64_t floor;

	advance_clock(rq);
	floor = rq->min_vruntime > SLEEP_CREDIT_NS ? rq->min_vruntime - SLEEP_CREDIT_NS : 0;
	if (v->vruntime < floor)
		v->vruntime = floor;
}

/* How far @v is ahead of those on @rq: what it takes along when it leaves. */
static uint64_t lead_of(struct runq *rq, const struct vcpu *v)
{
	advance_clock(rq);
	return v->vruntime > rq->min_vruntime ? v->vruntime - rq->min_vruntime : 0;
}

/*
 * Make @v, in no queue, that of @cpu: from here on it is in the hands of the other queue's lock, which whoever
 * moves it is still to take. The lock of its present queue is held.
 */
static void move_to(struct vcpu *v, uint32_t cpu)
{
	v->moving = true;
	__atomic_store_n(&v->cpu, cpu, __ATOMIC_RELEASE);
}

/* Queue @v, which waits, on @cpu. The lock of its queue @rq is held, then that of the queue @rq becomes. */
static void queue_on(struct runq **rq, struct vcpu *v, uint32_t cpu)
{
	while (v->cpu != cpu) {
		uint64_t lead = lead_of(*rq, v);

		move_to(v, cpu);
		spin_unlock(&(*rq)->lock);
		*rq = lock_queue_of(v);
		v->moving = false;
		/* Meanwhile it may have been held, or pinned to other CPUs. */
		if (!waits(*rq, v))
			return;
		advance_clock(*rq);
		v->vruntime = (*rq)->min_vruntime + lead;
		cpu = allowed(v, cpu) ? cpu : choose_cpu(v, 0);
	}
	place(*rq, v);
	enqueue(*rq, v);
	if (!(*rq)->running || list_first_entry(&(*rq)->queue, struct vcpu, run_link) == v)
		kick_cpu(v->cpu);
}

/* queue_on() where it is best off, if it waits. */
static void settle(struct runq **rq, struct vcpu *v)
{
	if (waits(*rq, v))
		queue_on(rq, v, choose_cpu(v, 0));
}

void sched_wake(struct vcpu *v, bool from_down)
{
	queue_guard(rq, v);

	if (v->state != VCPU_BLOCKED && !(from_down && v->state == VCPU_DOWN)) {
		force_exit(rq, v);
	} else if (rq->running == v) { /* on its way out: it need not go */
		v->state = VCPU_RUNNING;
		account(v, RUNSTATE_running);
	} else {
		v->state = VCPU_RUNNABLE;
		account_waiting(v);
		settle(&rq, v);
	}
}

void sched_sleep(struct vcpu *v, unsigned int state)
{
	queue_guard(rq, v);

	v->state = (enum vcpu_state)state;
	account(v, state == VCPU_DOWN ? RUNSTATE_offline : RUNSTATE_blocked);
}

void sched_nudge(struct vcpu *v)
{
	queue_guard(rq, v);

	if (queued(v))
		dequeue(rq, v);
	if (v->state == VCPU_RUNNABLE)
		account_waiting(v);
	force_exit(rq, v);
}

bool sched_on_cpu(struct vcpu *v)
{
	queue_guard(rq, v);
	return rq->running == v || v->moving;
}

void sched_hold(struct vcpu *v)
{
	sched_nudge(v);
	if (v == vcpu_current())
		return;
	while (sched_on_cpu(v))
		cpu_relax();
}

void sched_release(struct vcpu *v)
{
	queue_guard(rq, v);

	if (waits(rq, v)) {
		account_waiting(v);
		queue_on(&rq, v, choose_cpu(v, 0));
	}
}

bool sched_others_wait(void)
{
	return READ_ONCE(runqs[cpu_id()].waiting);
}

/* The queue's lock is held: should @v run, its CPU looks anew who may. */
static void choose_again(struct runq *rq, const struct vcpu *v)
{
	if (rq->running != v)
		return;
	rq->must_choose = true;
	kick_cpu(v->cpu);
}

int sched_set_affinity(struct vcpu *v, uint64_t hard)
{
	uint64_t online = nr_cpus == 64 ? ~0ULL : (1ULL << nr_cpus) - 1;

	if (!(hard & online))
		return -EINVAL;
	queue_guard(rq, v);
	v->affinity_hard = hard;
	if (queued(v)) {
		dequeue(rq, v);
		settle(&rq, v);
	} else if (!allowed(v, v->cpu)) {
		choose_again(rq, v);
	}
	return 0;
}

void sched_reconsider(struct vcpu *v)
{
	queue_guard(rq, v);

	choose_again(rq, v);
}

void sched_get_runstate(struct vcpu *v, struct vcpu_runstate_info *info)
{
	queue_guard(rq, v);

	*info = v->runstate;
	info->time[info->state] += now_ns() - info->state_entry_time;
}

int sched_set_weight(struct domain *d, uint32_t weight)
{
	if (!weight || weight > SCHED_MAX_WEIGHT)
		return -EINVAL;
	__atomic_store_n(&d->weight, weight, __ATOMIC_RELAXED);
	return 0;
}

uint64_t sched_idle_time(uint32_t cpu)
{
	uint64_t since = __atomic_load_n(&runqs[cpu].idle_since, __ATOMIC_RELAXED);

	return runqs[cpu].idle_ns + (since ? now_ns() - since : 0);
}

/* ---- the loop ---- */

static void slice_over(void *arg)
{
	(void)arg;
	this_cpu()->resched = true;
	runqs[cpu_id()].slice_over = true;
}

/* Whoever runs here has until @when, ~0 = for ever. Context: this CPU's queue is locked. */
static void end_turn_at(struct runq *rq, uint64_t when)
{
	rq->turn_end = when;
	if (when != ~0ULL)
		timer_set(&rq->slice, when);
}

/*
 * Somebody waits here, or the one who runs may not: choose again, now or when the first in the
 * queue is far enough behind. A moment more, and a domain that wakes another with every completion
 * has finished several.
 */
static void sched_softirq(void)
{
	struct runq *rq = &runqs[cpu_id()];
	uint64_t when;
	struct vcpu *v;
	int64_t short_of;

	spin_guard(&rq->lock);
	v = rq->running;
	if (!v || rq->must_choose) {
		this_cpu()->resched = true;
		return;
	}
	if (!rq->waiting)
		return;
	short_of = (int64_t)(list_first_entry(&rq->queue, struct vcpu, run_link)->vruntime +
			     WAKE_GRANULARITY_NS - vruntime_now(v, rq));
	if (short_of <= 0) {
		this_cpu()->resched = true;
		return;
	}
	when = (uint64_t)short_of * v->domain->weight / SCHED_DEFAULT_WEIGHT;
	when = now_ns() + min(when, SLICE_NS);
	if (when < rq->turn_end)
		end_turn_at(rq, when);
}

/* Take off @rq one vCPU that may run on @self, and make it @self's. */
static struct vcpu *steal_from(struct runq *rq, uint32_t self)
{
	struct vcpu *v;

	spin_guard(&rq->lock);
	list_for_each_entry(v, &rq->queue, run_link) {
		if (allowed(v, self)) {
			dequeue(rq, v);
			v->vruntime = runqs[self].min_vruntime + lead_of(rq, v);
			move_to(v, self);
			return v;
		}
	}
	return NULL;
}

/* Queue here one vCPU that waits elsewhere. */
static void steal(uint32_t self)
{
	struct vcpu *v = NULL;

	for (uint32_t i = 1; i < nr_cpus && !v; i++) {
		struct runq *rq = &runqs[(self + i) % nr_cpus];

		v = rq->waiting ? steal_from(rq, self) : NULL;
	}
	if (!v)
		return;
	queue_guard(rq, v);
	v->moving = false;
	/* Meanwhile it may have been held, or pinned to other CPUs. */
	if (allowed(v, self) && waits(rq, v))
		enqueue(rq, v);
	else
		settle(&rq, v);
}

/* The first of the queue whose domain has time left; the others go to wait for their cap's timer. */
static struct vcpu *first_with_time(struct runq *rq, uint64_t now, uint64_t *time)
{
	while (!list_empty(&rq->queue)) {
		struct vcpu *v = list_first_entry(&rq->queue, struct vcpu, run_link);

		dequeue(rq, v);
		*time = sched_cap_take(v, now);
		if (*time)
			return v;
	}
	return NULL;
}

/* The next vCPU for this CPU, marked running, or NULL. */
static struct vcpu *pick(uint32_t self)
{
	struct runq *rq = &runqs[self];
	uint64_t now, time;
	struct vcpu *v;

	if (!rq->waiting)
		steal(self);
	spin_guard(&rq->lock);
	this_cpu()->resched = rq->slice_over = rq->must_choose = false;
	now = now_ns();
	v = first_with_time(rq, now, &time);
	if (v) {
		v->state = VCPU_RUNNING;
		v->run_since = now;
		account(v, RUNSTATE_running);
		if (v->vruntime > rq->min_vruntime)
			rq->min_vruntime = v->vruntime;
		if (rq->waiting)
			time = min(time, SLICE_NS);
		end_turn_at(rq, time == ~0ULL ? time : now + time);
	}
	rq->running = v;
	return v;
}

/* @v has left the CPU; its state says why. */
static void put(struct vcpu *v)
{
	bool turn_over;
	uint64_t ran;
	uint32_t cpu;

	queue_guard(rq, v);
	advance_clock(rq);
	ran = now_ns() - v->run_since;
	v->cpu_time += ran;
	v->vruntime += weighted(v, ran);
	sched_cap_charge(v, ran);
	rq->running = NULL;
	if (v->state == VCPU_RUNNING) {
		v->state = VCPU_RUNNABLE;
		account_waiting(v);
	}
	if (!waits(rq, v))
		return;
	turn_over = rq->slice_over && rq->waiting;
	cpu = choose_cpu(v, turn_over ? -1 : 0);
	if (cpu == v->cpu) {
		enqueue(rq, v);
		return;
	}
	if (turn_over) { /* it has had its turn: behind those over there */
		advance_clock(rq);
		v->vruntime = max(v->vruntime, rq->min_vruntime + weighted(v, SLICE_NS));
	}
	queue_on(&rq, v, cpu);
}

static void idle(struct runq *rq)
{
	uint64_t start = now_ns();

	rq->idle_since = start;
	/* Interrupts are off: what comes after this look ends the halt at once. */
	if (!softirq_pending()) {
		if (buddy_scrub_some())
			irq_window();
		else
			irq_wait();
	}
	rq->idle_since = 0;
	rq->idle_ns += now_ns() - start;
}

static void run(struct vcpu *v)
{
	this_cpu()->current = v;
	vcpu_update_areas(v);
	v->domain->ops->run(v);
	v->domain->ops->switch_out(v);
	this_cpu()->current = NULL;
}

void sched_start(void)
{
	struct runq *rq = &runqs[cpu_id()];

	for (;;) {
		struct vcpu *v;

		softirq_run();
		v = cpu_id() < nr_cpus ? pick(cpu_id()) : NULL;
		if (!v) {
			idle(rq);
			continue;
		}
		run(v);
		timer_cancel(&rq->slice);
		put(v);
	}
}

void sched_init(void)
{
	for (unsigned int cpu = 0; cpu < MAX_CPUS; cpu++) {
		list_init(&runqs[cpu].queue);
		timer_init(&runqs[cpu].slice, slice_over, NULL);
	}
	softirq_register(SOFTIRQ_SCHED, sched_softirq);
}
