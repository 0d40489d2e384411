// SPDX-License-Identifier: Apache-2.0
#include "core/sched_cap.h"

#include "arch/x86/cpu/clock.h"
#include "core/sched.h"
#include "core/vcpu.h"
#include "lib/errno.h"

#define PERIOD_NS      10000000LL
#define GRANT_NS       2000000LL /* most at once, so that vCPUs of a domain share what there is */
#define WORTH_WAKING   100000LL  /* ns given back that are worth unparking before the next share */
#define UNUSED_PERIODS 2 /* shares that may be saved up: little enough for 3 points in a second */
#define LATE_PERIODS   1000 /* shares owed to a parked domain whose timer came late */

#define NO_GRANT (~0ULL)

static int64_t share(const struct sched_cap *c)
{
	return (int64_t)c->percent * (PERIOD_NS / 100);
}

/* [lock] */
static void refill(struct sched_cap *c, uint64_t now)
{
	int64_t most = c->parked ? LATE_PERIODS : UNUSED_PERIODS;
	uint64_t periods;

	if (now < c->refill_at)
		return;
	periods = (now - c->refill_at) / PERIOD_NS + 1;
	c->refill_at += periods * PERIOD_NS;
	c->left += (int64_t)min(periods, (uint64_t)LATE_PERIODS) * share(c);
	c->left = min(c->left, most * share(c));
}

/* [lock] */
static void park(struct sched_cap *c)
{
	c->parked = true;
	timer_set(&c->unpark, c->refill_at);
}

static void unpark(void *arg)
{
	struct domain *d = arg;
	struct sched_cap *c = &d->cap;
	bool go;

	spin_lock(&c->lock);
	refill(c, now_ns());
	go = !c->percent || c->left > 0;
	if (go)
		__atomic_store_n(&c->parked, false, __ATOMIC_SEQ_CST);
	else
		park(c);
	spin_unlock(&c->lock);
	if (!go)
		return;
	for_each_vcpu(d, v)
		sched_release(v);
}

void sched_cap_init(struct domain *d)
{
	timer_init(&d->cap.unpark, unpark, d);
}

void sched_cap_fini(struct domain *d)
{
	timer_cancel(&d->cap.unpark);
}

uint64_t sched_cap_take(struct vcpu *v, uint64_t now)
{
	struct sched_cap *c = &v->domain->cap;

	v->grant = NO_GRANT;
	if (!READ_ONCE(c->percent))
		return NO_GRANT;
	spin_guard(&c->lock);
	if (!c->percent)
		return NO_GRANT;
	refill(c, now);
	v->grant = (uint64_t)min(max(c->left, (int64_t)0), GRANT_NS);
	c->left -= (int64_t)v->grant;
	if (!v->grant)
		park(c);
	return v->grant;
}

void sched_cap_charge(struct vcpu *v, uint64_t ran)
{
	struct sched_cap *c = &v->domain->cap;

	if (v->grant == NO_GRANT)
		return;
	spin_guard(&c->lock);
	c->left += (int64_t)(v->grant - ran);
	if (c->parked && c->left > WORTH_WAKING)
		timer_set(&c->unpark, now_ns());
}

int sched_set_cap(struct domain *d, uint32_t percent)
{
	struct sched_cap *c = &d->cap;

	if (percent > MAX_CPUS * 100)
		return -EINVAL;
	spin_lock(&c->lock);
	c->percent = percent;
	c->left = share(c);
	c->refill_at = now_ns() + PERIOD_NS;
	__atomic_store_n(&c->parked, false, __ATOMIC_SEQ_CST);
	spin_unlock(&c->lock);
	/* Those that wait may go, and those that run are to take a grant by the new rule. */
	for_each_vcpu(d, v) {
		sched_release(v);
		sched_reconsider(v);
	}
	return 0;
}
