// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual local APIC: registers as xAPIC page and as x2APIC MSRs, priorities, its timer, and the messages
 * between local APICs and from IO-APICs and MSI (APM vol. 2, ch. 16).
 */
#include "vdev/vlapic.h"

#include "arch/x86/cpu/apic_regs.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/msr.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vdev/vioapic.h"

#define APIC_VERSION_VALUE 0x00050014u /* six LVT entries */
#define APIC_DFR_FLAT      0xffffffffu
#define APIC_FIRST_VECTOR  16

/* A guest may not keep the host busy with a faster periodic timer than this. */
#define MIN_PERIOD_NS 100000ULL

/*
 * IRR and TMR are changed by any CPU with atomic operations; all else belongs to the CPU that runs the vCPU,
 * and is only peeked at from elsewhere.
 */
struct vlapic {
	struct vlapic_head head; /* first: see there; its TPR is the register */
	struct vcpu *v;
	uint32_t id;
	int isr_top; /* highest vector in service, or -1 */
	uint64_t base_msr;
	uint32_t reg[APIC_NR]; /* but those that reg_read() works out */
	uint32_t esr_next;     /* errors since the guest last wrote ESR */
	uint64_t timer_start;  /* ns when the count began */
	struct timer timer;
};

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
	top = highest(l->reg + APIC_IRR);
	if (top >= 0)
		return top;
	__atomic_store_n(&l->head.requests, false, __ATOMIC_SEQ_CST);
	top = highest(l->reg + APIC_IRR); /* a request may have come before the store */
	if (top >= 0)
		__atomic_store_n(&l->head.requests, true, __ATOMIC_SEQ_CST);
	return top;
}

static bool x2apic(const struct vlapic *l)
{
	return l->base_msr & APIC_BASE_EXTD;
}

/* By its software; an APIC that is off in its base MSR is reset, and so is this. */
static bool enabled(const struct vlapic *l)
{
	return l->reg[APIC_SVR] & APIC_SVR_ENABLE;
}

/* ---- timer: one-shot and periodic, over a bus clock of 1 GHz (1 tick = 1 ns) ---- */

/* Divide configuration: bits 0, 1 and 3 hold log2(divisor) - 1, and 7 means 1 (APM vol. 2, 16.4.1). */
static uint64_t divisor(const struct vlapic *l)
{
	uint32_t field = (l->reg[APIC_TDCR] & 3) | (l->reg[APIC_TDCR] >> 1 & 4);

	return 1ULL << ((field + 1) & 7);
}

static uint64_t length_ns(const struct vlapic *l)
{
	return l->reg[APIC_TMICT] * divisor(l);
}

static bool periodic(const struct vlapic *l)
{
	return l->reg[APIC_LVTT] & APIC_LVT_PERIODIC;
}

static void arm_timer(struct vlapic *l)
{
	uint64_t length = length_ns(l);

	timer_set(&l->timer, l->timer_start + (periodic(l) ? max(length, MIN_PERIOD_NS) : length));
}

static void fire(void *arg)
{
	struct vlapic *l = arg;
	uint32_t lvt = __atomic_load_n(&l->reg[APIC_LVTT], __ATOMIC_RELAXED);

	if (!(lvt & APIC_LVT_MASKED))
		vlapic_set_irq(l->v, (uint8_t)lvt, false);
	if ((lvt & APIC_LVT_PERIODIC) && l->reg[APIC_TMICT]) {
		uint64_t period = max(length_ns(l), MIN_PERIOD_NS);

		/* Ticks missed while the vCPU was away are not made up for. */
		l->timer_start += (now_ns() - l->timer_start) / period * period;
		arm_timer(l);
	}
}

static void wrote_count(struct vlapic *l, uint32_t old __unused)
{
	timer_cancel(&l->timer);
	if (!l->reg[APIC_TMICT])
		return;
	l->timer_start = now_ns();
	arm_timer(l);
}

static uint32_t current_count(const struct vlapic *l)
{
	uint64_t length = length_ns(l), gone;

	if (!length)
		return 0;
	gone = now_ns() - l->timer_start;
	if (periodic(l))
		gone %= length;
	else if (gone >= length)
		return 0;
	return (uint32_t)((length - gone) / divisor(l));
}

/* ---- life ---- */

void vlapic_reset(struct vcpu *v)
{
	struct vlapic *l = v->vlapic;

	timer_cancel(&l->timer);
	memset(l->reg, 0, sizeof(l->reg));
	l->head = (struct vlapic_head){0};
	l->isr_top = -1;
	l->esr_next = 0;
	l->reg[APIC_VERSION] = APIC_VERSION_VALUE;
	l->reg[APIC_DFR] = APIC_DFR_FLAT;
	l->reg[APIC_SVR] = 0xff;
	for (unsigned int i = APIC_LVTT; i <= APIC_LVTERR; i++)
		l->reg[i] = APIC_LVT_MASKED;
}

