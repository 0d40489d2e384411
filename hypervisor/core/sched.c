// SPDX-License-Identifier: Apache-2.0
/*
 * Weighted fair scheduling. Every CPU has a queue of runnable vCPUs in the order of their virtual
 * run time (ns run, scaled by 256/weight); the least is run for a slice, or until it blocks or one
 * with clearly less wakes. A CPU with an empty queue takes from the fullest; with nothing to take it
 * halts. There is no periodic tick: the slice timer is armed only while somebody waits.
 */
#include "core/sched.h"

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/idle.h"
#include "arch/x86/cpu/irq.h"
#include "core/domain.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/vcpu.h"
#include "lib/errno.h"

#define SLICE_NS            5000000ULL /* longest run while others wait */
#define WAKE_GRANULARITY_NS 1000000ULL /* a waker preempts only past this lead */
#define SLEEP_CREDIT_NS     3000000ULL /* most virtual time a sleeper may lag behind */

struct runq {
	struct spinlock lock;
	struct list queue;     /* [lock] runnable vCPUs, ascending vruntime */
	unsigned int waiting;  /* [lock] their number */
	struct vcpu *running;  /* [lock] */
	uint64_t min_vruntime; /* [lock] never goes back */
	struct timer slice;
	bool resched;        /* this CPU only */
	uint64_t idle_ns;    /* this CPU only */
	uint64_t idle_since; /* 0 = not idle; this CPU writes */
};

static struct runq runqs[MAX_CPUS];

static struct runq *lock_queue_of(struct vcpu *v)
{
	for (;;) {
		uint32_t cpu = __atomic_load_n(&v->cpu, __ATOMIC_RELAXED);
		struct runq *rq = &runqs[cpu];

		spin_lock(&rq->lock);
		if (v->cpu == cpu)
			return rq;
		spin_unlock(&rq->lock);
	}
}

static bool held(const struct vcpu *v)
{
	const struct domain *d = v->domain;

	return __atomic_load_n(&v->pause_count, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&d->pause_count, __ATOMIC_SEQ_CST) || d->controller_paused ||
	       d->shutting_down;
}

static bool queued(const struct vcpu *v)
{
	return !list_empty(&v->run_link);
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

/* Where a waking @v should run: its own CPU if that idles, else any idle one it may use, else stay. */
static uint32_t choose_cpu(const struct vcpu *v)
{
	uint64_t allowed = v->affinity_hard;
	uint32_t first = MAX_CPUS;

	if ((allowed >> v->cpu & 1) && !runqs[v->cpu].running && !runqs[v->cpu].waiting)
		return v->cpu;
	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++) {
		if (!(allowed >> cpu & 1))
			continue;
		if (first == MAX_CPUS)
			first = cpu;
		if (!runqs[cpu].running && !runqs[cpu].waiting)
			return cpu;
	}
	return (allowed >> v->cpu & 1) || first == MAX_CPUS ? v->cpu : first;
}

