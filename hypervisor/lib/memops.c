/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/string.h"

#include "lib/types.h"

/*
 * Copying is done by plain quadword moves, eight loads and then eight stores: on hardware as fast as
 * the memory for the sizes we have. REP MOVS takes turns between its two pages, and where these
 * compete for one place in the TLB of an emulator every turn misses: ten times as slow.
 */
static uint64_t load(const uint8_t *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return v;
}

typedef uint32_t __attribute__((aligned(1), may_alias)) any32_t;
typedef uint64_t __attribute__((aligned(1), may_alias)) any64_t;

/* Volatile, so that the compiler doesn't see a memcpy() in our loops and call it. */
static void store(uint8_t *p, uint64_t v)
{
	*(volatile any64_t *)p = v;
}

static void copy_64(uint8_t *d, const uint8_t *s)
{
	uint64_t v[8];

	for (unsigned int i = 0; i < 8; i++)
		v[i] = load(s + i * 8);
	barrier();
	for (unsigned int i = 0; i < 8; i++)
		store(d + i * 8, v[i]);
}

/* Fewer than eight bytes, each loaded before any is stored. */
static void copy_few(uint8_t *d, const uint8_t *s, size_t n)
{
	uint32_t a, b;

	if (n >= 4) {
		__builtin_memcpy(&a, s, 4);
		__builtin_memcpy(&b, s + n - 4, 4);
		*(volatile any32_t *)d = a;
		*(volatile any32_t *)(d + n - 4) = b;
	} else if (n) {
		uint8_t first = s[0], middle = s[n / 2], last = s[n - 1];

		d[0] = first;
		d[n / 2] = middle;
		d[n - 1] = last;
	}
}

static void copy_quads(uint8_t *d, const uint8_t *s, size_t n, uint64_t last)
{
	for (; n >= 8; n -= 8, d += 8, s += 8)
		store(d, load(s));
	store(d + n - 8, last);
}

/* Apart, as it needs registers that would have to be saved for a few bytes too. */
static __noinline void copy_many(uint8_t *d, const uint8_t *s, size_t n, uint64_t last)
{
	for (; n >= 64; n -= 64, d += 64, s += 64)
		copy_64(d, s);
	copy_quads(d, s, n, last);
}

/* Also right where @dst begins below @src and they overlap: memmove() relies on it. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	uint64_t last;

	if (n < 8) {
		copy_few(dst, src, n);
		return dst;
	}
	/* The last eight bytes, some of them once more, are stored at the end as they were here. */
	last = load((const uint8_t *)src + n - 8);
	barrier();
	if (n < 64)
		copy_quads(dst, src, n, last);
	else
		copy_many(dst, src, n, last);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	/* Copying upwards is right unless the target begins inside the source. */
	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(dst, src, n);
	while (n & 7) {
		n--;
		d[n] = s[n];
	}
	while (n) {
		uint64_t v;

		n -= 8;
		__builtin_memcpy(&v, s + n, 8);
		__builtin_memcpy(d + n, &v, 8);
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;
	size_t quads = n >> 3, tail = n & 7;

	__asm__ volatile("rep stosq\n\t"
			 "mov %2, %%rcx\n\t"
			 "rep stosb"
			 : "+D"(d), "+c"(quads)
			 : "r"(tail), "a"((uint8_t)c * 0x0101010101010101ULL)
			 : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n; p++, q++, n--)
		if (*p != *q)
			return *p - *q;
	return 0;
}
