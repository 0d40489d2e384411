/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/guest.h"
#include "emul/emul.h"
#include "hvm/vcpu_state.h"
#include "vdev/vlapic.h"

/*
 * What backends call once they know why a guest left: the same for every kind of hardware. @v is
 * current and its registers are in v->regs.
 */

void hvm_exit_cpuid(struct vcpu *v);
void hvm_exit_hlt(struct vcpu *v);
/** A hypercall in AMD's form. */
void hvm_exit_vmmcall(struct vcpu *v);
void hvm_exit_rdmsr(struct vcpu *v);
void hvm_exit_wrmsr(struct vcpu *v);
/** IN or OUT of @size bytes; @next_rip is behind it. */
void hvm_exit_io(struct vcpu *v, uint16_t port, unsigned int size, bool write, uint64_t next_rip);
/** INS and OUTS. */
void hvm_exit_string_io(struct vcpu *v);
/** Access to guest-physical @gpa that nested paging does not allow; @walk: by a page-table walk. */
void hvm_exit_npf(struct vcpu *v, uint64_t gpa, bool write, bool exec, bool walk);
void hvm_exit_xsetbv(struct vcpu *v);
/** INVD and WBINVD. */
void hvm_exit_cache(struct vcpu *v);
void hvm_exit_pause(struct vcpu *v);
void hvm_exit_mov_cr8(struct vcpu *v);
/** First use of a debug register since the vCPU came here: load them and let it go on. */
void hvm_exit_debug_reg(struct vcpu *v);
/** #UD: a hypercall in the other vendor's opcode, or the guest's own business. */
void hvm_exit_undefined(struct vcpu *v);
/** It executes IRET: NMIs may come again. */
void hvm_exit_iret(struct vcpu *v);

/* events.c */
#define HVM_NO_ERROR (-1)
/** Queue exception @vector; @error HVM_NO_ERROR or a code. Doubles up as APM vol. 2, 8.2.9 says. */
void hvm_inject_exception(struct vcpu *v, uint8_t vector, int64_t error);
/** Queue the page fault (or #GP) @fault of a walk. */
void hvm_inject_fault(struct vcpu *v, const struct guest_fault *fault);
/** Choose what the next entry delivers and which windows are asked for. */
void hvm_deliver_events(struct vcpu *v);
/** Whether event upcalls of @v do not go through its local APIC (HVM_PARAM_CALLBACK_IRQ). */
static inline bool hvm_callback_bypasses_apic(const struct vcpu *v)
{
	/* params.h: HVM_PARAM_CALLBACK_TYPE_VECTOR, in the top byte. */
	return !v->upcall_vector && v->domain->hvm_params[HVM_PARAM_CALLBACK_IRQ] >> 56 == 2;
}
/** Most trips: nothing that hvm_deliver_events() could deliver, and no window that it could close. */
static inline bool hvm_events_quiet(const struct vcpu *v)
{
	const struct hvm_vcpu *h = v->hvm;

	return !h->event.valid && !h->windows &&
	       !__atomic_load_n(&h->nmi_pending, __ATOMIC_RELAXED) &&
	       !__atomic_load_n(&vlapic_head(v)->requests, __ATOMIC_ACQUIRE) &&
	       (!__atomic_load_n(&v->vcpu_info->evtchn_upcall_pending, __ATOMIC_RELAXED) ||
		!hvm_callback_bypasses_apic(v));
}
bool hvm_wakeup_pending(const struct vcpu *v);

/* emulate.c */
/** Decode the instruction at RIP. Return: as emul_decode(). */
int must_check hvm_decode(struct vcpu *v, struct emul_insn *insn);
static inline struct insn_cache_entry *hvm_insn_slot(const struct vcpu *v)
{
	return &v->hvm->insn_cache[(v->regs.rip ^ v->regs.rip >> 7) % INSN_CACHE_SIZE];
}
/** hvm_insn_length() of what is not in the cache, and will be from now on. */
unsigned int hvm_insn_find(struct vcpu *v, enum emul_op what);
/**
 * Length of the instruction @what at RIP. Return: 0 when memory no longer holds it: the guest is to
 * run it again. A hit in the cache means that this very instruction exited here before: were the guest
 * to rewrite it with other prefixes meanwhile, the worst is a wrong RIP of its own.
 */
static __inlined unsigned int hvm_insn_length(struct vcpu *v, enum emul_op what)
{
	uint64_t len = v->hvm->next_rip - v->regs.rip;
	const struct insn_cache_entry *slot = hvm_insn_slot(v);

	if (v->hvm->next_rip && what != EMUL_VMCALL && len <= EMUL_INSN_MAX)
		return (unsigned int)len;
	if (slot->rip == v->regs.rip && slot->cr3 == v->hvm->exit_cr3 && slot->what == what)
		return slot->len;
	return hvm_insn_find(v, what);
}
/** The guest's debugger steps over the instruction just done. */
void hvm_single_step(struct vcpu *v);
/** Move RIP over the @len bytes of an instruction that is done. */
static __inlined void hvm_advance(struct vcpu *v, unsigned int len)
{
	uint64_t rip = v->regs.rip + len;

	if (unlikely((rip ^ v->regs.rip) >> 32) && !virt->get_mode(v).code64)
		rip &= 0xffffffff;
	v->regs.rip = rip;
	v->regs.rflags &= ~RFLAGS_RF;
	v->hvm->shadow = false;
	if (unlikely(v->regs.rflags & RFLAGS_TF))
		hvm_single_step(v);
}

/* debug.c */
/** Log the registers of @v, which runs here and is about to be crashed. */
void hvm_log_state(const struct vcpu *v);

/* msr.c: Return: 0, or -EINVAL for #GP. */
int must_check hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value);
int must_check hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value);
void hvm_msr_reset(struct vcpu *v);
bool hvm_efer_valid(uint64_t efer);
bool hvm_pat_valid(uint64_t pat);

/* state.c */
/** Whether anything is requested. Any CPU. */
bool hvm_start_pending(const struct vcpu *v);
/** Act on what was requested. Return: false when the vCPU has gone down and must not be entered. */
bool hvm_handle_requests(struct vcpu *v);
/** All registers as after INIT (APM vol. 2, table 14-1). */
void hvm_reset_state(struct vcpu *v);

/* cpuid.c */
void hvm_cpuid_init(void);
uint32_t hvm_default_apic_id(const struct domain *d, unsigned int vcpu);

/* xstate.c: FPU and vector state. */
/** Components guests may enable in XCR0; 0 when the host has no XSAVE. */
extern uint64_t xstate_mask;
/** Bytes of an area that holds @components, of which the CPU has all. In cpuid.c. */
uint32_t xstate_size(uint64_t components);
/** Find out what the host has. Boot CPU. Return: 0, -ENOMEM. */
int must_check xstate_init(void);
/** The state after power-on. */
void xstate_reset(struct vcpu *v);
/** Put @v's state into this CPU, and take it out. */
void xstate_load(struct vcpu *v);
void xstate_save(struct vcpu *v);
/** XSETBV by @v, current. Return: 0, or -EINVAL for #GP. */
int must_check xstate_set_xcr0(struct vcpu *v, uint64_t xcr0);
/** Set the FXSAVE image that the state of a vCPU that does not run begins with. */
void xstate_set_legacy(struct vcpu *v, const uint8_t image[512]);
