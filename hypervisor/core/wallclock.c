// SPDX-License-Identifier: Apache-2.0
/* The wall clock of xen.h's shared_info: UTC at system time 0, so that UTC = wc + system time. */
#include "core/wallclock.h"

#include "arch/x86/cpu/clock.h"
#include "core/domain.h"
#include "lib/spinlock.h"

static struct spinlock lock; /* also of the records */
static uint64_t base_sec;    /* [lock] UTC at system time 0 */
static uint32_t base_nsec;   /* [lock] */
static bool set;             /* [lock] else the CMOS clock's reading counts */

void wallclock_update_domain(struct domain *d)
{
	struct shared_info *s = d->shared_info;
	uint64_t sec;

	spin_guard(&lock);
	sec = (set ? base_sec : clock_boot_seconds) + (uint64_t)d->time_offset_s;
	s->wc_version = (s->wc_version + 1) | 1;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	s->wc_sec = (uint32_t)sec;
	s->xen_wc_sec_hi = (uint32_t)(sec >> 32);
	s->wc_nsec = base_nsec;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	s->wc_version++;
}

static void update_one(struct domain *d, void *arg)
{
	(void)arg;
	wallclock_update_domain(d);
}

void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t system_time)
{
	uint64_t total = sec * NS_PER_S + nsec - system_time;

	spin_lock(&lock);
	base_sec = total / NS_PER_S;
	base_nsec = (uint32_t)(total % NS_PER_S);
	set = true;
	spin_unlock(&lock);
	domain_for_each(update_one, NULL);
}
