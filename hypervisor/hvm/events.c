// SPDX-License-Identifier: Apache-2.0
/* What is delivered to a guest at its next entry: exceptions, NMIs, interrupts, upcalls. */
#include "hvm/exits.h"

#include "arch/x86/cpu/regs.h"

/* ---- exceptions ---- */

#define CONTRIBUTORY                                                                     \
	(1u << X86_TRAP_DE | 1u << X86_TRAP_TS | 1u << X86_TRAP_NP | 1u << X86_TRAP_SS | \
	 1u << X86_TRAP_GP)

/* APM vol. 2, table 8-3: a fault on top of one of the same class or a higher makes a double fault. */
static unsigned int fault_class(uint8_t vector)
{
	if (vector == X86_TRAP_PF)
		return 2;
	return vector < 32 && (CONTRIBUTORY >> vector & 1);
}

void hvm_inject_exception(struct vcpu *v, uint8_t vector, int64_t error)
{
	struct hvm_event *e = &v->hvm->event;

	if (e->valid && e->type == HVM_EV_EXCEPTION) {
		if (e->vector == X86_TRAP_DF) {
			domain_crash(v->domain, "vCPU %u: fault %u in a double fault at %#lx",
				     v->id, vector, (unsigned long)v->regs.rip);
			return;
		}
		if (fault_class(vector) && fault_class(e->vector) >= fault_class(vector)) {
			vector = X86_TRAP_DF;
			error = 0;
		}
	}
	*e = (struct hvm_event){
		.valid = true,
		.type = HVM_EV_EXCEPTION,
		.vector = vector,
		.has_error = error != HVM_NO_ERROR,
		.error = (uint32_t)error,
	};
}

void hvm_inject_fault(struct vcpu *v, const struct guest_fault *fault)
{
	if (fault->non_canonical) {
		hvm_inject_exception(v, X86_TRAP_GP, 0);
		return;
	}
	virt->set_reg(v, HVM_CR2, fault->gva);
	hvm_inject_exception(v, X86_TRAP_PF, fault->error_code);
}

/* ---- interrupts ---- */

/*
 * The vector of an event upcall that bypasses the local APIC (HVM_PARAM_CALLBACK_IRQ), or -1. It
 * stays due until the guest clears evtchn_upcall_pending.
 */
static int callback_vector(const struct vcpu *v)
{
	if (!hvm_callback_bypasses_apic(v) ||
	    !__atomic_load_n(&v->vcpu_info->evtchn_upcall_pending, __ATOMIC_RELAXED))
		return -1;
	return (uint8_t)v->domain->hvm_params[HVM_PARAM_CALLBACK_IRQ];
}

void hvm_upcall(struct vcpu *v)
{
	if (v->upcall_vector)
		vlapic_set_irq(v, v->upcall_vector, false);
}

/* Whether an interrupt of the local APIC's is on its way, which the guest has not taken yet. */
static bool on_its_way(const struct vcpu *v)
{
	return v->hvm->accepted && virt->offers(v);
}

bool hvm_wakeup_pending(const struct vcpu *v)
{
	return hvm_start_pending(v) || __atomic_load_n(&v->hvm->nmi_pending, __ATOMIC_SEQ_CST) ||
	       vlapic_pending(v) >= 0 || callback_vector(v) >= 0 || on_its_way(v);
}

static void want_window(struct vcpu *v, enum hvm_window window, bool on)
{
	if ((v->hvm->windows >> window & 1) == on)
		return;
	v->hvm->windows ^= (uint8_t)(1u << window);
	virt->set_window(v, window, on);
}

/* Whether an NMI waits, and not for an IRET. */
static bool nmi_waits(const struct hvm_vcpu *h)
{
	return unlikely(__atomic_load_n(&h->nmi_pending, __ATOMIC_RELAXED)) && !h->nmi_masked;
}

/* An NMI, if one may be taken. Return: whether nothing else can be, as it was or still waits. */
static bool deliver_nmi(struct vcpu *v)
{
	static const struct hvm_event nmi = {
		.valid = true,
		.type = HVM_EV_NMI,
		.vector = X86_TRAP_NMI,
	};
	struct hvm_vcpu *h = v->hvm;

	if (!nmi_waits(h))
		return false;
	if (h->shadow)
		return true;
	__atomic_store_n(&h->nmi_pending, false, __ATOMIC_SEQ_CST);
	h->nmi_masked = true;
	want_window(v, HVM_WINDOW_NMI, true);
	virt->inject(v, &nmi);
	return true;
}

void hvm_deliver_events(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	int callback = callback_vector(v), vector = vlapic_pending(v);
	bool busy = true;

	if (unlikely(h->event.valid)) {
		virt->inject(v, &h->event);
		h->event.valid = false;
	} else {
		busy = deliver_nmi(v);
	}
	/* One at a time: what the local APIC has given ends with an EOI, which leads back here. */
	if (on_its_way(v))
		return;
	h->accepted = false;
	/* An NMI that still waits has no exit to come but the window's. */
	if (vector < 0 && !(busy && nmi_waits(h))) {
		want_window(v, HVM_WINDOW_TPR, vlapic_blocked_by_tpr(v));
		vector = callback;
	} else if (vector < 0 || busy || h->shadow || !(v->regs.rflags & RFLAGS_IF)) {
		want_window(v, HVM_WINDOW_INTR, true);
		return;
	} else {
		vlapic_accept(v, (uint8_t)vector);
		h->accepted = true;
	}
	want_window(v, HVM_WINDOW_INTR, false);
	if (vector >= 0)
		virt->offer(v, (uint8_t)vector);
}

void hvm_exit_iret(struct vcpu *v)
{
	v->hvm->nmi_masked = false;
	/* The IRET is still to be executed: its shadow keeps the next NMI out until it has been. */
	v->hvm->shadow = true;
	want_window(v, HVM_WINDOW_NMI, false);
}
