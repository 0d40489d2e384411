// SPDX-License-Identifier: Apache-2.0
/* The local APIC's timer: one-shot and periodic, over a bus clock of 1 GHz (1 tick = 1 ns). */
#include "vdev/vlapic_private.h"

#include "arch/x86/cpu/clock.h"

/* A guest may not keep the host busy with a faster periodic timer than this. */
#define MIN_PERIOD_NS 100000ULL

/* Divide configuration: bits 0, 1 and 3 hold log2(divisor) - 1, and 7 means 1 (APM vol. 2, 16.4.1). */
static uint64_t divisor(const struct vlapic *l)
{
	uint32_t field = (l->timer_divide & 3) | (l->timer_divide >> 1 & 4);

	return 1ULL << ((field + 1) & 7);
}

static uint64_t length_ns(const struct vlapic *l)
{
	return l->timer_initial * divisor(l);
}

static bool periodic(const struct vlapic *l)
{
	return l->lvt[LVT_TIMER] & APIC_LVT_PERIODIC;
}

static uint64_t period_ns(const struct vlapic *l)
{
	return max(length_ns(l), (uint64_t)MIN_PERIOD_NS);
}

static void fire(void *arg)
{
	struct vlapic *l = arg;
	uint32_t lvt = __atomic_load_n(&l->lvt[LVT_TIMER], __ATOMIC_RELAXED);

	if (!(lvt & APIC_LVT_MASKED))
		vlapic_set_irq(l->v, (uint8_t)lvt, false);
	if ((lvt & APIC_LVT_PERIODIC) && l->timer_initial) {
		uint64_t now = now_ns(), period = period_ns(l);

		/* Ticks missed while the vCPU was away are not made up for. */
		l->timer_start += (now - l->timer_start) / period * period;
		timer_set(&l->timer, l->timer_start + period);
	}
}

void vlapic_timer_init(struct vlapic *l)
{
	timer_init(&l->timer, fire, l);
}

void vlapic_timer_stop(struct vlapic *l)
{
	timer_cancel(&l->timer);
	l->timer_initial = 0;
}

static void start(struct vlapic *l)
{
	timer_cancel(&l->timer);
	if (!l->timer_initial)
		return;
	l->timer_start = now_ns();
	timer_set(&l->timer, l->timer_start + (periodic(l) ? period_ns(l) : length_ns(l)));
}

void vlapic_timer_set_count(struct vlapic *l, uint32_t count)
{
	l->timer_initial = count;
	start(l);
}

void vlapic_timer_set_divide(struct vlapic *l, uint32_t value)
{
	l->timer_divide = value & 0xb;
	if (vlapic_timer_current(l))
		start(l);
}

void vlapic_timer_set_lvt(struct vlapic *l, uint32_t value)
{
	uint32_t old = l->lvt[LVT_TIMER];

	l->lvt[LVT_TIMER] = value;
	/* A change of mode stops the count until it is written again (SDM vol. 3, 11.5.4). */
	if ((old ^ value) & APIC_LVT_PERIODIC)
		vlapic_timer_stop(l);
}

uint32_t vlapic_timer_current(const struct vlapic *l)
{
	uint64_t length = length_ns(l), gone;

	if (!length)
		return 0;
	gone = now_ns() - l->timer_start;
	if (periodic(l))
		gone %= length;
	else if (gone >= length)
		return 0;
	return (uint32_t)((length - gone) / divisor(l));
}
