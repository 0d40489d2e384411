// SPDX-License-Identifier: Apache-2.0
/* Which MSRs and I/O ports guests reach without an exit (APM vol. 2, 15.10-15.11). */
#include "arch/x86/cpu/msr.h"
#include "arch/x86/mm/map.h"
#include "hvm/svm/svm.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/buddy.h"

#define MSRPM_ORDER 1 /* 8 KiB: two bits an MSR, three ranges of 8192 */
#define IOPM_ORDER  2 /* 12 KiB and 3 bits: a bit a port */

/* What goes straight to the MSR: all that is part of the VMLOAD/VMSAVE state. Of the TSC only reads. */
static const uint32_t msrs_free[] = {
	MSR_STAR,    MSR_LSTAR,          MSR_CSTAR,       MSR_SYSCALL_MASK, MSR_FS_BASE,
	MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

/*
 * Ports kept from the hardware domain: what the hypervisor uses itself, and the legacy interrupt
 * controllers and timer that have no meaning beside it.
 */
static const struct {
	uint16_t first, last;
} hwdom_blocked[] = {
	{0x20, 0x21},   {0xa0, 0xa1}, /* PICs */
	{0x40, 0x43},   {0x61, 0x61}, /* PIT */
	{0x3f8, 0x3ff},               /* the console's UART */
};

static mfn_t msrpm, iopm_all, iopm_hwdom;

static void allow_msr(uint8_t *map, uint32_t msr, unsigned int bits)
{
	uint32_t bit = (msr & 0x1fff) * 2 + (msr >= 0xc0000000 ? 0x800 * 8 : 0);

	map[bit / 8] &= (uint8_t) ~(bits << (bit % 8));
}

static mfn_t alloc_map(unsigned int order, int fill)
{
	mfn_t mfn = buddy_alloc(order, 0);

	if (!mfn_eq(mfn, INVALID_MFN))
		memset(mfn_to_virt(mfn), fill, PAGE_SIZE << order);
	return mfn;
}

int svm_perms_init(void)
{
	uint8_t *map;

	msrpm = alloc_map(MSRPM_ORDER, 0xff);
	iopm_all = alloc_map(IOPM_ORDER, 0xff);
	iopm_hwdom = alloc_map(IOPM_ORDER, 0);
	if (mfn_eq(msrpm, INVALID_MFN) || mfn_eq(iopm_all, INVALID_MFN) ||
	    mfn_eq(iopm_hwdom, INVALID_MFN))
		return -ENOMEM;
	map = mfn_to_virt(msrpm);
	for (size_t i = 0; i < ARRAY_SIZE(msrs_free); i++)
		allow_msr(map, msrs_free[i], 3);
	allow_msr(map, MSR_TSC, 1);
	map = mfn_to_virt(iopm_hwdom);
	for (size_t i = 0; i < ARRAY_SIZE(hwdom_blocked); i++)
		for (uint32_t p = hwdom_blocked[i].first; p <= hwdom_blocked[i].last; p++)
			map[p / 8] |= (uint8_t)(1u << (p % 8));
	return 0;
}

paddr_t svm_msrpm(void)
{
	return mfn_to_paddr(msrpm);
}

paddr_t svm_iopm(const struct domain *d)
{
	return mfn_to_paddr(d->is_hwdom ? iopm_hwdom : iopm_all);
}
