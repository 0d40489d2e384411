// SPDX-License-Identifier: Apache-2.0
/* AMD SVM: detection, switching it on, control blocks and what they say, and the trip into the guest. */
#include "hvm/svm/svm.h"

#include "arch/x86/cpu/cpuid.h"
#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/map.h"
#include "core/console.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/buddy.h"
#include "mm/heap.h"
#include "vdev/vlapic.h"

#define CPUID_SVM_BIT (1u << 2) /* 0x80000001 ECX */
#define VM_CR_SVMDIS  (1ULL << 4)
#define TLB_FLUSH_ALL 1

/* What CPUID 0x8000000a EDX offers that we use. */
#define SVM_FEATURE_NPT          (1u << 0)
#define SVM_FEATURE_NRIPS        (1u << 3)
#define SVM_FEATURE_DECODE       (1u << 7)
#define SVM_FEATURE_PAUSE_FILTER (1u << 10)

#define NP_ENABLE              1ULL
#define PAUSE_FILTER_COUNT     3000
#define PAUSE_FILTER_THRESHOLD 128

#define MSRPM_ORDER 1 /* 8 KiB: two bits an MSR, three ranges of 8192 */
#define IOPM_ORDER  2 /* 12 KiB and 3 bits: a bit a port */

/* A CPU, behind cpu.virt. */
struct svm_cpu {
	struct asid_cpu asids;
	paddr_t host_vmcb_pa; /* what VMLOAD brings back after a guest */
};

static uint32_t features;

/* ---- which MSRs and I/O ports guests reach without an exit (APM vol. 2, 15.10-15.11) ---- */

/* What goes straight to the MSR: all that is part of the VMLOAD/VMSAVE state. Of the TSC only reads. */
static const uint32_t msrs_free[] = {
	MSR_STAR,    MSR_LSTAR,          MSR_CSTAR,       MSR_SYSCALL_MASK, MSR_FS_BASE,
	MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

/*
 * Ports kept from the hardware domain: what the hypervisor uses itself, and the legacy interrupt
 * controllers and timer that have no meaning beside it.
 */
static const struct {
	uint16_t first, last;
} hwdom_blocked[] = {
	{0x20, 0x21},   {0xa0, 0xa1}, /* PICs */
	{0x40, 0x43},   {0x61, 0x61}, /* PIT */
	{0x3f8, 0x3ff},               /* the console's UART */
};

static mfn_t msrpm, iopm_all, iopm_hwdom;

static void allow_msr(uint8_t *map, uint32_t msr, unsigned int bits)
{
	uint32_t bit = (msr & 0x1fff) * 2 + (msr >= 0xc0000000 ? 0x800 * 8 : 0);

	map[bit / 8] &= (uint8_t) ~(bits << (bit % 8));
}

static mfn_t alloc_map(unsigned int order, int fill)
{
	mfn_t mfn = buddy_alloc(order, 0);

	if (!mfn_eq(mfn, INVALID_MFN))
		memset(mfn_to_virt(mfn), fill, PAGE_SIZE << order);
	return mfn;
}

static int perms_init(void)
{
	uint8_t *map;

	msrpm = alloc_map(MSRPM_ORDER, 0xff);
	iopm_all = alloc_map(IOPM_ORDER, 0xff);
	iopm_hwdom = alloc_map(IOPM_ORDER, 0);
	if (mfn_eq(msrpm, INVALID_MFN) || mfn_eq(iopm_all, INVALID_MFN) ||
	    mfn_eq(iopm_hwdom, INVALID_MFN))
		return -ENOMEM;
	map = mfn_to_virt(msrpm);
	for (size_t i = 0; i < ARRAY_SIZE(msrs_free); i++)
		allow_msr(map, msrs_free[i], 3);
	allow_msr(map, MSR_TSC, 1);
	map = mfn_to_virt(iopm_hwdom);
	for (size_t i = 0; i < ARRAY_SIZE(hwdom_blocked); i++)
		for (uint32_t p = hwdom_blocked[i].first; p <= hwdom_blocked[i].last; p++)
			map[p / 8] |= (uint8_t)(1u << (p % 8));
	return 0;
}

/* ---- host ---- */

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
	features = cpuid_raw(0x8000000a, 0).edx;
	if (!(features & SVM_FEATURE_NPT)) {
		printk(LOG_ERR "SVM: this CPU has no nested paging\n");
		return -ENODEV;
	}
	printk("SVM: features %#x, %u ASIDs\n", features, cpuid_raw(0x8000000a, 0).ebx);
	return perms_init();
}

