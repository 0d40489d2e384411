// SPDX-License-Identifier: Apache-2.0
/* SVM exits: one row a reason (APM vol. 2, appendix C). */
#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/regs.h"
#include "core/panic.h"
#include "hvm/exits.h"
#include "hvm/svm/svm.h"
#include "lib/printf.h"

struct exit_row {
	const char *name;
	void (*handle)(struct vcpu *v);
	uint8_t count; /* enum hvm_exit */
};

static const struct exit_row *find_row(uint64_t code);

static void on_intr(struct vcpu *v __unused)
{
	irq_window();
}

/* STGI has let the host's handler run; or the next entry looks at events again. */
static void on_nothing(struct vcpu *v __unused)
{
}

static void on_msr(struct vcpu *v)
{
	if (svm_vmcb(v)->exit_info_1 & 1)
		hvm_exit_wrmsr(v);
	else
		hvm_exit_rdmsr(v);
}

/* APM vol. 2, 15.10.2: EXITINFO1 has port and form, EXITINFO2 the next RIP. */
static void on_io(struct vcpu *v)
{
	const struct vmcb *b = svm_vmcb(v);
	struct hvm_io io = {
		.port = (uint16_t)(b->exit_info_1 >> 16),
		.size = b->exit_info_1 >> 4 & 7,
		.in = b->exit_info_1 & 1,
		.string = b->exit_info_1 & 4,
		.next_rip = b->exit_info_2,
	};

	hvm_exit_io(v, &io);
}

/* APM vol. 2, 15.25.6: EXITINFO1 is a page-fault error code, bit 33 marks a guest table walk. */
static void on_npf(struct vcpu *v)
{
	const struct vmcb *b = svm_vmcb(v);
	uint64_t info = b->exit_info_1;

	hvm_exit_npf(v, b->exit_info_2, info & 2, info & 16, info >> 33 & 1);
}

static void inject_ud(struct vcpu *v)
{
	hvm_inject_exception(v, X86_TRAP_UD, HVM_NO_ERROR);
}

static void inject_gp(struct vcpu *v)
{
	hvm_inject_exception(v, X86_TRAP_GP, 0);
}

/* Intercepted only so that the guest cannot recurse in it: hand it back. */
static void on_debug(struct vcpu *v)
{
	hvm_inject_exception(v, X86_TRAP_DB, HVM_NO_ERROR);
}

static void on_alignment(struct vcpu *v)
{
	hvm_inject_exception(v, X86_TRAP_AC, 0);
}

static void on_machine_check(struct vcpu *v)
{
	panic("machine check while d%uv%u ran", v->domain->id, v->id);
}

/* What the guest cannot go on after. */
static void on_fatal(struct vcpu *v)
{
	hvm_log_state(v);
	domain_crash(v->domain, "vCPU %u: %s at %#lx", v->id,
		     find_row(svm_vmcb(v)->exit_code)->name, (unsigned long)v->regs.rip);
}

#define FORBIDDEN(n)                             \
	{                                        \
		n, inject_ud, HVM_EXIT_FORBIDDEN \
	}

