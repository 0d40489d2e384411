// SPDX-License-Identifier: Apache-2.0
/* A guest's own watchdogs (public sched.h). */
#include "core/watchdog.h"

#include "arch/x86/cpu/clock.h"
#include "core/console.h"
#include "lib/errno.h"

static void fired(void *arg)
{
	struct domain *d = arg;

	printk("d%u: a watchdog went off\n", d->id);
	domain_shutdown(d, SHUTDOWN_watchdog);
}

static void arm(struct domain_watchdog *w, uint32_t seconds)
{
	w->taken = true;
	timer_set(&w->timer, now_ns() + seconds * NS_PER_S);
}

static long take(struct domain *d, uint32_t seconds)
{
	if (!seconds)
		return -EINVAL;
	for (uint32_t i = 0; i < ARRAY_SIZE(d->watchdogs); i++)
		if (!d->watchdogs[i].taken) {
			arm(&d->watchdogs[i], seconds);
			return i + 1;
		}
	return -ENOSPC;
}

static long renew(struct domain_watchdog *w, uint32_t seconds)
{
	if (!w->taken)
		return -EINVAL;
	if (seconds)
		arm(w, seconds);
	else
		w->taken = false;
	return 0;
}

long watchdog_set(struct domain *d, uint32_t id, uint32_t seconds)
{
	long rc;

	if (id > ARRAY_SIZE(d->watchdogs))
		return -EINVAL;
	spin_guard(&d->watchdog_lock);
	rc = id ? renew(&d->watchdogs[id - 1], seconds) : take(d, seconds);
	/* Its function takes other locks than this one, so this may wait for it. */
	if (!rc && id && !seconds)
		timer_cancel(&d->watchdogs[id - 1].timer);
	return rc;
}

static int watchdogs_init(struct domain *d)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdogs); i++)
		timer_init(&d->watchdogs[i].timer, fired, d);
	return 0;
}

/* None of its vCPUs runs any more, so nothing arms them again. */
static int watchdogs_stop(struct domain *d)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdogs); i++)
		timer_cancel(&d->watchdogs[i].timer);
	return 0;
}

const struct domain_part watchdog_part = {
	.domain_init = watchdogs_init,
	.domain_kill = watchdogs_stop,
};
