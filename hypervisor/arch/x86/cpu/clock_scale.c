/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/clock.h"

void clock_scale_of_khz(uint64_t khz, uint32_t *mul_frac, int8_t *shift)
{
	uint64_t hz = khz * 1000;
	int s = 0;

	/* Wanted: 10^9 / hz as 0.32 fixed point with its top bit set, times a power of two. */
	while (hz > 2 * 1000000000ULL) {
		hz >>= 1;
		s--;
	}
	while (hz <= 1000000000ULL) {
		hz <<= 1;
		s++;
	}
	*mul_frac = (uint32_t)((1000000000ULL << 32) / hz);
	*shift = (int8_t)s;
}

uint64_t clock_scale_ticks(uint64_t ticks, uint32_t mul_frac, int8_t shift)
{
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return (uint64_t)(((unsigned __int128)ticks * mul_frac) >> 32);
}
