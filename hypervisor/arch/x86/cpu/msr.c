/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/msr.h"

#include "arch/x86/cpu/asm.h"
#include "lib/errno.h"

int rdmsr_safe(uint32_t msr, uint64_t *val)
{
	uint32_t lo, hi, ok = 0;

	__asm__ volatile("1:	rdmsr\n\t"
			 "	mov $1, %2\n\t"
			 "2:\n\t" EXTABLE(1b, 2b)
			 : "=a"(lo), "=d"(hi), "+r"(ok)
			 : "c"(msr));
	if (!ok)
		return -EIO;
	*val = (uint64_t)hi << 32 | lo;
	return 0;
}

int wrmsr_safe(uint32_t msr, uint64_t val)
{
	uint32_t ok = 0;

	__asm__ volatile("1:	wrmsr\n\t"
			 "	mov $1, %0\n\t"
			 "2:\n\t" EXTABLE(1b, 2b)
			 : "+r"(ok)
			 : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32))
			 : "memory");
	return ok ? 0 : -EIO;
}
