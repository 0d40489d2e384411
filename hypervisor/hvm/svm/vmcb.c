// SPDX-License-Identifier: Apache-2.0
/* Control blocks: creation, and the backend's view of a vCPU's registers. */
#include "hvm/svm/svm.h"

#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/map.h"
#include "lib/errno.h"
#include "mm/heap.h"

#define NP_ENABLE              1ULL
#define PAUSE_FILTER_COUNT     3000
#define PAUSE_FILTER_THRESHOLD 128

static void init_controls(struct vcpu *v, struct vmcb *b)
{
	b->intercept_dr = 0xffffffff;
	b->intercept_exceptions = 1u << X86_TRAP_UD | 1u << X86_TRAP_MC |
				  /* Benign, but can recur for ever without an instruction done. */
				  1u << X86_TRAP_DB | 1u << X86_TRAP_AC;
	b->intercept_1 = SVM_INTERCEPT(INTR) | SVM_INTERCEPT(NMI) | SVM_INTERCEPT(SMI) |
			 SVM_INTERCEPT(INIT) | SVM_INTERCEPT(RDPMC) | SVM_INTERCEPT(CPUID) |
			 SVM_INTERCEPT(RSM) | SVM_INTERCEPT(INVD) | SVM_INTERCEPT(HLT) |
			 SVM_INTERCEPT(INVLPGA) | SVM_INTERCEPT(IOIO) | SVM_INTERCEPT(MSR) |
			 SVM_INTERCEPT(TASK_SWITCH) | SVM_INTERCEPT(SHUTDOWN);
	b->intercept_2 = SVM_INTERCEPT(VMRUN) | SVM_INTERCEPT(VMMCALL) | SVM_INTERCEPT(VMLOAD) |
			 SVM_INTERCEPT(VMSAVE) | SVM_INTERCEPT(STGI) | SVM_INTERCEPT(CLGI) |
			 SVM_INTERCEPT(SKINIT) | SVM_INTERCEPT(WBINVD) | SVM_INTERCEPT(MONITOR) |
			 SVM_INTERCEPT(MWAIT) | SVM_INTERCEPT(MWAIT_ARMED) | SVM_INTERCEPT(XSETBV);
	if (svm_features & SVM_FEATURE_PAUSE_FILTER) {
		b->intercept_1 |= SVM_INTERCEPT(PAUSE);
		b->pause_count = PAUSE_FILTER_COUNT;
		b->pause_threshold = PAUSE_FILTER_THRESHOLD;
	}
	b->iopm = svm_iopm(v->domain);
	b->msrpm = svm_msrpm();
	b->int_ctl = SVM_INT_MASKING;
	b->np_control = NP_ENABLE;
	b->nested_cr3 = mfn_to_paddr(v->domain->p2m.table.root);
	b->efer = X86_EFER_SVME;
}

int svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *s = xzalloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->vmcb = page_alloc();
	if (!s->vmcb) {
		xfree(s);
		return -ENOMEM;
	}
	s->vmcb_pa = virt_to_phys(s->vmcb);
	init_controls(v, s->vmcb);
	v->hvm->control = s;
	return 0;
}

void svm_vcpu_fini(struct vcpu *v)
{
	struct svm_vcpu *s = v->hvm->control;

	if (!s)
		return;
	page_free(s->vmcb);
	xfree(s);
	v->hvm->control = NULL;
}

static struct vmcb_seg *segment(const struct vcpu *v, enum hvm_seg seg)
{
	static const uint16_t offset[HVM_NR_SEGS] = {
		[HVM_ES] = offsetof(struct vmcb, es),     [HVM_CS] = offsetof(struct vmcb, cs),
		[HVM_SS] = offsetof(struct vmcb, ss),     [HVM_DS] = offsetof(struct vmcb, ds),
		[HVM_FS] = offsetof(struct vmcb, fs),     [HVM_GS] = offsetof(struct vmcb, gs),
		[HVM_LDTR] = offsetof(struct vmcb, ldtr), [HVM_TR] = offsetof(struct vmcb, tr),
		[HVM_GDTR] = offsetof(struct vmcb, gdtr), [HVM_IDTR] = offsetof(struct vmcb, idtr),
	};

	return (struct vmcb_seg *)(void *)((char *)svm_vmcb(v) + offset[seg]);
}

void svm_get_segment(const struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out)
{
	const struct vmcb_seg *s = segment(v, seg);

	*out = (struct hvm_segment){s->sel, s->attr, s->limit, s->base};
}

