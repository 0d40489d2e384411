/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The hypervisor's half of every address space: PML4 slots 256-271, which the PV ABI reserves.
 *
 *   slot 256       machine-to-physical table, for PV domains to come
 *   slot 260       text and data; linked at IMAGE_VIRT, loaded at IMAGE_PHYS
 *   slot 261       device memory below 512 GiB, uncached
 *   slot 262       frame table, mapped where there is RAM
 *   slots 264-271  direct map of RAM and of what firmware keeps elsewhere, write-back
 *
 * Also read by assembly.
 */
#define PML4_SLOT_IMAGE     260
#define PML4_SLOT_DIRECTMAP 264

#define IMAGE_BASE      0xffff820000000000
#define MMIO_START      0xffff828000000000
#define MMIO_END        0xffff830000000000
#define FRAMES_START    0xffff830000000000
#define DIRECTMAP_START 0xffff840000000000
#define DIRECTMAP_SIZE  0x0000040000000000 /* 4 TiB */

#define IMAGE_PHYS 0x200000
#define IMAGE_VIRT 0xffff820000200000
