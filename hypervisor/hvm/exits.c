// SPDX-License-Identifier: Apache-2.0
/* Exits that every backend has: what the guest asked for, and what it gets. */
#include "hvm/exits.h"

#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/regs.h"
#include "hvm/hvm.h"
#include "lib/errno.h"

#define DR6_BS (1ULL << 14)

void hvm_exit_cpuid(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, EMUL_CPUID);
	uint32_t out[4];

	if (!len)
		return;
	hvm_cpuid(v, (uint32_t)v->regs.rax, (uint32_t)v->regs.rcx, out);
	v->regs.rax = out[0];
	v->regs.rbx = out[1];
	v->regs.rcx = out[2];
	v->regs.rdx = out[3];
	hvm_advance(v, len);
}

void hvm_exit_hlt(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, EMUL_HLT);

	if (!len)
		return;
	hvm_advance(v, len);
	if (!(v->regs.rflags & RFLAGS_IF) && !v->hvm->nmi_pending) {
		/* Nothing but INIT can wake it: this is how a PVH guest powers off (abi.md, 3.2). */
		vcpu_down(v);
		return;
	}
	if (!hvm_wakeup_pending(v))
		vcpu_block(v);
}

/* ---- hypercalls ---- */

/* Calls whose arguments look the same in 32-bit and 64-bit guests. */
static const uint64_t same_in_32_bit =
	1ULL << __HYPERVISOR_xen_version | 1ULL << __HYPERVISOR_console_io |
	1ULL << __HYPERVISOR_sched_op | 1ULL << __HYPERVISOR_event_channel_op |
	1ULL << __HYPERVISOR_hvm_op;

/* The registers of a call's arguments, as the instruction set numbers them. */
static const uint8_t args_64[6] = {7, 6, 2, 10, 8, 9}; /* RDI RSI RDX R10 R8 R9 */
static const uint8_t args_32[6] = {3, 1, 2, 6, 7, 5};  /* EBX ECX EDX ESI EDI EBP */

/* Return: whether the call is done; if not the guest makes it again with what is left to do. */
static __inlined bool hypercall(struct vcpu *v, const uint8_t args[6], bool narrow)
{
	const uint64_t mask = narrow ? 0xffffffff : ~0ULL;
	struct hypercall hc = {.v = v, .nr = (uint32_t)v->regs.rax};
	long rc = -ENOSYS;

	for (unsigned int i = 0; i < 6; i++)
		hc.arg[i] = v->regs.gpr[args[i]] & mask;
	if (!narrow || (hc.nr < 64 && (same_in_32_bit >> hc.nr & 1)))
		rc = hypercall_dispatch(&hc);
	if (rc != -ERESTART) {
		v->regs.rax = (uint64_t)rc & mask;
		return true;
	}
	for (unsigned int i = 0; i < 6; i++)
		v->regs.gpr[args[i]] = hc.arg[i] & mask;
	return false;
}

static __inlined void make_hypercall(struct vcpu *v, enum emul_op what)
{
	unsigned int len = hvm_insn_length(v, what);
	struct hvm_mode mode = virt->get_mode(v);
	bool done = true;

	if (!len)
		return;
	if (mode.cpl != 0)
		v->regs.rax = (uint64_t)-EPERM;
	else if (mode.code64)
		done = hypercall(v, args_64, false);
	else if ((virt->get_reg(v, HVM_CR0) & X86_CR0_PE) && !(v->regs.rflags & RFLAGS_VM))
		done = hypercall(v, args_32, true);
	else
		v->regs.rax = (uint64_t)-EINVAL;
	if (done)
		hvm_advance(v, len);
}

void hvm_exit_vmmcall(struct vcpu *v)
{
	make_hypercall(v, EMUL_VMMCALL);
}

void hvm_exit_undefined(struct vcpu *v)
{
	struct emul_insn insn;

	if (!hvm_decode(v, &insn) && insn.op == EMUL_VMCALL)
		make_hypercall(v, EMUL_VMCALL);
	else
		hvm_inject_exception(v, X86_TRAP_UD, HVM_NO_ERROR);
}

/* ---- registers ---- */

/* The instruction of @len bytes is done, or not allowed. */
static __inlined void finish(struct vcpu *v, unsigned int len, bool allowed)
{
	if (allowed)
		hvm_advance(v, len);
	else
		hvm_inject_exception(v, X86_TRAP_GP, 0);
}

static uint64_t edx_eax(const struct vcpu *v)
{
	return (uint32_t)v->regs.rax | v->regs.rdx << 32;
}

void hvm_exit_rdmsr(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, EMUL_RDMSR);
	uint64_t value;
	int rc;

	if (!len)
		return;
	rc = hvm_rdmsr(v, (uint32_t)v->regs.rcx, &value);
	if (!rc) {
		v->regs.rax = (uint32_t)value;
		v->regs.rdx = value >> 32;
	}
	finish(v, len, !rc);
}

void hvm_exit_wrmsr(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, EMUL_WRMSR);

	if (len)
		finish(v, len, !hvm_wrmsr(v, (uint32_t)v->regs.rcx, edx_eax(v)));
}

void hvm_exit_xsetbv(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, EMUL_XSETBV);

	if (len)
		finish(v, len,
		       virt->get_mode(v).cpl == 0 && (uint32_t)v->regs.rcx == 0 &&
			       !xstate_set_xcr0(v, edx_eax(v)));
}

void hvm_exit_mov_cr8(struct vcpu *v)
{
	struct emul_insn insn;
	uint64_t value;

	if (hvm_decode(v, &insn) || insn.op != EMUL_MOV_TO_CR)
		return;
	value = v->regs.gpr[insn.reg];
	if (value <= 0xf)
		vlapic_set_tpr(v, (uint8_t)(value << 4));
	finish(v, insn.len, value <= 0xf);
}

__noinline void hvm_single_step(struct vcpu *v)
{
	virt->set_reg(v, HVM_DR6, virt->get_reg(v, HVM_DR6) | DR6_BS);
	hvm_inject_exception(v, X86_TRAP_DB, HVM_NO_ERROR);
}

/* ---- the rest ---- */

void hvm_exit_cache(struct vcpu *v)
{
	/* QEMU reports either instruction as WBINVD. */
	unsigned int len = hvm_insn_length(v, EMUL_WBINVD) ?: hvm_insn_length(v, EMUL_INVD);

	if (!len)
		return;
	/* Only the owner of devices has memory that is not coherent. INVD must not lose our writes. */
	if (v->domain->is_hwdom)
		wbinvd();
	hvm_advance(v, len);
}

void hvm_exit_pause(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, EMUL_PAUSE);

	if (!len)
		return;
	hvm_advance(v, len);
	vcpu_yield(v);
}
