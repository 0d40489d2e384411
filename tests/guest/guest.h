/* What the small hostile guests share: hypercalls and a line on the console. */
#ifndef TESTS_GUEST_GUEST_H
#define TESTS_GUEST_GUEST_H

#include <stdint.h>

void guest_main(void *start_info);

/* Vendor independent: AMD's instruction if the processor is AMD's, else Intel's. */
static inline int64_t hypercall(uint64_t nr, const uint64_t a[5])
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	uint64_t rdi = a[0], rsi = a[1], rdx = a[2];
	static uint32_t vendor;
	uint32_t eax = 0, ecx, edx;
	int64_t ret;

	if (!vendor)
		__asm__ volatile("cpuid" : "+a"(eax), "=b"(vendor), "=c"(ecx), "=d"(edx));
	if (vendor == 0x68747541) /* "Auth" */
		__asm__ volatile("vmmcall"
				 : "=a"(ret), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8)
				 : "0"(nr)
				 : "memory");
	else
		__asm__ volatile("vmcall"
				 : "=a"(ret), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8)
				 : "0"(nr)
				 : "memory");
	return ret;
}

/* No descriptor table and an exception: the processor gives up. */
static inline void triple_fault(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {0, 0};

	__asm__ volatile("lidt %0\n\tud2" : : "m"(none));
}

#endif