int vlapic_create(struct vcpu *v, uint32_t apic_id)
{
	struct vlapic *l = xzalloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->v = v;
	l->id = apic_id;
	l->base_msr = VLAPIC_DEFAULT_BASE | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0);
	timer_init(&l->timer, fire, l);
	v->vlapic = l;
	vlapic_reset(v);
	return 0;
}

void vlapic_destroy(struct vcpu *v)
{
	if (!v->vlapic)
		return;
	timer_cancel(&v->vlapic->timer);
	xfree(v->vlapic);
	v->vlapic = NULL;
}

uint32_t vlapic_id(const struct vcpu *v)
{
	return v->vlapic->id;
}

/* ---- requests and priorities ---- */

void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool level)
{
	struct vlapic *l = v->vlapic;

	if (vector < APIC_FIRST_VECTOR)
		return;
	assign(l->reg + APIC_TMR, vector, level);
	assign(l->reg + APIC_IRR, vector, true);
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

	assign(l->reg + APIC_IRR, vector, false);
	l->reg[APIC_ISR + vector / 32] |= 1u << (vector % 32);
	if (vector > l->isr_top)
		l->isr_top = vector;
}

static void wrote_eoi(struct vlapic *l, uint32_t old __unused)
{
	int vector = l->isr_top;

	if (vector < 0)
		return;
	l->reg[APIC_ISR + vector / 32] &= ~(1u << (vector % 32));
	l->isr_top = highest(l->reg + APIC_ISR);
	if (l->v->domain->is_hwdom &&
	    (READ_ONCE(l->reg[APIC_TMR + vector / 32]) >> vector % 32 & 1))
		vioapic_eoi(l->v->domain, (uint8_t)vector);
}

static void report_error(struct vlapic *l, uint32_t bit)
{
	uint32_t lvt = l->reg[APIC_LVTERR];
	uint32_t old = __atomic_fetch_or(&l->esr_next, bit, __ATOMIC_RELAXED);

	/* An error vector below 16 would report itself for ever. */
	if (!(old & bit) && !(lvt & APIC_LVT_MASKED) && (lvt & 0xff) >= APIC_FIRST_VECTOR)
		vlapic_set_irq(l->v, (uint8_t)lvt, false);
}

/* ---- messages ---- */

