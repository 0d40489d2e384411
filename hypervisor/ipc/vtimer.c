// SPDX-License-Identifier: Apache-2.0
/* Per-vCPU timers of the Xen ABI (public vcpu.h, sched.h). */
#include "ipc/vtimer.h"

#include "arch/x86/cpu/clock.h"
#include "ipc/evtchn.h"

static void singleshot_fired(void *arg)
{
	evtchn_virq(arg, VIRQ_TIMER);
}

static void periodic_fired(void *arg)
{
	struct vcpu *v = arg;
	uint64_t period = READ_ONCE(v->period_ns);

	evtchn_virq(v, VIRQ_TIMER);
	if (period)
		timer_set(&v->periodic, now_ns() + period);
}

static void poll_fired(void *arg)
{
	struct vcpu *v = arg;

	evtchn_poll_end(v);
	vcpu_kick(v);
}

int vtimer_init(struct vcpu *v)
{
	timer_init(&v->singleshot, singleshot_fired, v);
	timer_init(&v->periodic, periodic_fired, v);
	timer_init(&v->poll_timer, poll_fired, v);
	return 0;
}

void vtimer_stop(struct vcpu *v)
{
	timer_cancel(&v->singleshot);
	vtimer_stop_periodic(v);
	timer_cancel(&v->poll_timer);
}

void vtimer_set_periodic(struct vcpu *v, uint64_t period_ns)
{
	WRITE_ONCE(v->period_ns, period_ns);
	timer_set(&v->periodic, now_ns() + period_ns);
}

void vtimer_stop_periodic(struct vcpu *v)
{
	/* Twice: the function may have armed the timer again just before it saw the zero. */
	WRITE_ONCE(v->period_ns, 0);
	timer_cancel(&v->periodic);
	timer_cancel(&v->periodic);
}
