/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_MM_MAP_H
#define ARCH_X86_MM_MAP_H

/* The hosted stand-in for the direct map: "physical" memory is an arena of the test's process. */

#include "lib/types.h"

struct frame;

extern uint8_t *fake_ram;
extern struct frame *fake_frames;

static inline void *phys_to_virt(paddr_t pa)
{
	return fake_ram + pa;
}

static inline paddr_t virt_to_phys(const void *va)
{
	return (paddr_t)((const uint8_t *)va - fake_ram);
}

static inline void *mfn_to_virt(mfn_t mfn)
{
	return phys_to_virt(mfn_to_paddr(mfn));
}

static inline mfn_t virt_to_mfn(const void *va)
{
	return paddr_to_mfn(virt_to_phys(va));
}

static inline struct frame *frame_table(void)
{
	return fake_frames;
}

/** The test's own, where it has firmware. */
const void *firmware_map(paddr_t pa, size_t size);

#endif