static const struct exit_row exits[] = {
	[SVM_EXIT_CR_WRITE(8)] = {"MOV CR8", hvm_exit_mov_cr8, HVM_EXIT_CR},
	[SVM_EXIT_DR_READ_FIRST...
		SVM_EXIT_DR_WRITE_LAST] = {"MOV DR", hvm_exit_debug_reg, HVM_EXIT_DR},
	[SVM_EXIT_EXCEPTION(X86_TRAP_DB)] = {"#DB", on_debug, HVM_EXIT_EXCEPTION},
	[SVM_EXIT_EXCEPTION(X86_TRAP_UD)] = {"#UD", hvm_exit_undefined, HVM_EXIT_EXCEPTION},
	[SVM_EXIT_EXCEPTION(X86_TRAP_AC)] = {"#AC", on_alignment, HVM_EXIT_EXCEPTION},
	[SVM_EXIT_EXCEPTION(X86_TRAP_MC)] = {"#MC", on_machine_check, HVM_EXIT_EXCEPTION},
	[SVM_EXIT_INTR] = {"INTR", on_intr, HVM_EXIT_INTR},
	[SVM_EXIT_NMI] = {"NMI", on_nothing, HVM_EXIT_NMI},
	[SVM_EXIT_SMI] = {"SMI", on_nothing, HVM_EXIT_NMI},
	[SVM_EXIT_INIT] = {"INIT", on_nothing, HVM_EXIT_NMI},
	[SVM_EXIT_VINTR] = {"VINTR", on_nothing, HVM_EXIT_WINDOW},
	[SVM_EXIT_RDPMC] = {"RDPMC", inject_gp, HVM_EXIT_FORBIDDEN},
	[SVM_EXIT_CPUID] = {"CPUID", hvm_exit_cpuid, HVM_EXIT_CPUID},
	[SVM_EXIT_RSM] = FORBIDDEN("RSM"),
	[SVM_EXIT_IRET] = {"IRET", hvm_exit_iret, HVM_EXIT_WINDOW},
	[SVM_EXIT_INVD] = {"INVD", hvm_exit_cache, HVM_EXIT_CACHE},
	[SVM_EXIT_PAUSE] = {"PAUSE", hvm_exit_pause, HVM_EXIT_PAUSE},
	[SVM_EXIT_HLT] = {"HLT", hvm_exit_hlt, HVM_EXIT_HLT},
	[SVM_EXIT_INVLPGA] = FORBIDDEN("INVLPGA"),
	[SVM_EXIT_IOIO] = {"IO", on_io, HVM_EXIT_IO},
	[SVM_EXIT_MSR] = {"MSR", on_msr, HVM_EXIT_MSR},
	[SVM_EXIT_TASK_SWITCH] = {"hardware task switch", on_fatal, HVM_EXIT_FATAL},
	[SVM_EXIT_SHUTDOWN] = {"triple fault", on_fatal, HVM_EXIT_FATAL},
	[SVM_EXIT_VMRUN] = FORBIDDEN("VMRUN"),
	[SVM_EXIT_VMMCALL] = {"VMMCALL", hvm_exit_vmmcall, HVM_EXIT_HYPERCALL},
	[SVM_EXIT_VMLOAD] = FORBIDDEN("VMLOAD"),
	[SVM_EXIT_VMSAVE] = FORBIDDEN("VMSAVE"),
	[SVM_EXIT_STGI] = FORBIDDEN("STGI"),
	[SVM_EXIT_CLGI] = FORBIDDEN("CLGI"),
	[SVM_EXIT_SKINIT] = FORBIDDEN("SKINIT"),
	[SVM_EXIT_WBINVD] = {"WBINVD", hvm_exit_cache, HVM_EXIT_CACHE},
	[SVM_EXIT_MONITOR] = FORBIDDEN("MONITOR"),
	[SVM_EXIT_MWAIT] = FORBIDDEN("MWAIT"),
	[SVM_EXIT_MWAIT_ARMED] = FORBIDDEN("MWAIT"),
	[SVM_EXIT_XSETBV] = {"XSETBV", hvm_exit_xsetbv, HVM_EXIT_XSETBV},
};

static const struct exit_row npf_row = {"NPF", on_npf, HVM_EXIT_NPF};
/*
 * VMRUN refused what the guest left in its control or debug registers (APM vol. 2, 15.5.1). A processor
 * lets no guest get so far, the MOV faults; QEMU's does, and overwrites the registers in the control block.
 */
static const struct exit_row invalid_row = {"invalid registers", on_fatal, HVM_EXIT_FATAL};
static const struct exit_row unknown_row = {"unknown exit", on_fatal, HVM_EXIT_FATAL};

static const struct exit_row *find_row(uint64_t code)
{
	if (code < ARRAY_SIZE(exits) && exits[code].handle)
		return &exits[code];
	if (code == SVM_EXIT_NPF)
		return &npf_row;
	return (int32_t)code == SVM_EXIT_INVALID ? &invalid_row : &unknown_row;
}

void svm_handle_exit(struct vcpu *v)
{
	const struct exit_row *row = find_row(svm_vmcb(v)->exit_code);

	hvm_count(v, (enum hvm_exit)row->count);
	row->handle(v);
}

void svm_describe_exit(const struct vcpu *v, char *buf, size_t size)
{
	const struct vmcb *b = svm_vmcb(v);

	snprintf(buf, size, "SVM exit %#lx (%s) info %#lx %#lx", (unsigned long)b->exit_code,
		 find_row(b->exit_code)->name, (unsigned long)b->exit_info_1,
		 (unsigned long)b->exit_info_2);
}
