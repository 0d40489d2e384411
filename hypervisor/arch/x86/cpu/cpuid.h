/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

union cpuid {
	struct {
		uint32_t eax, ebx, ecx, edx;
	};
	uint32_t reg[4];
};

/** The real CPU's answer to @leaf, @subleaf. Context: any. */
static inline union cpuid cpuid_raw(uint32_t leaf, uint32_t subleaf)
{
	union cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}