static int svm_cpu_init(void)
{
	struct cpu *c = this_cpu();
	struct svm_cpu *s = xzalloc(sizeof(*s));
	void *host, *hsave;
	uint32_t nr_asids = cpuid_raw(0x8000000a, 0).ebx;

	if (!s)
		return -ENOMEM;
	hsave = xzalloc(PAGE_SIZE);
	host = xzalloc(PAGE_SIZE);
	if (!hsave || !host || nr_asids < 2)
		goto fail;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | X86_EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(hsave));
	s->host_vmcb_pa = virt_to_phys(host);
	__asm__ volatile("vmsave %0" ::"a"(s->host_vmcb_pa) : "memory");
	asid_cpu_init(&s->asids, nr_asids);
	c->virt = s;
	c->gif = 1;
	return 0;
fail:
	xfree(host);
	xfree(hsave);
	xfree(s);
	return -ENOMEM;
}

/* ---- control blocks ---- */

static void init_controls(struct vcpu *v, struct vmcb *b)
{
	svm_intercept_all(b);
	if (features & SVM_FEATURE_PAUSE_FILTER) {
		b->pause_count = PAUSE_FILTER_COUNT;
		b->pause_threshold = PAUSE_FILTER_THRESHOLD;
	} else {
		svm_intercept(b, SVM_EXIT_PAUSE, false);
	}
	b->iopm = mfn_to_paddr(v->domain->is_hwdom ? iopm_hwdom : iopm_all);
	b->msrpm = mfn_to_paddr(msrpm);
	b->int_ctl = SVM_INT_MASKING;
	b->np_control = NP_ENABLE;
	b->nested_cr3 = mfn_to_paddr(v->domain->p2m.table.root);
	b->efer = X86_EFER_SVME;
}

static int svm_vcpu_init(struct vcpu *v)
{
	struct vmcb *b = xzalloc(PAGE_SIZE);

	if (!b)
		return -ENOMEM;
	b->own.pa = virt_to_phys(b);
	init_controls(v, b);
	v->hvm->control = b;
	return 0;
}

static void svm_vcpu_fini(struct vcpu *v)
{
	xfree(v->hvm->control);
	v->hvm->control = NULL;
}

static void svm_get_segment(const struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out)
{
	*out = svm_vmcb(v)->seg[seg];
}

static void svm_set_segment(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in)
{
	struct vmcb *b = svm_vmcb(v);

	b->seg[seg] = *in;
	if (seg == HVM_SS) /* the privilege level is SS's, APM vol. 2, 15.5.1 */
		b->cpl = in->attr >> 5 & 3;
}

static uint64_t *reg(const struct vcpu *v, enum hvm_reg which)
{
#define OFFSET(reg, field) [reg] = offsetof(struct vmcb, field)
	static const uint16_t offset[HVM_NR_REGS] = {HVM_FOR_EACH_REG(OFFSET)};
#undef OFFSET

	return (uint64_t *)(void *)((char *)svm_vmcb(v) + offset[which]);
}

/* EFER.SVME must be set for VMRUN and is none of the guest's business. */
static uint64_t svm_get_reg(const struct vcpu *v, enum hvm_reg which)
{
	uint64_t value = *reg(v, which);

	return which == HVM_EFER ? value & ~(uint64_t)X86_EFER_SVME : value;
}

static void svm_set_reg(struct vcpu *v, enum hvm_reg which, uint64_t value)
{
	*reg(v, which) = which == HVM_EFER ? value | X86_EFER_SVME : value;
	if (which == HVM_CR0) /* paging is switched behind the CPU's back: off with the TLB, too */
		svm_vmcb(v)->own.asid.generation = 0;
}

static struct hvm_mode svm_get_mode(const struct vcpu *v)
{
	const struct vmcb *b = svm_vmcb(v);

	return (struct hvm_mode){
		.cpl = b->cpl,
		.code64 = (b->seg[HVM_CS].attr & HVM_SEG_L) && (b->efer & X86_EFER_LMA),
	};
}

static void svm_get_paging(const struct vcpu *v, struct guest_paging *paging)
{
	const struct vmcb *b = svm_vmcb(v);

	*paging = (struct guest_paging){
		.cr3 = b->cr3,
		.cr0 = (uint32_t)b->cr0,
		.cr4 = (uint32_t)b->cr4,
		.efer = (uint32_t)b->efer,
		.cpl = b->cpl,
		.ac = v->regs.rflags & RFLAGS_AC,
	};
}

static void svm_inject(struct vcpu *v, const struct hvm_event *event)
{
	uint64_t inj = event->vector | (uint64_t)event->type << 8 | SVM_EVENT_VALID;

	if (event->has_error)
		inj |= SVM_EVENT_ERROR | (uint64_t)event->error << 32;
	svm_vmcb(v)->event_inj = inj;
}

