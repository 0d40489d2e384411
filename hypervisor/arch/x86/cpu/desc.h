/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Selectors of the hypervisor's GDT. */
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS  0x18

/* Entries of the interrupt stack table. */
#define IST_NMI   1
#define IST_FAULT 2
