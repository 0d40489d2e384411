/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/string.h"

#include "lib/types.h"

/*
 * String instructions by quadwords: fast on every CPU with fast strings, and an emulator that runs
 * one iteration at a time needs an eighth of them.
 */
void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	void *d = dst;
	size_t quads = n >> 3, tail = n & 7;

	__asm__ volatile("rep movsq\n\t"
			 "mov %3, %%rcx\n\t"
			 "rep movsb"
			 : "+D"(d), "+S"(src), "+c"(quads)
			 : "r"(tail)
			 : "memory");
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
