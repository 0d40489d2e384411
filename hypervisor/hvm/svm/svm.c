// SPDX-License-Identifier: Apache-2.0
/* AMD SVM: detection, switching it on, and the trip into the guest. */
#include "hvm/svm/svm.h"

#include "arch/x86/cpu/cpuid.h"
#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/map.h"
#include "core/console.h"
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
	__asm__ volatile("vmsave %0" ::"a"(s->host_vmcb_pa) : "memory");
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

static __noinline void new_asid(struct svm_vcpu *s, struct asid_cpu *asids, uint64_t gen)
{
	if (asid_assign(&s->asid, asids, cpu_id()))
		s->vmcb->tlb_control = TLB_FLUSH_ALL;
	s->tlb_gen = gen;
	s->vmcb->asid = s->asid.nr;
}

/* An ASID with nothing stale under it; the caller has announced that this CPU is in a guest. */
static void refresh_tlb(const struct vcpu *v, struct svm_vcpu *s, struct asid_cpu *asids)
{
	uint64_t gen = __atomic_load_n(&v->domain->p2m.tlb_gen, __ATOMIC_ACQUIRE);

	if (unlikely(!asid_valid(&s->asid, asids, cpu_id()) || s->tlb_gen != gen))
		new_asid(s, asids, gen);
}

static void load_state(const struct vcpu *v, struct vmcb *b)
{
	b->rax = v->regs.rax;
	b->rip = v->regs.rip;
	b->rsp = v->regs.rsp;
	b->rflags = v->regs.rflags;
	b->int_state = v->hvm->shadow;
	b->int_ctl = (b->int_ctl & ~SVM_INT_TPR) | vlapic_get_tpr(v) >> 4;
	b->clean = 0;
	b->tlb_control = 0;
}

/* Events cut short by the exit are delivered anew; software interrupts by running them again. */
static __noinline void keep_event(struct vcpu *v, uint64_t info)
{
	uint8_t type = info >> 8 & 7, vector = (uint8_t)info;

	/* An entry that got no further than its event has let no interrupt of the host's end it. */
	irq_window();
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
	v->hvm->shadow = b->int_state & SVM_SHADOW; /* bit 0 */
	v->hvm->exit_cr3 = b->cr3;
	if (svm_features & SVM_FEATURE_NRIPS)
		v->hvm->next_rip = b->next_rip;
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
	struct vmcb *b = s->vmcb;

	load_state(v, b);
	/* Whoever changes the p2m first bumps tlb_gen, then looks at in_guest; we the other way. */
	__atomic_store_n(&c->in_guest, 1, __ATOMIC_SEQ_CST);
	refresh_tlb(v, s, &host->asids);
	svm_enter_guest(&v->regs, s->vmcb_pa, host->host_vmcb_pa, &c->in_guest);
	b->event_inj = 0;
	if (likely((int32_t)b->exit_code != SVM_EXIT_INVALID))
		store_state(v, b);
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

const struct virt_ops svm_ops = {
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
	.get_mode = svm_get_mode,
	.get_paging = svm_get_paging,
	.inject = svm_inject,
	.set_window = svm_set_window,
	.trap_debug_regs = svm_trap_debug_regs,
	.insn_bytes = svm_insn_bytes,
	.describe_exit = svm_describe_exit,
};
