/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/**
 * A ticket lock: waiters are served in order. All zero is free.
 *
 * The hypervisor runs with interrupts off, so there is no variant that saves the flag.
 */
struct spinlock {
	uint16_t owner; /* the ticket being served */
	uint16_t next;  /* the ticket the next comer gets */
};

static inline void spin_lock(struct spinlock *l)
{
	uint16_t me = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != me)
		__builtin_ia32_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
	/* Only the holder writes owner: a plain read and a release store suffice. */
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

/**
 * Take @l and let go of it where the scope ends, on whatever way it is left. Guards end in reverse order.
 * No goto and no case label may jump over one into its scope.
 */
#define spin_guard(l) \
	struct spinlock *UNIQUE_NAME(guard) __cleanup(spin_guard_end) = spin_guard_begin(l)

/** Take @l if it is free. Return: whether it was taken. */
static inline must_check bool spin_trylock(struct spinlock *l)
{
	uint16_t me = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);
	uint16_t want = me;

	return __atomic_compare_exchange_n(&l->next, &want, (uint16_t)(me + 1), false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}
