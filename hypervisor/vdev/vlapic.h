/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/vcpu.h"

#define VLAPIC_DEFAULT_BASE 0xfee00000ULL

/* What every trip into the guest looks at; first in struct vlapic. */
struct vlapic_head {
	bool requests; /* [a] false only when nothing is requested */
	uint8_t tpr;   /* bits 7:4 = CR8 */
};

static inline struct vlapic_head *vlapic_head(const struct vcpu *v)
{
	return (struct vlapic_head *)(void *)v->vlapic;
}

/** @apic_id is what the guest sees in its ID register, CPUID and MADT. */
int must_check vlapic_create(struct vcpu *v, uint32_t apic_id);
void vlapic_destroy(struct vcpu *v);
void vlapic_reset(struct vcpu *v);
uint32_t vlapic_id(const struct vcpu *v);

/** Raise @vector in the IRR of @v and kick it. Any CPU. */
void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool level);
/** Highest deliverable vector above the processor priority, or -1. */
int vlapic_pending(const struct vcpu *v);
/** A vector waits that only the task priority holds back: TPR writes must be watched. */
bool vlapic_blocked_by_tpr(const struct vcpu *v);
/** The CPU has taken @vector: IRR to ISR. @v is current. */
void vlapic_accept(struct vcpu *v, uint8_t vector);

static inline uint8_t vlapic_get_tpr(const struct vcpu *v)
{
	return vlapic_head(v)->tpr;
}

static inline void vlapic_set_tpr(struct vcpu *v, uint8_t tpr)
{
	vlapic_head(v)->tpr = tpr;
}

/** IA32_APIC_BASE and the x2APIC MSR range. Return: 0, -EINVAL for #GP. @v is current. */
int must_check vlapic_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value);
int must_check vlapic_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);
/** MMIO window. True when @gpa lies in @v's enabled xAPIC page. */
bool vlapic_covers(const struct vcpu *v, uint64_t gpa);
uint32_t vlapic_read(struct vcpu *v, uint32_t offset);
void vlapic_write(struct vcpu *v, uint32_t offset, uint32_t value);

/** True when a message to @dest would reach @v; @wide: its sender writes 32-bit destinations. */
bool vlapic_match(const struct vcpu *v, uint32_t dest, bool logical, bool wide);
/** Deliver an MSI-style message (address/data as the APIC bus sees it) to @d. */
void vlapic_deliver_msi(struct domain *d, uint64_t address, uint32_t data);

/* What the APIC asks of the room above (hvm/). */
void hvm_request_init(struct vcpu *v);
void hvm_request_sipi(struct vcpu *v, uint8_t vector);
void hvm_request_nmi(struct vcpu *v);
/** Raise the vector of @v's event upcalls, if they come through the APIC. */
void hvm_upcall(struct vcpu *v);
