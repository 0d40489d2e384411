/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/timer.h"
#include "vdev/vlapic.h"

/* Register offsets of the xAPIC page (APM vol. 2, table 16-2); an x2APIC MSR is 0x800 + offset / 16. */
#define APIC_ID       0x020u
#define APIC_VERSION  0x030u
#define APIC_TPR      0x080u
#define APIC_PPR      0x0a0u
#define APIC_EOI      0x0b0u
#define APIC_LDR      0x0d0u
#define APIC_DFR      0x0e0u
#define APIC_SVR      0x0f0u
#define APIC_ISR      0x100u
#define APIC_TMR      0x180u
#define APIC_IRR      0x200u
#define APIC_ESR      0x280u
#define APIC_ICR      0x300u
#define APIC_ICR2     0x310u
#define APIC_LVTT     0x320u
#define APIC_LVTERR   0x370u
#define APIC_TMICT    0x380u
#define APIC_TMCCT    0x390u
#define APIC_TDCR     0x3e0u
#define APIC_SELF_IPI 0x3f0u
#define X2APIC_NR     0x40u /* MSRs */

#define APIC_VERSION_VALUE       0x00050014u /* six LVT entries */
#define APIC_SVR_ENABLE          (1u << 8)
#define APIC_LVT_MASKED          (1u << 16)
#define APIC_LVT_PERIODIC        (1u << 17)
#define APIC_ESR_SEND_ILLEGAL    (1u << 5)
#define APIC_ESR_RECEIVE_ILLEGAL (1u << 6)
#define APIC_DFR_FLAT            0xffffffffu
#define APIC_FIRST_VECTOR        16

enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_NR };

/* Delivery modes of ICR, LVT and MSI. */
enum { APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_NMI = 4, APIC_INIT, APIC_SIPI, APIC_EXTINT };

/*
 * A virtual local APIC. IRR and TMR are changed by any CPU with atomic operations; all else belongs to
 * the CPU that runs the vCPU, and is only peeked at from elsewhere.
 */
struct vlapic {
	struct vlapic_head head; /* first: see there */
	struct vcpu *v;
	uint32_t id;
	uint64_t base_msr;
	uint32_t irr[8];
	uint32_t tmr[8];
	uint32_t isr[8];
	int isr_top; /* highest vector in service, or -1 */
	uint32_t ldr;
	uint32_t dfr;
	uint32_t svr;
	uint32_t esr;      /* as the guest reads it */
	uint32_t esr_next; /* errors since it last wrote it */
	uint64_t icr;
	uint32_t lvt[LVT_NR];
	uint32_t timer_initial;
	uint32_t timer_divide; /* the register's value */
	uint64_t timer_start;  /* ns when the count began */
	struct timer timer;
};

/* vlapic.c */
void vlapic_error(struct vlapic *l, uint32_t bit);

/* vlapic_deliver.c */
void vlapic_send_ipi(struct vlapic *l, uint64_t icr);
/** True when a message to @dest would reach @l; @wide: its sender writes 32-bit destinations. */
bool vlapic_match(const struct vlapic *l, uint32_t dest, bool logical, bool wide);

/* vlapic_timer.c */
void vlapic_timer_init(struct vlapic *l);
void vlapic_timer_stop(struct vlapic *l);
void vlapic_timer_set_count(struct vlapic *l, uint32_t count);
void vlapic_timer_set_divide(struct vlapic *l, uint32_t value);
void vlapic_timer_set_lvt(struct vlapic *l, uint32_t value);
uint32_t vlapic_timer_current(const struct vlapic *l);
