// SPDX-License-Identifier: Apache-2.0
/* What a person wants to know: the state of a guest that cannot go on, and where exits come from. */
#include "hvm/hvm.h"

#include "core/console.h"
#include "hvm/exits.h"

static const char *const exit_names[HVM_EXIT_NR] = {
	[HVM_EXIT_INTR] = "interrupt",
	[HVM_EXIT_NMI] = "NMI",
	[HVM_EXIT_WINDOW] = "window",
	[HVM_EXIT_CPUID] = "CPUID",
	[HVM_EXIT_HLT] = "HLT",
	[HVM_EXIT_HYPERCALL] = "hypercall",
	[HVM_EXIT_MSR] = "MSR",
	[HVM_EXIT_IO] = "I/O",
	[HVM_EXIT_NPF] = "NPF",
	[HVM_EXIT_CACHE] = "cache",
	[HVM_EXIT_PAUSE] = "PAUSE",
	[HVM_EXIT_XSETBV] = "XSETBV",
	[HVM_EXIT_CR] = "CR",
	[HVM_EXIT_DR] = "DR",
	[HVM_EXIT_EXCEPTION] = "exception",
	[HVM_EXIT_FORBIDDEN] = "forbidden",
	[HVM_EXIT_FATAL] = "fatal",
};

static unsigned long creg(const struct vcpu *v, enum hvm_reg reg)
{
	return (unsigned long)virt->get_reg(v, reg);
}

void hvm_log_state(const struct vcpu *v)
{
	const struct guest_regs *r = &v->regs;
	struct hvm_segment cs, ss;
	char why[96];

	virt->describe_exit(v, why, sizeof(why));
	virt->get_segment(v, HVM_CS, &cs);
	virt->get_segment(v, HVM_SS, &ss);
	printk(LOG_WARN "d%uv%u: %s\n", v->domain->id, v->id, why);
	printk(LOG_WARN " cs:rip %04x:%016lx ss:rsp %04x:%016lx rflags %08lx\n", cs.sel, r->rip,
	       ss.sel, r->rsp, r->rflags);
	printk(LOG_WARN " cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx\n", creg(v, HVM_CR0),
	       creg(v, HVM_CR2), creg(v, HVM_CR3), creg(v, HVM_CR4), creg(v, HVM_EFER));
	printk(LOG_WARN " rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx,
	       r->rdx);
	printk(LOG_WARN " rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp,
	       r->r8);
	printk(LOG_WARN " r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11,
	       r->r12);
	printk(LOG_WARN " r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
}

const char *hvm_exit_count(const struct vcpu *v, unsigned int why, uint64_t *count)
{
	if (why >= HVM_EXIT_NR)
		return NULL;
	*count = READ_ONCE(v->hvm->exits[why]);
	return exit_names[why];
}