void svm_set_segment(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in)
{
	*segment(v, seg) = (struct vmcb_seg){in->sel, in->attr & 0xfff, in->limit, in->base};
	if (seg == HVM_SS) /* the privilege level is SS's, APM vol. 2, 15.5.1 */
		svm_vmcb(v)->cpl = in->attr >> 5 & 3;
}

static uint64_t *reg(const struct vcpu *v, enum hvm_reg which)
{
	static const uint16_t offset[HVM_NR_REGS] = {
		[HVM_CR0] = offsetof(struct vmcb, cr0),
		[HVM_CR2] = offsetof(struct vmcb, cr2),
		[HVM_CR3] = offsetof(struct vmcb, cr3),
		[HVM_CR4] = offsetof(struct vmcb, cr4),
		[HVM_EFER] = offsetof(struct vmcb, efer),
		[HVM_DR6] = offsetof(struct vmcb, dr6),
		[HVM_DR7] = offsetof(struct vmcb, dr7),
		[HVM_PAT] = offsetof(struct vmcb, pat),
		[HVM_STAR] = offsetof(struct vmcb, star),
		[HVM_LSTAR] = offsetof(struct vmcb, lstar),
		[HVM_CSTAR] = offsetof(struct vmcb, cstar),
		[HVM_SFMASK] = offsetof(struct vmcb, sfmask),
		[HVM_KERNEL_GS_BASE] = offsetof(struct vmcb, kernel_gs_base),
		[HVM_SYSENTER_CS] = offsetof(struct vmcb, sysenter_cs),
		[HVM_SYSENTER_ESP] = offsetof(struct vmcb, sysenter_esp),
		[HVM_SYSENTER_EIP] = offsetof(struct vmcb, sysenter_eip),
	};

	return (uint64_t *)(void *)((char *)svm_vmcb(v) + offset[which]);
}

/* EFER.SVME must be set for VMRUN and is none of the guest's business. */
uint64_t svm_get_reg(const struct vcpu *v, enum hvm_reg which)
{
	uint64_t value = *reg(v, which);

	return which == HVM_EFER ? value & ~(uint64_t)X86_EFER_SVME : value;
}

void svm_set_reg(struct vcpu *v, enum hvm_reg which, uint64_t value)
{
	*reg(v, which) = which == HVM_EFER ? value | X86_EFER_SVME : value;
}

struct hvm_mode svm_get_mode(const struct vcpu *v)
{
	const struct vmcb *b = svm_vmcb(v);

	return (struct hvm_mode){
		.cpl = b->cpl,
		.code64 = (b->cs.attr & HVM_SEG_L) && (b->efer & X86_EFER_LMA),
	};
}

void svm_get_paging(const struct vcpu *v, struct guest_paging *paging)
{
	const struct vmcb *b = svm_vmcb(v);

	paging->cr0 = b->cr0;
	paging->cr3 = b->cr3;
	paging->cr4 = b->cr4;
	paging->efer = b->efer;
	paging->cpl = b->cpl;
	paging->ac = v->regs.rflags & RFLAGS_AC;
}

void svm_inject(struct vcpu *v, const struct hvm_event *event)
{
	uint64_t inj = event->vector | (uint64_t)event->type << 8 | SVM_EVENT_VALID;

	if (event->has_error)
		inj |= SVM_EVENT_ERROR | (uint64_t)event->error << 32;
	svm_vmcb(v)->event_inj = inj;
}

void svm_set_window(struct vcpu *v, enum hvm_window window, bool on)
{
	struct vmcb *b = svm_vmcb(v);
	uint64_t irq = SVM_INT_IRQ | SVM_INT_PRIO_MAX | SVM_INT_IGNORE_TPR;
	uint32_t bit;

	switch (window) {
	case HVM_WINDOW_INTR:
		/* A virtual interrupt that is never delivered: VINTR exits in its place. */
		b->int_ctl = on ? b->int_ctl | irq : b->int_ctl & ~irq;
		bit = SVM_INTERCEPT(VINTR);
		break;
	case HVM_WINDOW_NMI: bit = SVM_INTERCEPT(IRET); break;
	default:
		if (on)
			b->intercept_cr |= SVM_CR_WRITE(8);
		else
			b->intercept_cr &= ~SVM_CR_WRITE(8);
		return;
	}
	b->intercept_1 = on ? b->intercept_1 | bit : b->intercept_1 & ~bit;
}

void svm_trap_debug_regs(struct vcpu *v, bool trap)
{
	svm_vmcb(v)->intercept_dr = trap ? 0xffffffff : 0;
}
