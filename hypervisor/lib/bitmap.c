/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/bitmap.h"

/* The first bit at or after @from whose value, xored with @flip, is set. */
static unsigned int find_next(const unsigned long *map, unsigned int nbits, unsigned int from,
			      unsigned long flip)
{
	unsigned int i = from / BITS_PER_LONG;
	unsigned long word;

	if (from >= nbits)
		return nbits;
	word = (__atomic_load_n(&map[i], __ATOMIC_RELAXED) ^ flip) &
	       (~0UL << (from % BITS_PER_LONG));
	while (!word) {
		if (++i >= BITMAP_LONGS(nbits))
			return nbits;
		word = __atomic_load_n(&map[i], __ATOMIC_RELAXED) ^ flip;
	}
	return min(i * BITS_PER_LONG + (unsigned int)__builtin_ctzl(word), nbits);
}

unsigned int bitmap_find_next(const unsigned long *map, unsigned int nbits, unsigned int from)
{
	return find_next(map, nbits, from, 0);
}

unsigned int bitmap_find_next_zero(const unsigned long *map, unsigned int nbits, unsigned int from)
{
	return find_next(map, nbits, from, ~0UL);
}

unsigned int bitmap_weight(const unsigned long *map, unsigned int nbits)
{
	unsigned int bit, n = 0;

	bitmap_for_each(bit, map, nbits) n++;
	return n;
}
