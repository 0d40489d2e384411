// SPDX-License-Identifier: Apache-2.0
/* The virtual local APIC: registers and priorities, as xAPIC page and as x2APIC MSRs. */
#include "vdev/vlapic_private.h"

#include "arch/x86/cpu/msr.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vdev/vioapic.h"

/* ---- vector bitmaps ---- */

static int highest(const uint32_t map[8])
{
	for (int i = 7; i >= 0; i--) {
		uint32_t word = __atomic_load_n(&map[i], __ATOMIC_RELAXED);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

static bool test(const uint32_t map[8], uint8_t vector)
{
	return __atomic_load_n(&map[vector / 32], __ATOMIC_RELAXED) >> (vector % 32) & 1;
}

static void assign(uint32_t map[8], uint8_t vector, bool on)
{
	if (on)
		__atomic_fetch_or(&map[vector / 32], 1u << (vector % 32), __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&map[vector / 32], ~(1u << (vector % 32)), __ATOMIC_SEQ_CST);
}

/* Highest requested vector. The flag spares the walk in the common case of an empty IRR. */
static int irr_top(struct vlapic *l)
{
	int top;

	if (!__atomic_load_n(&l->head.requests, __ATOMIC_ACQUIRE))
		return -1;
	top = highest(l->irr);
	if (top >= 0)
		return top;
	__atomic_store_n(&l->head.requests, false, __ATOMIC_SEQ_CST);
	top = highest(l->irr); /* a request may have come before the store */
	if (top >= 0)
		__atomic_store_n(&l->head.requests, true, __ATOMIC_SEQ_CST);
	return top;
}

/* ---- life ---- */

void vlapic_reset(struct vcpu *v)
{
	struct vlapic *l = v->vlapic;

	vlapic_timer_stop(l);
	memset(l->irr, 0, sizeof(l->irr));
	memset(l->isr, 0, sizeof(l->isr));
	memset(l->tmr, 0, sizeof(l->tmr));
	l->head.requests = false;
	l->isr_top = -1;
	l->head.tpr = 0;
	l->ldr = 0;
	l->dfr = APIC_DFR_FLAT;
	l->svr = 0xff;
	l->esr = 0;
	l->esr_next = 0;
	l->icr = 0;
	l->timer_divide = 0;
	for (unsigned int i = 0; i < LVT_NR; i++)
		l->lvt[i] = APIC_LVT_MASKED;
}

int vlapic_create(struct vcpu *v, uint32_t apic_id)
{
	struct vlapic *l = xzalloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->v = v;
	l->id = apic_id;
	l->base_msr = VLAPIC_DEFAULT_BASE | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0);
	vlapic_timer_init(l);
	v->vlapic = l;
	vlapic_reset(v);
	return 0;
}

void vlapic_destroy(struct vcpu *v)
{
	if (!v->vlapic)
		return;
	vlapic_timer_stop(v->vlapic);
	xfree(v->vlapic);
	v->vlapic = NULL;
}

uint32_t vlapic_id(const struct vcpu *v)
{
	return v->vlapic->id;
}

bool vlapic_x2apic(const struct vcpu *v)
{
	return v->vlapic->base_msr & APIC_BASE_EXTD;
}

static bool enabled(const struct vlapic *l)
{
	return (l->base_msr & APIC_BASE_ENABLE) && (l->svr & APIC_SVR_ENABLE);
}

/* ---- requests and priorities ---- */

void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool level)
{
	struct vlapic *l = v->vlapic;

	if (vector < APIC_FIRST_VECTOR)
		return;
	assign(l->tmr, vector, level);
	assign(l->irr, vector, true);
	__atomic_store_n(&l->head.requests, true, __ATOMIC_SEQ_CST);
	vcpu_kick(v);
}

/* APM vol. 2, 16.6.4: the processor priority is the higher class of TPR and what is in service. */
static uint8_t ppr(const struct vlapic *l)
{
	uint8_t in_service = l->isr_top < 0 ? 0 : (uint8_t)(l->isr_top & 0xf0);

	return (l->head.tpr & 0xf0) >= in_service ? l->head.tpr : in_service;
}

int vlapic_pending(const struct vcpu *v)
{
	struct vlapic *l = v->vlapic;
	int vector = irr_top(l);

	if (vector < 0 || !enabled(l) || (vector & 0xf0) <= (ppr(l) & 0xf0))
		return -1;
	return vector;
}

bool vlapic_blocked_by_tpr(const struct vcpu *v)
{
	struct vlapic *l = v->vlapic;
	int vector = irr_top(l);

	return vector >= 0 && enabled(l) && (vector & 0xf0) <= (l->head.tpr & 0xf0) &&
	       (l->isr_top < 0 || (vector & 0xf0) > (l->isr_top & 0xf0));
}

