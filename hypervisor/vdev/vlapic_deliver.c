// SPDX-License-Identifier: Apache-2.0
/* Interrupt messages between local APICs, and from IO-APICs and MSI (APM vol. 2, 16.5-16.6). */
#include "vdev/vlapic_private.h"

#define DEST_BROADCAST_8  0xffu
#define DEST_BROADCAST_32 0xffffffffu

enum shorthand { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

/* Logical destinations of an xAPIC: flat model, or clusters of four. */
static bool match_logical_8(const struct vlapic *l, uint32_t dest)
{
	uint32_t id = l->ldr >> 24;

	if (l->dfr == APIC_DFR_FLAT)
		return id & dest & 0xff;
	return (id >> 4) == (dest >> 4 & 0xf) && (id & dest & 0xf);
}

bool vlapic_match(const struct vlapic *l, uint32_t dest, bool logical, bool wide)
{
	if (dest == (wide ? DEST_BROADCAST_32 : DEST_BROADCAST_8))
		return true;
	if (!logical)
		return dest == (wide ? l->id : l->id & 0xff);
	if (!vlapic_x2apic(l->v))
		return match_logical_8(l, dest);
	return (dest >> 16) == l->id >> 4 && (dest & 1u << (l->id & 0xf));
}

static void deliver_one(struct vcpu *v, uint8_t mode, uint8_t vector, bool level)
{
	switch (mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		if (vector < APIC_FIRST_VECTOR)
			vlapic_error(v->vlapic, APIC_ESR_RECEIVE_ILLEGAL);
		else
			vlapic_set_irq(v, vector, level);
		break;
	case APIC_NMI: hvm_request_nmi(v); break;
	case APIC_INIT: hvm_request_init(v); break;
	case APIC_SIPI: hvm_request_sipi(v, vector); break;
	default: /* SMI, ExtINT: nothing behind them */ break;
	}
}

/* Lowest priority goes to the matching APIC with the lowest task priority. */
static struct vcpu *lowest(struct domain *d, uint32_t dest, bool logical, bool wide)
{
	struct vcpu *best = NULL;

	for_each_vcpu(d, v) {
		const struct vlapic *l = v->vlapic;

		if (!(l->svr & APIC_SVR_ENABLE) || !vlapic_match(l, dest, logical, wide))
			continue;
		if (!best || l->head.tpr < best->vlapic->head.tpr)
			best = v;
	}
	return best;
}

static void deliver(struct domain *d, uint32_t dest, bool logical, bool wide, uint8_t mode,
		    uint8_t vector, bool level)
{
	if (mode == APIC_LOWEST) {
		struct vcpu *v = lowest(d, dest, logical, wide);

		if (v)
			deliver_one(v, mode, vector, level);
		return;
	}
	for_each_vcpu(d, v)
		if (vlapic_match(v->vlapic, dest, logical, wide))
			deliver_one(v, mode, vector, level);
}

/* Address and data as APM vol. 2, 16.11 (IO-APIC and MSI messages). */
void vlapic_deliver_msi(struct domain *d, uint64_t address, uint32_t data)
{
	uint32_t dest = (uint32_t)(address >> 12) & 0xff;

	if ((address & ~0xfffffULL) != VLAPIC_DEFAULT_BASE)
		return;
	deliver(d, dest, address & 4, false, data >> 8 & 7, (uint8_t)data, data >> 15 & 1);
}

void vlapic_send_ipi(struct vlapic *l, uint64_t icr)
{
	struct domain *d = l->v->domain;
	uint8_t vector = (uint8_t)icr, mode = icr >> 8 & 7;
	enum shorthand shorthand = icr >> 18 & 3;
	bool wide = vlapic_x2apic(l->v), logical = icr >> 11 & 1;
	uint32_t dest = (uint32_t)(wide ? icr >> 32 : icr >> 56);

	if ((mode == APIC_FIXED || mode == APIC_LOWEST) && vector < APIC_FIRST_VECTOR) {
		vlapic_error(l, APIC_ESR_SEND_ILLEGAL);
		return;
	}
	/* INIT level de-assert only synchronises arbitration ids. */
	if (mode == APIC_INIT && (icr >> 15 & 1) && !(icr >> 14 & 1))
		return;
	switch (shorthand) {
	case SHORT_NONE: deliver(d, dest, logical, wide, mode, vector, false); return;
	case SHORT_SELF:
		if (mode == APIC_FIXED)
			deliver_one(l->v, mode, vector, false);
		return;
	default:
		for_each_vcpu(d, v)
			if (shorthand == SHORT_ALL || v != l->v)
				deliver_one(v, mode, vector, false);
	}
}
