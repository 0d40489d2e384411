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
	uint8_t count;  /* enum hvm_exit */
	uint8_t vector; /* of the exception that reflect() makes of it */
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
	uint32_t info = (uint32_t)b->exit_info_1;

	if (info & 4)
		hvm_exit_string_io(v);
	else
		hvm_exit_io(v, (uint16_t)(info >> 16), info >> 4 & 7, !(info & 1), b->exit_info_2);
}

/* APM vol. 2, 15.25.6: EXITINFO1 is a page-fault error code, bit 33 marks a guest table walk. */
static void on_npf(struct vcpu *v)
{
	const struct vmcb *b = svm_vmcb(v);
	uint64_t info = b->exit_info_1;

	hvm_exit_npf(v, b->exit_info_2, info & 2, info & 16, info >> 33 & 1);
}

/* What the guest may not do, and exceptions that are intercepted only so that it cannot recurse in them. */
static void reflect(struct vcpu *v)
{
	uint8_t vector = find_row(svm_vmcb(v)->exit_code)->vector;
	bool error = vector == X86_TRAP_GP || vector == X86_TRAP_AC;

	hvm_inject_exception(v, vector, error ? 0 : HVM_NO_ERROR);
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

#define FORBIDDEN(n)                                        \
	{                                                   \
		n, reflect, HVM_EXIT_FORBIDDEN, X86_TRAP_UD \
	}

/* By exit code. */
static const struct exit_row exits[] = {
	[SVM_EXIT_CR8_WRITE] = {"MOV CR8", hvm_exit_mov_cr8, HVM_EXIT_CR},
	[0x20 ... 0x3f] = {"MOV DR", hvm_exit_debug_reg, HVM_EXIT_DR},
	/* #DB and #AC are benign, but can recur for ever without an instruction done. */
	[0x41] = {"#DB", reflect, HVM_EXIT_EXCEPTION, X86_TRAP_DB},
	[0x46] = {"#UD", hvm_exit_undefined, HVM_EXIT_EXCEPTION},
	[0x51] = {"#AC", reflect, HVM_EXIT_EXCEPTION, X86_TRAP_AC},
	[0x52] = {"#MC", on_machine_check, HVM_EXIT_EXCEPTION},
	[0x60] = {"INTR", on_intr, HVM_EXIT_INTR},
	[0x61] = {"NMI", on_nothing, HVM_EXIT_NMI},
	[0x62] = {"SMI", on_nothing, HVM_EXIT_NMI},
	[0x63] = {"INIT", on_nothing, HVM_EXIT_NMI},
	[SVM_EXIT_VINTR] = {"VINTR", on_nothing, HVM_EXIT_WINDOW},
	[0x6f] = {"RDPMC", reflect, HVM_EXIT_FORBIDDEN, X86_TRAP_GP},
	[0x72] = {"CPUID", hvm_exit_cpuid, HVM_EXIT_CPUID},
	[0x73] = FORBIDDEN("RSM"),
	[SVM_EXIT_IRET] = {"IRET", hvm_exit_iret, HVM_EXIT_WINDOW},
	[0x76] = {"INVD", hvm_exit_cache, HVM_EXIT_CACHE},
	[SVM_EXIT_PAUSE] = {"PAUSE", hvm_exit_pause, HVM_EXIT_PAUSE},
	[0x78] = {"HLT", hvm_exit_hlt, HVM_EXIT_HLT},
	[0x7a] = FORBIDDEN("INVLPGA"),
	[0x7b] = {"IO", on_io, HVM_EXIT_IO},
	[0x7c] = {"MSR", on_msr, HVM_EXIT_MSR},
	[0x7d] = {"hardware task switch", on_fatal, HVM_EXIT_FATAL},
	[0x7f] = {"triple fault", on_fatal, HVM_EXIT_FATAL},
	[0x80] = FORBIDDEN("VMRUN"),
	[0x81] = {"VMMCALL", hvm_exit_vmmcall, HVM_EXIT_HYPERCALL},
	[0x82] = FORBIDDEN("VMLOAD"),
	[0x83] = FORBIDDEN("VMSAVE"),
	[0x84] = FORBIDDEN("STGI"),
	[0x85] = FORBIDDEN("CLGI"),
	[0x86] = FORBIDDEN("SKINIT"),
	[0x89] = {"WBINVD", hvm_exit_cache, HVM_EXIT_CACHE},
	[0x8a] = FORBIDDEN("MONITOR"),
	[0x8b ... 0x8c] = FORBIDDEN("MWAIT"),
	[0x8d] = {"XSETBV", hvm_exit_xsetbv, HVM_EXIT_XSETBV},
	[0x8e] = FORBIDDEN("RDPRU"), /* shown to no guest (cpuid.c), yet the CPU would execute it */
};

static const struct exit_row npf_row = {"NPF", on_npf, HVM_EXIT_NPF, 0};
/*
 * VMRUN refused what the guest left in its control or debug registers (APM vol. 2, 15.5.1). A processor
 * lets no guest get so far, the MOV faults; QEMU's does, and overwrites the registers in the control block.
 */
static const struct exit_row invalid_row = {"invalid registers", on_fatal, HVM_EXIT_FATAL, 0};
static const struct exit_row unknown_row = {"unknown exit", on_fatal, HVM_EXIT_FATAL, 0};

static const struct exit_row *find_row(uint64_t code)
{
	if (code < ARRAY_SIZE(exits) && exits[code].handle)
		return &exits[code];
	if (code == SVM_EXIT_NPF)
		return &npf_row;
	return (int32_t)code == SVM_EXIT_INVALID ? &invalid_row : &unknown_row;
}

void svm_intercept_all(struct vmcb *b)
{
	for (unsigned int code = 0; code < ARRAY_SIZE(exits); code++)
		if (exits[code].handle)
			svm_intercept(b, code, true);
}

void svm_handle_exit(struct vcpu *v)
{
	const struct exit_row *row = find_row(svm_vmcb(v)->exit_code);

	v->hvm->exits[row->count]++;
	row->handle(v);
}

void svm_describe_exit(const struct vcpu *v, char *buf, size_t size)
{
	const struct vmcb *b = svm_vmcb(v);

	snprintf(buf, size, "SVM exit %#lx (%s) info %#lx %#lx", (unsigned long)b->exit_code,
		 find_row(b->exit_code)->name, (unsigned long)b->exit_info_1,
		 (unsigned long)b->exit_info_2);
}