static void svm_set_window(struct vcpu *v, enum hvm_window window, bool on)
{
	static const uint8_t exits[HVM_NR_WINDOWS] = {
		[HVM_WINDOW_INTR] = SVM_EXIT_VINTR,
		[HVM_WINDOW_NMI] = SVM_EXIT_IRET,
		[HVM_WINDOW_TPR] = SVM_EXIT_CR8_WRITE,
	};
	struct vmcb *b = svm_vmcb(v);

	svm_intercept(b, exits[window], on);
	if (window == HVM_WINDOW_INTR) /* never delivered: VINTR exits in its place */
		b->int_ctl = on ? b->int_ctl | SVM_INT_VIRTUAL : b->int_ctl & ~SVM_INT_VIRTUAL;
}

/*
 * Not by EVENTINJ, whatever IF says: what goes in that way QEMU's TCG (7.2) has still in hand until
 * the next exit, and delivers again should its own loop be called away meanwhile.
 */
static void svm_offer(struct vcpu *v, uint8_t vector)
{
	struct vmcb *b = svm_vmcb(v);

	b->int_ctl = (uint32_t)b->int_ctl | SVM_INT_VIRTUAL | SVM_INT_VECTOR(vector);
}

static bool svm_offers(const struct vcpu *v)
{
	return svm_vmcb(v)->int_ctl & SVM_INT_IRQ;
}

static void svm_trap_debug_regs(struct vcpu *v, bool trap)
{
	svm_vmcb(v)->intercept[1] = trap ? 0xffffffff : 0;
}

static size_t svm_insn_bytes(const struct vcpu *v, uint8_t *buf, size_t size)
{
	const struct vmcb *b = svm_vmcb(v);
	size_t n = min((size_t)(b->insn_len & 0xf), size);

	if (!(features & SVM_FEATURE_DECODE))
		return 0;
	memcpy(buf, b->insn_bytes, n);
	return n;
}

/* ---- the trip ---- */

/**
 * entry.S: one trip into the guest. Context: interrupts off. *@in_guest is cleared first thing
 * after the exit.
 */
void svm_enter_guest(struct guest_regs *regs, paddr_t vmcb, paddr_t host_vmcb,
		     volatile uint8_t *in_guest);

static __noinline void new_asid(struct vmcb *b, struct asid_cpu *asids, uint64_t gen)
{
	if (asid_assign(&b->own.asid, asids, cpu_id()))
		b->tlb_control = TLB_FLUSH_ALL;
	b->own.tlb_gen = gen;
	b->asid = b->own.asid.nr;
}

/* An ASID with nothing stale under it; the caller has announced that this CPU is in a guest. */
static void refresh_tlb(const struct vcpu *v, struct vmcb *b, struct asid_cpu *asids)
{
	uint64_t gen = __atomic_load_n(&v->domain->p2m.tlb_gen, __ATOMIC_ACQUIRE);

	if (unlikely(!asid_valid(&b->own.asid, asids, cpu_id()) || b->own.tlb_gen != gen))
		new_asid(b, asids, gen);
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
	if (type == HVM_EV_INTR) {
		svm_offer(v, vector);
		return;
	}
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
	if (features & SVM_FEATURE_NRIPS)
		v->hvm->next_rip = b->next_rip;
	if ((b->int_ctl & 0xf) != tpr >> 4) /* CR8 was written */
		vlapic_set_tpr(v, (uint8_t)((b->int_ctl & 0xf) << 4));
	if (unlikely(b->exit_int_info & SVM_EVENT_VALID))
		keep_event(v, b->exit_int_info);
}

/* An entry that was refused may not have flushed (APM vol. 3, VMRUN): the next one does. */
static __noinline void flush_anew(void)
{
	struct svm_cpu *host = this_cpu()->virt;

	host->asids.next = host->asids.nr;
}

static void svm_enter(struct vcpu *v)
{
	struct cpu *c = this_cpu();
	struct svm_cpu *host = c->virt;
	struct vmcb *b = svm_vmcb(v);

	load_state(v, b);
	/* Whoever changes the p2m first bumps tlb_gen, then looks at in_guest; we the other way. */
	__atomic_store_n(&c->in_guest, 1, __ATOMIC_SEQ_CST);
	refresh_tlb(v, b, &host->asids);
	svm_enter_guest(&v->regs, b->own.pa, host->host_vmcb_pa, &c->in_guest);
	b->event_inj = 0;
	if (likely((int32_t)b->exit_code != SVM_EXIT_INVALID))
		store_state(v, b);
	else
		flush_anew();
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
	.offer = svm_offer,
	.offers = svm_offers,
	.trap_debug_regs = svm_trap_debug_regs,
	.insn_bytes = svm_insn_bytes,
	.describe_exit = svm_describe_exit,
};