/* Virtual run time of @v by now, the part of the present run counted in. */
static uint64_t vruntime_now(const struct vcpu *v, const struct runq *rq)
{
	if (rq->running != v)
		return v->vruntime;
	return v->vruntime + (now_ns() - v->run_since) * SCHED_DEFAULT_WEIGHT / v->domain->weight;
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

/* The queue's lock is held and dropped. @v is runnable, not queued, not on a CPU, not held. */
static void queue_somewhere(struct runq *rq, struct vcpu *v)
{
	uint32_t cpu = choose_cpu(v);
	struct vcpu *rival;

	if (&runqs[cpu] != rq) {
		uint64_t old_min = rq->min_vruntime;
		uint64_t lead = v->vruntime > old_min ? v->vruntime - old_min : 0;

		v->cpu = cpu;
		spin_unlock(&rq->lock);
		rq = &runqs[cpu];
		spin_lock(&rq->lock);
		/* Meanwhile it may have been moved, held or queued by somebody else. */
		if (v->cpu != cpu || queued(v) || v->state != VCPU_RUNNABLE || held(v) ||
		    rq->running == v) {
			spin_unlock(&rq->lock);
			return;
		}
		v->vruntime = rq->min_vruntime + lead;
	}
	place(rq, v);
	enqueue(rq, v);
	rival = rq->running;
	if (!rival || v->vruntime + WAKE_GRANULARITY_NS < vruntime_now(rival, rq) ||
	    rq->waiting == 1)
		kick_cpu(cpu);
	spin_unlock(&rq->lock);
}

void sched_wake(struct vcpu *v, bool from_down)
{
	struct runq *rq = lock_queue_of(v);

	if (v->state != VCPU_BLOCKED && !(from_down && v->state == VCPU_DOWN)) {
		uint32_t cpu = v->cpu;
		bool remote = rq->running == v && cpu != cpu_id();

		spin_unlock(&rq->lock);
		if (remote)
			apic_send_kick(cpu_by_id(cpu));
		return;
	}
	if (rq->running == v) { /* on its way out: it need not go */
		v->state = VCPU_RUNNING;
		account(v, RUNSTATE_running);
		spin_unlock(&rq->lock);
		return;
	}
	v->state = VCPU_RUNNABLE;
	account(v, RUNSTATE_runnable);
	if (held(v)) {
		spin_unlock(&rq->lock);
		return;
	}
	queue_somewhere(rq, v);
}

void sched_sleep(struct vcpu *v, unsigned int state)
{
	struct runq *rq = lock_queue_of(v);

	v->state = (enum vcpu_state)state;
	account(v, state == VCPU_DOWN ? RUNSTATE_offline : RUNSTATE_blocked);
	spin_unlock(&rq->lock);
}

void sched_nudge(struct vcpu *v)
{
	struct runq *rq = lock_queue_of(v);
	uint32_t cpu = v->cpu;

	if (queued(v))
		dequeue(rq, v);
	if (rq->running == v && cpu != cpu_id())
		apic_send_kick(cpu_by_id(cpu));
	spin_unlock(&rq->lock);
}

bool sched_on_cpu(const struct vcpu *v)
{
	uint32_t cpu = __atomic_load_n(&v->cpu, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&runqs[cpu].running, __ATOMIC_ACQUIRE) == v;
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
	struct runq *rq = lock_queue_of(v);

	if (v->state == VCPU_RUNNABLE && !queued(v) && rq->running != v && !held(v))
		queue_somewhere(rq, v);
	else
		spin_unlock(&rq->lock);
}

bool sched_resched_due(void)
{
	return runqs[cpu_id()].resched;
}

int sched_set_affinity(struct vcpu *v, uint64_t hard)
{
	uint64_t online = nr_cpus == 64 ? ~0ULL : (1ULL << nr_cpus) - 1;
	struct runq *rq;
	bool move;

	if (!(hard & online))
		return -EINVAL;
	rq = lock_queue_of(v);
	v->affinity_hard = hard;
	move = !(hard >> v->cpu & 1);
	if (move && queued(v)) {
		dequeue(rq, v);
		queue_somewhere(rq, v);
		return 0;
	}
	if (move && rq->running == v)
		kick_cpu(v->cpu);
	spin_unlock(&rq->lock);
	return 0;
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
	runqs[cpu_id()].resched = true;
}

static void sched_softirq(void)
{
	runqs[cpu_id()].resched = true;
}

/* Take one vCPU from the CPU with most waiting. */
static struct vcpu *steal(uint32_t self)
{
	struct runq *busiest = NULL;
	struct vcpu *v, *found = NULL;

	for (uint32_t cpu = 0; cpu < nr_cpus; cpu++)
		if (cpu != self && runqs[cpu].waiting &&
		    (!busiest || runqs[cpu].waiting > busiest->waiting))
			busiest = &runqs[cpu];
	if (!busiest)
		return NULL;
	spin_lock(&busiest->lock);
	list_for_each_entry(v, &busiest->queue, run_link) {
		if (v->affinity_hard >> self & 1) {
			found = v;
			break;
		}
	}
	if (found) {
		uint64_t lead = found->vruntime > busiest->min_vruntime ?
					found->vruntime - busiest->min_vruntime :
					0;

		dequeue(busiest, found);
		found->cpu = self;
		found->vruntime = runqs[self].min_vruntime + lead;
	}
	spin_unlock(&busiest->lock);
	return found;
}

/* The next vCPU for this CPU, marked running, or NULL. */
static struct vcpu *pick(uint32_t self)
{
	struct runq *rq = &runqs[self];
	struct vcpu *v = NULL, *stolen = NULL;

	if (!rq->waiting)
		stolen = steal(self);
	spin_lock(&rq->lock);
	rq->resched = false;
	if (stolen && stolen->cpu == self && stolen->state == VCPU_RUNNABLE && !queued(stolen) &&
	    !held(stolen))
		enqueue(rq, stolen);
	if (!list_empty(&rq->queue)) {
		v = list_first_entry(&rq->queue, struct vcpu, run_link);
		dequeue(rq, v);
		v->state = VCPU_RUNNING;
		v->run_since = now_ns();
		account(v, RUNSTATE_running);
		if (v->vruntime > rq->min_vruntime)
			rq->min_vruntime = v->vruntime;
		if (rq->waiting)
			timer_set(&rq->slice, v->run_since + SLICE_NS);
	}
	__atomic_store_n(&rq->running, v, __ATOMIC_RELEASE);
	spin_unlock(&rq->lock);
	return v;
}

/* @v has left the CPU; its state says why. */
static void put(struct runq *rq, struct vcpu *v)
{
	uint64_t ran;

	spin_lock(&rq->lock);
	ran = now_ns() - v->run_since;
	v->cpu_time += ran;
	v->vruntime += ran * SCHED_DEFAULT_WEIGHT / v->domain->weight;
	__atomic_store_n(&rq->running, NULL, __ATOMIC_RELEASE);
	if (v->state == VCPU_RUNNING) {
		v->state = VCPU_RUNNABLE;
		account(v, RUNSTATE_runnable);
	}
	if (v->state == VCPU_RUNNABLE && !held(v)) {
		if (v->affinity_hard >> v->cpu & 1) {
			enqueue(rq, v);
		} else {
			queue_somewhere(rq, v);
			return;
		}
	}
	spin_unlock(&rq->lock);
}

static void idle(struct runq *rq)
{
	uint64_t start = now_ns();

	rq->idle_since = start;
	/* Interrupts are off: what comes after this look ends the halt at once. */
	if (!softirq_pending())
		irq_wait();
	rq->idle_since = 0;
	rq->idle_ns += now_ns() - start;
}

static void run(struct vcpu *v)
{
	this_cpu()->current = v;
	vcpu_update_runstate(v);
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
		v = pick(cpu_id());
		if (!v) {
			idle(rq);
			continue;
		}
		run(v);
		timer_cancel(&rq->slice);
		put(rq, v);
	}
}

void sched_init(void)
{
	for (unsigned int cpu = 0; cpu < MAX_CPUS; cpu++) {
		spin_init(&runqs[cpu].lock);
		list_init(&runqs[cpu].queue);
		timer_init(&runqs[cpu].slice, slice_over, NULL);
	}
	softirq_register(SOFTIRQ_SCHED, sched_softirq);
}
