/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The local APIC: the machine's (apic.c) and those of guests (vdev/). */

/* Registers by their x2APIC MSR's number above 0x800; in the xAPIC page they are 16 bytes apart. */
#define APIC_ID       0x02u
#define APIC_VERSION  0x03u
#define APIC_TPR      0x08u
#define APIC_PPR      0x0au
#define APIC_EOI      0x0bu
#define APIC_LDR      0x0du
#define APIC_DFR      0x0eu
#define APIC_SVR      0x0fu
#define APIC_ISR      0x10u
#define APIC_TMR      0x18u
#define APIC_IRR      0x20u
#define APIC_ESR      0x28u
#define APIC_ICR      0x30u
#define APIC_ICR2     0x31u
#define APIC_LVT(n)   (0x32u + (n))
#define APIC_LVTT     APIC_LVT(LVT_TIMER)
#define APIC_LVTERR   APIC_LVT(LVT_ERROR)
#define APIC_TMICT    0x38u
#define APIC_TMCCT    0x39u
#define APIC_TDCR     0x3eu
#define APIC_SELF_IPI 0x3fu
#define APIC_NR       0x40u

#define APIC_SVR_ENABLE          (1u << 8)
#define APIC_ESR_SEND_ILLEGAL    (1u << 5)
#define APIC_ESR_RECEIVE_ILLEGAL (1u << 6)
#define APIC_LVT_MASKED          (1u << 16)
#define APIC_LVT_PERIODIC        (1u << 17)

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR };

/* Delivery modes of ICR, LVT and MSI. */
enum { APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_NMI = 4, APIC_INIT, APIC_SIPI, APIC_EXTINT };
