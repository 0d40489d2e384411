/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/vcpu.h"
#include "hvm/svm/asid.h"
#include "hvm/svm/vmcb.h"
#include "hvm/vcpu_state.h"

/* What CPUID 0x8000000a EDX offers that we use. */
#define SVM_FEATURE_NPT          (1u << 0)
#define SVM_FEATURE_NRIPS        (1u << 3)
#define SVM_FEATURE_DECODE       (1u << 7)
#define SVM_FEATURE_PAUSE_FILTER (1u << 10)

/* Our own state of a vCPU, behind hvm_vcpu.control. */
struct svm_vcpu {
	struct vmcb *vmcb;
	paddr_t vmcb_pa;
	struct asid asid;
	uint64_t tlb_gen; /* p2m.tlb_gen its ASID's entries may stem from */
};

/* Of a CPU, behind cpu.virt. */
struct svm_cpu {
	struct asid_cpu asids;
	paddr_t host_vmcb_pa; /* what VMLOAD brings back after a guest */
	void *hsave;
};

extern uint32_t svm_features;

/* perms.c: permission maps. */
int svm_perms_init(void);
paddr_t svm_msrpm(void);
paddr_t svm_iopm(const struct domain *d);

/* vmcb.c */
int svm_vcpu_init(struct vcpu *v);
void svm_vcpu_fini(struct vcpu *v);
void svm_get_segment(const struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out);
void svm_set_segment(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in);
uint64_t svm_get_reg(const struct vcpu *v, enum hvm_reg which);
void svm_set_reg(struct vcpu *v, enum hvm_reg which, uint64_t value);
struct hvm_mode svm_get_mode(const struct vcpu *v);
void svm_get_paging(const struct vcpu *v, struct guest_paging *paging);
void svm_inject(struct vcpu *v, const struct hvm_event *event);
void svm_set_window(struct vcpu *v, enum hvm_window window, bool on);
void svm_trap_debug_regs(struct vcpu *v, bool trap);

/* exit.c */
void svm_handle_exit(struct vcpu *v);
void svm_describe_exit(const struct vcpu *v, char *buf, size_t size);

/**
 * entry.S: one trip into the guest. Context: interrupts off. *@in_guest is cleared first thing
 * after the exit.
 */
void svm_enter_guest(struct guest_regs *regs, paddr_t vmcb, paddr_t host_vmcb,
		     volatile uint8_t *in_guest);

static inline struct vmcb *svm_vmcb(const struct vcpu *v)
{
	return ((struct svm_vcpu *)v->hvm->control)->vmcb;
}