void vlapic_accept(struct vcpu *v, uint8_t vector)
{
	struct vlapic *l = v->vlapic;

	assign(l->irr, vector, false);
	l->isr[vector / 32] |= 1u << (vector % 32);
	if (vector > l->isr_top)
		l->isr_top = vector;
}

static void eoi(struct vlapic *l)
{
	int vector = l->isr_top;

	if (vector < 0)
		return;
	l->isr[vector / 32] &= ~(1u << (vector % 32));
	l->isr_top = highest(l->isr);
	if (test(l->tmr, (uint8_t)vector) && l->v->domain->is_hwdom)
		vioapic_eoi(l->v->domain, (uint8_t)vector);
}

void vlapic_error(struct vlapic *l, uint32_t bit)
{
	uint32_t lvt = l->lvt[LVT_ERROR];
	uint32_t old = __atomic_fetch_or(&l->esr_next, bit, __ATOMIC_RELAXED);

	/* An error vector below 16 would report itself for ever. */
	if (!(old & bit) && !(lvt & APIC_LVT_MASKED) && (lvt & 0xff) >= APIC_FIRST_VECTOR)
		vlapic_set_irq(l->v, (uint8_t)lvt, false);
}

/* ---- registers ---- */

static uint32_t logical_x2apic_id(const struct vlapic *l)
{
	return (l->id >> 4) << 16 | 1u << (l->id & 0xf);
}

static uint32_t reg_read(struct vlapic *l, uint32_t offset)
{
	bool x2apic = l->base_msr & APIC_BASE_EXTD;

	switch (offset) {
	case APIC_ID: return x2apic ? l->id : l->id << 24;
	case APIC_VERSION: return APIC_VERSION_VALUE;
	case APIC_TPR: return l->head.tpr;
	case APIC_PPR: return ppr(l);
	case APIC_LDR: return x2apic ? logical_x2apic_id(l) : l->ldr;
	case APIC_DFR: return l->dfr;
	case APIC_SVR: return l->svr;
	case APIC_ISR ... APIC_ISR + 0x70: return l->isr[(offset - APIC_ISR) / 0x10];
	case APIC_TMR ... APIC_TMR + 0x70: return l->tmr[(offset - APIC_TMR) / 0x10];
	case APIC_IRR ... APIC_IRR + 0x70: return l->irr[(offset - APIC_IRR) / 0x10];
	case APIC_ESR: return l->esr;
	case APIC_ICR: return (uint32_t)l->icr;
	case APIC_ICR2: return (uint32_t)(l->icr >> 32);
	case APIC_LVTT ... APIC_LVTERR: return l->lvt[(offset - APIC_LVTT) / 0x10];
	case APIC_TMICT: return l->timer_initial;
	case APIC_TMCCT: return vlapic_timer_current(l);
	case APIC_TDCR: return l->timer_divide;
	default: return 0;
	}
}

static const uint32_t lvt_writable[LVT_NR] = {
	[LVT_TIMER] = 0x300ff & ~APIC_LVT_MASKED,
	[LVT_THERMAL] = 0x7ff,
	[LVT_PERF] = 0x7ff,
	[LVT_LINT0] = 0xa7ff,
	[LVT_LINT1] = 0xa7ff,
	[LVT_ERROR] = 0xff,
};

static void write_lvt(struct vlapic *l, unsigned int which, uint32_t value)
{
	value &= lvt_writable[which] | APIC_LVT_MASKED;
	if (!(l->svr & APIC_SVR_ENABLE))
		value |= APIC_LVT_MASKED;
	if (which == LVT_TIMER)
		vlapic_timer_set_lvt(l, value);
	else
		l->lvt[which] = value;
}

static void write_svr(struct vlapic *l, uint32_t value)
{
	uint32_t old = l->svr;

	l->svr = value & 0x1ff;
	if (!(l->svr & APIC_SVR_ENABLE)) {
		for (unsigned int i = 0; i < LVT_NR; i++)
			l->lvt[i] |= APIC_LVT_MASKED;
	} else if (!(old & APIC_SVR_ENABLE) &&
		   __atomic_load_n(&l->v->vcpu_info->evtchn_upcall_pending, __ATOMIC_SEQ_CST)) {
		hvm_upcall(l->v); /* one raised before was lost with the reset */
	}
}

static void reg_write(struct vlapic *l, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case APIC_TPR: l->head.tpr = (uint8_t)value; break;
	case APIC_EOI: eoi(l); break;
	case APIC_LDR: l->ldr = value & 0xff000000; break;
	case APIC_DFR: l->dfr = value | 0x0fffffff; break;
	case APIC_SVR: write_svr(l, value); break;
	case APIC_ESR: l->esr = __atomic_exchange_n(&l->esr_next, 0, __ATOMIC_RELAXED); break;
	case APIC_LVTT ... APIC_LVTERR: write_lvt(l, (offset - APIC_LVTT) / 0x10, value); break;
	case APIC_TMICT: vlapic_timer_set_count(l, value); break;
	case APIC_TDCR: vlapic_timer_set_divide(l, value); break;
	default: break;
	}
}

