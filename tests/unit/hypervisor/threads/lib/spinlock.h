/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIB_SPINLOCK_H
#define LIB_SPINLOCK_H

#include <sched.h>

#include "lib/types.h"

/** Now and then let another thread run. */
void maybe_yield(void);

/* The hypervisor's lock for CPUs that are threads: what lies between two locks is given time to go wrong. */
struct spinlock {
	uint16_t owner, next;
};

static inline void spin_lock(struct spinlock *l)
{
	uint16_t me;

	maybe_yield();
	me = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != me)
		sched_yield();
}

static inline bool spin_trylock(struct spinlock *l)
{
	uint16_t me = __atomic_load_n(&l->owner, __ATOMIC_RELAXED), want = me;

	return __atomic_compare_exchange_n(&l->next, &want, (uint16_t)(me + 1), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->owner, (uint16_t)(l->owner + 1), __ATOMIC_RELEASE);
}

static inline struct spinlock *spin_guard_begin(struct spinlock *l)
{
	spin_lock(l);
	return l;
}

static inline void spin_guard_end(struct spinlock **l)
{
	spin_unlock(*l);
}

#define spin_guard(l) \
	struct spinlock *UNIQUE_NAME(guard) __cleanup(spin_guard_end) = spin_guard_begin(l)

#endif
