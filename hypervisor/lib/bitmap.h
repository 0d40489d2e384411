/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

#define BITS_PER_LONG   64u
#define BITMAP_LONGS(n) (((n) + BITS_PER_LONG - 1) / BITS_PER_LONG)
/** Declare @name as a bitmap of @n bits. */
#define BITMAP(name, n) unsigned long name[BITMAP_LONGS(n)]

/* Single bits; all atomic (sequentially consistent), so they may be shared between CPUs. */
static inline bool bitmap_test(const unsigned long *map, unsigned int bit)
{
	return (__atomic_load_n(&map[bit / BITS_PER_LONG], __ATOMIC_RELAXED) >>
		(bit % BITS_PER_LONG)) &
	       1;
}

static inline void bitmap_set(unsigned long *map, unsigned int bit)
{
	__atomic_fetch_or(&map[bit / BITS_PER_LONG], BIT(bit % BITS_PER_LONG), __ATOMIC_SEQ_CST);
}

static inline void bitmap_clear(unsigned long *map, unsigned int bit)
{
	__atomic_fetch_and(&map[bit / BITS_PER_LONG], ~BIT(bit % BITS_PER_LONG), __ATOMIC_SEQ_CST);
}

static inline bool bitmap_test_and_set(unsigned long *map, unsigned int bit)
{
	unsigned long m = BIT(bit % BITS_PER_LONG);

	return (__atomic_fetch_or(&map[bit / BITS_PER_LONG], m, __ATOMIC_SEQ_CST) & m) != 0;
}

static inline bool bitmap_test_and_clear(unsigned long *map, unsigned int bit)
{
	unsigned long m = BIT(bit % BITS_PER_LONG);

	return (__atomic_fetch_and(&map[bit / BITS_PER_LONG], ~m, __ATOMIC_SEQ_CST) & m) != 0;
}
