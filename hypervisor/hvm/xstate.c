// SPDX-License-Identifier: Apache-2.0
/*
 * FPU and vector state. The hypervisor itself uses none of it, so a guest's stays in the registers
 * across exits; it is saved when the vCPU leaves its CPU.
 */
#include "hvm/exits.h"

#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/cpuid.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

#define XCR0_X87    (1ULL << 0)
#define XCR0_SSE    (1ULL << 1)
#define XCR0_AVX    (1ULL << 2)
#define XCR0_AVX512 (7ULL << 5)
#define XCR0_KNOWN  (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

#define FCW_RESET          0x37f
#define MXCSR_RESET        0x1f80u
#define MXCSR_MASK_DEFAULT 0xffbfu

/* The area of FXSAVE, and of XSAVE behind it (APM vol. 2, 11.5): aligned to 64 bytes; what we look at. */
struct area {
	uint16_t fcw;
	uint8_t other[22];
	uint32_t mxcsr;
	uint32_t mxcsr_mask;
	uint8_t regs[512 - 32];
	uint64_t xstate_bv;
};

uint64_t xstate_mask;
static uint32_t mxcsr_mask;

/* Whether @xcr0 is a legal value with at most the bits @allowed (APM vol. 2, 11.5.2). */
static bool xcr0_valid(uint64_t xcr0, uint64_t allowed)
{
	if (!(xcr0 & XCR0_X87) || (xcr0 & ~allowed))
		return false;
	if ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE))
		return false;
	if (xcr0 & XCR0_AVX512) /* all three, and AVX below them */
		return (xcr0 & XCR0_AVX512) == XCR0_AVX512 && (xcr0 & XCR0_AVX);
	return true;
}

int xstate_init(void)
{
	struct area *area = xzalloc(PAGE_SIZE);

	if (!area)
		return -ENOMEM;
	if (cpuid_raw(1, 0).ecx & (1u << 26)) {
		xstate_mask = cpuid_raw(0xd, 0).eax & XCR0_KNOWN;
		if ((xstate_mask & XCR0_AVX512) != XCR0_AVX512 ||
		    xstate_size(xstate_mask) > PAGE_SIZE)
			xstate_mask &= ~XCR0_AVX512;
	}
	__asm__ volatile("fxsaveq (%0)" ::"r"(area) : "memory");
	mxcsr_mask = area->mxcsr_mask ? area->mxcsr_mask : MXCSR_MASK_DEFAULT;
	xfree(area);
	return 0;
}

void xstate_reset(struct vcpu *v)
{
	struct area *area = v->hvm->xstate;

	memset(area, 0, PAGE_SIZE);
	area->fcw = FCW_RESET;
	area->mxcsr = MXCSR_RESET;
	v->hvm->xcr0 = XCR0_X87;
}

/* Take the 512 bytes of a legacy image, made harmless to the instruction that will load them. */
void xstate_set_legacy(struct vcpu *v, const uint8_t image[512])
{
	struct area *area = v->hvm->xstate;

	memset(area, 0, PAGE_SIZE);
	memcpy(area, image, 512);
	area->mxcsr &= mxcsr_mask; /* a reserved bit would fault the load */
	area->xstate_bv = XCR0_X87 | XCR0_SSE;
}

void xstate_load(struct vcpu *v)
{
	/* APM vol. 5, FXRSTOR: it may leave the error pointers, which are another guest's. */
	__asm__ volatile("fninit");
	if (!xstate_mask) {
		__asm__ volatile("fxrstorq (%0)" ::"r"(v->hvm->xstate) : "memory");
		return;
	}
	write_xcr0(xstate_mask);
	__asm__ volatile("xrstorq (%0)" ::"r"(v->hvm->xstate), "a"((uint32_t)xstate_mask),
			 "d"((uint32_t)(xstate_mask >> 32))
			 : "memory");
	write_xcr0(v->hvm->xcr0);
}

void xstate_save(struct vcpu *v)
{
	if (!xstate_mask) {
		__asm__ volatile("fxsaveq (%0)" ::"r"(v->hvm->xstate) : "memory");
		return;
	}
	/*
	 * The register itself is the truth: not every implementation of SVM honours the XSETBV
	 * intercept (QEMU's TCG does not). Components the guest has disabled keep their contents.
	 */
	v->hvm->xcr0 = read_xcr0();
	write_xcr0(xstate_mask);
	__asm__ volatile("xsaveq (%0)" ::"r"(v->hvm->xstate), "a"((uint32_t)xstate_mask),
			 "d"((uint32_t)(xstate_mask >> 32))
			 : "memory");
}

int xstate_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
	if (!xcr0_valid(xcr0, xstate_mask))
		return -EINVAL;
	v->hvm->xcr0 = xcr0;
	write_xcr0(xcr0);
	return 0;
}
