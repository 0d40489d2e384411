// SPDX-License-Identifier: Apache-2.0
/* AMD SVM: detection, switching it on, and the trip into the guest. */
#include "hvm/svm/backend.h"

#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/cpuid.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/map.h"
#include "core/console.h"
#include "core/domain.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vdev/vlapic.h"

#define CPUID_SVM_BIT (1u << 2) /* 0x80000001 ECX */
#define VM_CR_SVMDIS  (1ULL << 4)
#define TLB_FLUSH_ALL 1

uint32_t svm_features;

static int svm_init(void)
{
	uint64_t vm_cr;

	if (cpuid_raw(0x80000000, 0).eax < 0x8000000a ||
	    !(cpuid_raw(0x80000001, 0).ecx & CPUID_SVM_BIT))
		return -ENODEV;
	if (rdmsr_safe(MSR_VM_CR, &vm_cr) || (vm_cr & VM_CR_SVMDIS)) {
		printk(LOG_ERR "SVM: switched off by the firmware\n");
		return -ENODEV;
	}
	svm_features = cpuid_raw(0x8000000a, 0).edx;
	if (!(svm_features & SVM_FEATURE_NPT)) {
		printk(LOG_ERR "SVM: this CPU has no nested paging\n");
		return -ENODEV;
	}
	printk("SVM: features %#x, %u ASIDs\n", svm_features, cpuid_raw(0x8000000a, 0).ebx);
	return svm_perms_init();
}

static int svm_cpu_init(void)
{
	struct cpu *c = this_cpu();
	struct svm_cpu *s = xzalloc(sizeof(*s));
	struct vmcb *host;
	uint32_t nr_asids = cpuid_raw(0x8000000a, 0).ebx;

	if (!s)
		return -ENOMEM;
	s->hsave = page_alloc();
	host = page_alloc();
	if (!s->hsave || !host || nr_asids < 2)
		goto fail;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | X86_EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(s->hsave));
	s->host_vmcb_pa = virt_to_phys(host);
	svm_host_save(s->host_vmcb_pa);
	asid_cpu_init(&s->asids, nr_asids);
	c->virt = s;
	c->gif = 1;
	return 0;
fail:
	page_free(host);
	page_free(s->hsave);
	xfree(s);
	return -ENOMEM;
}

/* An ASID with nothing stale under it; the caller has announced that this CPU is in a guest. */
static void refresh_tlb(struct vcpu *v, struct svm_vcpu *s, struct svm_cpu *host, uint32_t cpu)
{
	uint64_t gen = __atomic_load_n(&v->domain->p2m.tlb_gen, __ATOMIC_ACQUIRE);

	s->vmcb->tlb_control = 0;
	if (asid_valid(&s->asid, &host->asids, cpu) && s->tlb_gen == gen)
		return;
	if (asid_assign(&s->asid, &host->asids, cpu))
		s->vmcb->tlb_control = TLB_FLUSH_ALL;
	s->tlb_gen = gen;
	s->vmcb->asid = s->asid.nr;
}

static void load_state(struct vcpu *v, struct vmcb *b)
{
	b->rax = v->regs.rax;
	b->rip = v->regs.rip;
	b->rsp = v->regs.rsp;
	b->rflags = v->regs.rflags;
	b->int_state = v->hvm->shadow ? SVM_SHADOW : 0;
	b->int_ctl = (b->int_ctl & ~SVM_INT_TPR) | vlapic_get_tpr(v) >> 4;
	b->clean = 0;
}

/* Events cut short by the exit are delivered anew; software interrupts by running them again. */
static void keep_event(struct vcpu *v, uint64_t info)
{
	uint8_t type = info >> 8 & 7, vector = (uint8_t)info;

	if (type == HVM_EV_SOFT ||
	    (type == HVM_EV_EXCEPTION && (vector == X86_TRAP_BP || vector == X86_TRAP_OF)))
		return;
	v->hvm->event = (struct hvm_event){
		.valid = true,
		.type = type,
		.vector = vector,
		.has_error = info & SVM_EVENT_ERROR,
		.error = (uint32_t)(info >> 32),
	};
}

static void store_state(struct vcpu *v, const struct vmcb *b)
{
	uint8_t tpr = vlapic_get_tpr(v);

	v->regs.rax = b->rax;
	v->regs.rip = b->rip;
	v->regs.rsp = b->rsp;
	v->regs.rflags = b->rflags;
	v->hvm->shadow = b->int_state & SVM_SHADOW;
	if ((b->int_ctl & 0xf) != tpr >> 4) /* CR8 was written */
		vlapic_set_tpr(v, (uint8_t)((b->int_ctl & 0xf) << 4));
	if (unlikely(b->exit_int_info & SVM_EVENT_VALID))
		keep_event(v, b->exit_int_info);
}

static void svm_enter(struct vcpu *v)
{
	struct svm_vcpu *s = v->hvm->control;
	struct cpu *c = this_cpu();
	struct svm_cpu *host = c->virt;

	load_state(v, s->vmcb);
	/* Whoever changes the p2m first bumps tlb_gen, then looks at in_guest; we the other way. */
	__atomic_store_n(&c->in_guest, 1, __ATOMIC_SEQ_CST);
	refresh_tlb(v, s, host, c->id);
	svm_enter_guest(&v->regs, s->vmcb_pa, host->host_vmcb_pa, &c->in_guest);
	s->vmcb->event_inj = 0;
	store_state(v, s->vmcb);
}

static size_t svm_insn_bytes(const struct vcpu *v, uint8_t *buf, size_t size)
{
	const struct vmcb *b = svm_vmcb(v);
	size_t n = min((size_t)(b->insn_len & 0xf), size);

	if (!(svm_features & SVM_FEATURE_DECODE))
		return 0;
	memcpy(buf, b->insn_bytes, n);
	return n;
}

static uint64_t svm_next_rip(const struct vcpu *v)
{
	return svm_features & SVM_FEATURE_NRIPS ? svm_vmcb(v)->next_rip : 0;
}

const struct virt_ops svm_ops = {
	.name = "svm",
	.init = svm_init,
	.cpu_init = svm_cpu_init,
	.vcpu_init = svm_vcpu_init,
	.vcpu_fini = svm_vcpu_fini,
	.enter = svm_enter,
	.handle_exit = svm_handle_exit,
	.get_segment = svm_get_segment,
	.set_segment = svm_set_segment,
	.get_reg = svm_get_reg,
	.set_reg = svm_set_reg,
	.get_cpl = svm_get_cpl,
	.inject = svm_inject,
	.set_window = svm_set_window,
	.trap_debug_regs = svm_trap_debug_regs,
	.insn_bytes = svm_insn_bytes,
	.next_rip = svm_next_rip,
	.describe_exit = svm_describe_exit,
};