/* ---- MMIO ---- */

bool vlapic_covers(const struct vcpu *v, uint64_t gpa)
{
	const struct vlapic *l = v->vlapic;

	return (l->base_msr & (APIC_BASE_ENABLE | APIC_BASE_EXTD)) == APIC_BASE_ENABLE &&
	       (gpa & PAGE_MASK) == VLAPIC_DEFAULT_BASE;
}

uint32_t vlapic_read(struct vcpu *v, uint32_t offset)
{
	/* Registers are 32 bits wide, 16 bytes apart; what lies between reads as 0. */
	return offset & 0xf ? 0 : reg_read(v->vlapic, offset);
}

void vlapic_write(struct vcpu *v, uint32_t offset, uint32_t value)
{
	struct vlapic *l = v->vlapic;

	if (offset & 0xf)
		return;
	switch (offset) {
	case APIC_ICR:
		l->icr = (l->icr & 0xffffffff00000000ULL) | (value & ~(1u << 12));
		vlapic_send_ipi(l, l->icr);
		break;
	case APIC_ICR2: l->icr = (uint32_t)l->icr | (uint64_t)(value & 0xff000000) << 32; break;
	default: reg_write(l, offset, value);
	}
}

/* ---- MSRs ---- */

/* What the MSR of an x2APIC register allows; those with no row do not exist. */
static const struct {
	bool read, write;
	uint32_t mask; /* of bits that may be set in a write */
} x2apic[X2APIC_NR] = {
	[APIC_ID >> 4] = {.read = true},
	[APIC_VERSION >> 4] = {.read = true},
	[APIC_TPR >> 4] = {true, true, 0xff},
	[APIC_PPR >> 4] = {.read = true},
	[APIC_EOI >> 4] = {.write = true},
	[APIC_LDR >> 4] = {.read = true},
	[APIC_SVR >> 4] = {true, true, 0x1fff},
	[APIC_ISR >> 4 ...(APIC_IRR >> 4) + 7] = {.read = true},
	[APIC_ESR >> 4] = {true, true, 0},
	[APIC_ICR >> 4] = {.read = true}, /* written whole */
	[APIC_LVTT >> 4 ... APIC_LVTERR >> 4] = {true, true, 0x7f7ff},
	[APIC_TMICT >> 4] = {true, true, 0xffffffff},
	[APIC_TMCCT >> 4] = {.read = true},
	[APIC_TDCR >> 4] = {true, true, 0xb},
	[APIC_SELF_IPI >> 4] = {.write = true, .mask = 0xff},
};

int vlapic_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	struct vlapic *l = v->vlapic;
	uint32_t reg = msr - MSR_X2APIC_FIRST;

	if (msr == MSR_APIC_BASE) {
		*value = l->base_msr;
		return 0;
	}
	if (!(l->base_msr & APIC_BASE_EXTD) || reg >= X2APIC_NR || !x2apic[reg].read)
		return -EINVAL;
	*value = reg << 4 == APIC_ICR ? l->icr : reg_read(l, reg << 4);
	return 0;
}

static int write_base(struct vlapic *l, uint64_t value)
{
	const uint64_t x2 = APIC_BASE_ENABLE | APIC_BASE_EXTD;
	uint64_t mode = value & x2, old = l->base_msr & x2;

	/* The page stays where it is. */
	if ((value & ~(x2 | APIC_BASE_BSP)) != VLAPIC_DEFAULT_BASE)
		return -EINVAL;
	/* Legal changes of mode: APM vol. 2, 16.9: x2APIC is left only by way of disabled. */
	if (mode == APIC_BASE_EXTD || (old == x2 && mode == APIC_BASE_ENABLE) ||
	    (!old && (mode & APIC_BASE_EXTD)))
		return -EINVAL;
	if (!mode && old)
		vlapic_reset(l->v);
	l->base_msr = VLAPIC_DEFAULT_BASE | mode | (l->base_msr & APIC_BASE_BSP);
	return 0;
}

int vlapic_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	struct vlapic *l = v->vlapic;
	uint32_t reg = msr - MSR_X2APIC_FIRST;

	if (msr == MSR_APIC_BASE)
		return write_base(l, value);
	if (!(l->base_msr & APIC_BASE_EXTD) || reg >= X2APIC_NR)
		return -EINVAL;
	if (reg << 4 == APIC_ICR) {
		if (value & 0xfff33000ULL)
			return -EINVAL;
		l->icr = value;
		vlapic_send_ipi(l, value);
		return 0;
	}
	if (!x2apic[reg].write || (value & ~(uint64_t)x2apic[reg].mask))
		return -EINVAL;
	if (reg << 4 == APIC_SELF_IPI)
		vlapic_send_ipi(l, 1u << 18 | value);
	else
		reg_write(l, reg << 4, (uint32_t)value);
	return 0;
}