enum shorthand { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

struct message {
	uint32_t dest;
	bool logical;
	bool wide; /* the sender writes 32-bit destinations */
	bool level;
	uint8_t mode;
	uint8_t vector;
};

/* Logical destinations of an xAPIC: flat model, or clusters of four. */
static bool match_logical_8(const struct vlapic *l, uint32_t dest)
{
	uint32_t id = l->reg[APIC_LDR] >> 24;

	if (l->reg[APIC_DFR] == APIC_DFR_FLAT)
		return id & dest & 0xff;
	return (id >> 4) == (dest >> 4 & 0xf) && (id & dest & 0xf);
}

bool vlapic_match(const struct vcpu *v, uint32_t dest, bool logical, bool wide)
{
	const struct vlapic *l = v->vlapic;

	if (dest == (wide ? 0xffffffff : 0xff)) /* all of them */
		return true;
	if (!logical)
		return dest == (wide ? l->id : l->id & 0xff);
	if (!x2apic(l))
		return match_logical_8(l, dest);
	return (dest >> 16) == l->id >> 4 && (dest & 1u << (l->id & 0xf));
}

static void receive(struct vcpu *v, const struct message *m)
{
	switch (m->mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		if (m->vector < APIC_FIRST_VECTOR)
			report_error(v->vlapic, APIC_ESR_RECEIVE_ILLEGAL);
		else
			vlapic_set_irq(v, m->vector, m->level);
		break;
	case APIC_NMI: hvm_request_nmi(v); break;
	case APIC_INIT: hvm_request_init(v); break;
	case APIC_SIPI: hvm_request_sipi(v, m->vector); break;
	default: /* SMI, ExtINT: nothing behind them */ break;
	}
}

/* To all that match; lowest priority to the one of them with the lowest task priority. */
static void deliver(struct domain *d, const struct message *m)
{
	struct vcpu *lowest = NULL;

	for_each_vcpu(d, v) {
		if (!vlapic_match(v, m->dest, m->logical, m->wide))
			continue;
		if (m->mode != APIC_LOWEST)
			receive(v, m);
		else if (enabled(v->vlapic) &&
			 (!lowest || vlapic_get_tpr(v) < vlapic_get_tpr(lowest)))
			lowest = v;
	}
	if (lowest)
		receive(lowest, m);
}

/* Address and data as APM vol. 2, 16.11 (IO-APIC and MSI messages). */
void vlapic_deliver_msi(struct domain *d, uint64_t address, uint32_t data)
{
	struct message m = {.dest = address >> 12 & 0xff,
			    .logical = address & 4,
			    .level = data >> 15 & 1,
			    .mode = data >> 8 & 7,
			    .vector = (uint8_t)data};

	if ((address & ~0xfffffULL) == VLAPIC_DEFAULT_BASE)
		deliver(d, &m);
}

/* @icr is the low half of the interrupt command; the destination stands in the other. */
static void send_ipi(struct vlapic *l, uint32_t icr)
{
	struct message m = {.dest = x2apic(l) ? l->reg[APIC_ICR2] : l->reg[APIC_ICR2] >> 24,
			    .logical = icr >> 11 & 1,
			    .wide = x2apic(l),
			    .mode = icr >> 8 & 7,
			    .vector = (uint8_t)icr};
	enum shorthand shorthand = icr >> 18 & 3;

	if ((m.mode == APIC_FIXED || m.mode == APIC_LOWEST) && m.vector < APIC_FIRST_VECTOR) {
		report_error(l, APIC_ESR_SEND_ILLEGAL);
		return;
	}
	/* INIT level de-assert only synchronises arbitration ids. */
	if (m.mode == APIC_INIT && (icr >> 15 & 1) && !(icr >> 14 & 1))
		return;
	switch (shorthand) {
	case SHORT_NONE: deliver(l->v->domain, &m); return;
	case SHORT_SELF:
		if (m.mode == APIC_FIXED)
			receive(l->v, &m);
		return;
	default:
		for_each_vcpu(l->v->domain, v)
			if (shorthand == SHORT_ALL || v != l->v)
				receive(v, &m);
	}
}

/* ---- registers ---- */

static uint32_t reg_read(struct vlapic *l, unsigned int n)
{
	switch (n) {
	case APIC_ID: return x2apic(l) ? l->id : l->id << 24;
	case APIC_TPR: return l->head.tpr;
	case APIC_PPR: return ppr(l);
	case APIC_LDR:
		if (x2apic(l))
			return (l->id >> 4) << 16 | 1u << (l->id & 0xf);
		return l->reg[n];
	case APIC_TMCCT: return current_count(l);
	default: return l->reg[n];
	}
}

/* What a write of a register leads to, once its value is stored; @old is what it was. */

static void wrote_tpr(struct vlapic *l, uint32_t old __unused)
{
	l->head.tpr = (uint8_t)l->reg[APIC_TPR];
}

static void wrote_svr(struct vlapic *l, uint32_t old)
{
	if (!enabled(l)) {
		for (unsigned int i = APIC_LVTT; i <= APIC_LVTERR; i++)
			l->reg[i] |= APIC_LVT_MASKED;
	} else if (!(old & APIC_SVR_ENABLE) &&
		   __atomic_load_n(&l->v->vcpu_info->evtchn_upcall_pending, __ATOMIC_SEQ_CST)) {
		hvm_upcall(l->v); /* one raised before was lost with the reset */
	}
}

static void wrote_esr(struct vlapic *l, uint32_t old __unused)
{
	l->reg[APIC_ESR] = __atomic_exchange_n(&l->esr_next, 0, __ATOMIC_RELAXED);
}

static void wrote_icr(struct vlapic *l, uint32_t old __unused)
{
	send_ipi(l, l->reg[APIC_ICR]);
}

static void wrote_lvt_timer(struct vlapic *l, uint32_t old)
{
	/* A change of mode stops the count until it is written again (SDM vol. 3, 11.5.4). */
	if ((old ^ l->reg[APIC_LVTT]) & APIC_LVT_PERIODIC) {
		timer_cancel(&l->timer);
		l->reg[APIC_TMICT] = 0;
	}
}

static void wrote_divide(struct vlapic *l, uint32_t old)
{
	if (current_count(l))
		wrote_count(l, old);
}

#define X2_READ  1u /* there is an MSR to read */
#define X2_WRITE 2u /* ... and to write */
#define X2_RW    (X2_READ | X2_WRITE)
#define X2_LVT   0x7f7ffu

/* Registers: what their MSRs allow, and what a write keeps, in the page as by MSR. */
static const struct {
	uint8_t x2;
	uint32_t x2_mask; /* bits that may be set in a write of the MSR */
	uint32_t keep;    /* bits of a value that are stored; 0 = the register does not change */
	uint32_t ones;    /* bits that are always set */
	void (*wrote)(struct vlapic *l, uint32_t old);
} rows[APIC_NR] = {
	[APIC_ID] = {X2_READ},
	[APIC_VERSION] = {X2_READ},
	[APIC_TPR] = {X2_RW, 0xff, .keep = 0xff, .wrote = wrote_tpr},
	[APIC_PPR] = {X2_READ},
	[APIC_EOI] = {X2_WRITE, .wrote = wrote_eoi},
	[APIC_LDR] = {X2_READ, .keep = 0xff000000},
	[APIC_DFR] = {.keep = 0xf0000000, .ones = 0x0fffffff},
	[APIC_SVR] = {X2_RW, 0x1fff, .keep = 0x1ff, .wrote = wrote_svr},
	[APIC_ISR... APIC_IRR + 7] = {X2_READ},
	[APIC_ESR] = {X2_RW, .wrote = wrote_esr},
	[APIC_ICR] = {X2_RW, 0xccfff, .keep = ~(1u << 12), .wrote = wrote_icr},
	[APIC_ICR2] = {.keep = 0xff000000},
	[APIC_LVTT] = {X2_RW, X2_LVT, .keep = 0x300ff, .wrote = wrote_lvt_timer},
	[APIC_LVTT + 1 ... APIC_LVTT + 2] = {X2_RW, X2_LVT,
					     .keep = 0x107ff}, /* thermal, counters */
	[APIC_LVTT + 3 ... APIC_LVTT + 4] = {X2_RW, X2_LVT, .keep = 0x1a7ff}, /* LINT0, LINT1 */
	[APIC_LVTERR] = {X2_RW, X2_LVT, .keep = 0x100ff},
	[APIC_TMICT] = {X2_RW, ~0u, .keep = ~0u, .wrote = wrote_count},
	[APIC_TMCCT] = {X2_READ},
	[APIC_TDCR] = {X2_RW, 0xb, .keep = 0xb, .wrote = wrote_divide},
	[APIC_SELF_IPI] = {X2_WRITE, 0xff},
};

static void reg_write(struct vlapic *l, unsigned int n, uint32_t value)
{
	uint32_t old = l->reg[n];

	value = (value & rows[n].keep) | rows[n].ones;
	if (n >= APIC_LVTT && n <= APIC_LVTERR && !enabled(l))
		value |= APIC_LVT_MASKED;
	if (rows[n].keep)
		l->reg[n] = value;
	if (rows[n].wrote)
		rows[n].wrote(l, old);
}

/* ---- MMIO ---- */

bool vlapic_covers(const struct vcpu *v, uint64_t gpa)
{
	const struct vlapic *l = v->vlapic;

	return (l->base_msr & (APIC_BASE_ENABLE | APIC_BASE_EXTD)) == APIC_BASE_ENABLE &&
	       (gpa & PAGE_MASK) == VLAPIC_DEFAULT_BASE;
}

/* Registers are 32 bits wide, 16 bytes apart; what lies between reads as 0. */

uint32_t vlapic_read(struct vcpu *v, uint32_t offset)
{
	return (offset & 0xf) || offset >= APIC_NR << 4 ? 0 : reg_read(v->vlapic, offset >> 4);
}

void vlapic_write(struct vcpu *v, uint32_t offset, uint32_t value)
{
	if (!(offset & 0xf) && offset < APIC_NR << 4)
		reg_write(v->vlapic, offset >> 4, value);
}

/* ---- MSRs ---- */

int vlapic_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	struct vlapic *l = v->vlapic;
	uint32_t n = msr - MSR_X2APIC_FIRST;

	if (msr == MSR_APIC_BASE) {
		*value = l->base_msr;
		return 0;
	}
	if (!x2apic(l) || n >= APIC_NR || !(rows[n].x2 & X2_READ))
		return -EINVAL;
	*value = reg_read(l, n);
	if (n == APIC_ICR)
		*value |= (uint64_t)l->reg[APIC_ICR2] << 32;
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
	uint32_t n = msr - MSR_X2APIC_FIRST, high = (uint32_t)(value >> 32);

	if (msr == MSR_APIC_BASE)
		return write_base(l, value);
	if (!x2apic(l) || n >= APIC_NR || !(rows[n].x2 & X2_WRITE) ||
	    ((uint32_t)value & ~rows[n].x2_mask) || (high && n != APIC_ICR))
		return -EINVAL;
	if (n == APIC_ICR)
		l->reg[APIC_ICR2] = high;
	if (n == APIC_SELF_IPI)
		send_ipi(l, 1u << 18 | (uint32_t)value);
	else
		reg_write(l, n, (uint32_t)value);
	return 0;
}
