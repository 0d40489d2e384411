// SPDX-License-Identifier: Apache-2.0
/* Exits that every backend has: what the guest asked for, and what it gets. */
#include "hvm/exits.h"

#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/regs.h"
#include "emul/emul.h"
#include "hvm/hvm.h"
#include "hvm/xstate.h"
#include "lib/errno.h"

void hvm_exit_cpuid(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, INSN_CPUID);
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
	unsigned int len = hvm_insn_length(v, INSN_HLT);

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

/* Each returns whether the call is done; if not the guest makes it again with what is left to do. */

static __inlined bool hypercall_64(struct vcpu *v)
{
	struct guest_regs *r = &v->regs;
	struct hypercall hc = {.v = v,
			       .nr = (uint32_t)r->rax,
			       .arg = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}};
	long rc = hypercall_dispatch(&hc);

	if (rc != -ERESTART) {
		r->rax = (uint64_t)rc;
		return true;
	}
	r->rdi = hc.arg[0];
	r->rsi = hc.arg[1];
	r->rdx = hc.arg[2];
	r->r10 = hc.arg[3];
	r->r8 = hc.arg[4];
	r->r9 = hc.arg[5];
	return false;
}

static bool hypercall_32(struct vcpu *v)
{
	struct guest_regs *r = &v->regs;
	struct hypercall hc = {.v = v,
			       .nr = (uint32_t)r->rax,
			       .arg = {(uint32_t)r->rbx, (uint32_t)r->rcx, (uint32_t)r->rdx,
				       (uint32_t)r->rsi, (uint32_t)r->rdi, (uint32_t)r->rbp}};
	long rc = -ENOSYS;

	if (hc.nr < 64 && (same_in_32_bit >> hc.nr & 1))
		rc = hypercall_dispatch(&hc);
	if (rc != -ERESTART) {
		r->rax = (uint32_t)rc;
		return true;
	}
	r->rbx = (uint32_t)hc.arg[0];
	r->rcx = (uint32_t)hc.arg[1];
	r->rdx = (uint32_t)hc.arg[2];
	r->rsi = (uint32_t)hc.arg[3];
	r->rdi = (uint32_t)hc.arg[4];
	r->rbp = (uint32_t)hc.arg[5];
	return false;
}

static __inlined void make_hypercall(struct vcpu *v, enum known_insn what)
{
	unsigned int len = hvm_insn_length(v, what);
	struct hvm_mode mode = virt->get_mode(v);
	bool done = true;

	if (!len)
		return;
	if (mode.cpl != 0)
		v->regs.rax = (uint64_t)-EPERM;
	else if (mode.code64)
		done = hypercall_64(v);
	else if ((virt->get_reg(v, HVM_CR0) & X86_CR0_PE) && !(v->regs.rflags & RFLAGS_VM))
		done = hypercall_32(v);
	else
		v->regs.rax = (uint64_t)-EINVAL;
	if (done)
		hvm_advance(v, len);
}

void hvm_exit_vmmcall(struct vcpu *v)
{
	make_hypercall(v, INSN_VMMCALL);
}

void hvm_exit_undefined(struct vcpu *v)
{
	uint8_t code[INSN_MAX];
	size_t n = hvm_fetch(v, code, sizeof(code));

	if (insn_match(INSN_VMCALL, code, n, hvm_long_mode(v), NULL))
		make_hypercall(v, INSN_VMCALL);
	else
		hvm_inject_exception(v, X86_TRAP_UD, HVM_NO_ERROR);
}

/* ---- registers ---- */

void hvm_exit_rdmsr(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, INSN_RDMSR);
	uint64_t value;

	if (!len)
		return;
	if (hvm_rdmsr(v, (uint32_t)v->regs.rcx, &value)) {
		hvm_inject_exception(v, X86_TRAP_GP, 0);
		return;
	}
	v->regs.rax = (uint32_t)value;
	v->regs.rdx = value >> 32;
	hvm_advance(v, len);
}

void hvm_exit_wrmsr(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, INSN_WRMSR);
	uint64_t value = (uint32_t)v->regs.rax | v->regs.rdx << 32;

	if (!len)
		return;
	if (hvm_wrmsr(v, (uint32_t)v->regs.rcx, value)) {
		hvm_inject_exception(v, X86_TRAP_GP, 0);
		return;
	}
	hvm_advance(v, len);
}

void hvm_exit_xsetbv(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, INSN_XSETBV);
	uint64_t value = (uint32_t)v->regs.rax | v->regs.rdx << 32;

	if (!len)
		return;
	if (virt->get_mode(v).cpl != 0 || (uint32_t)v->regs.rcx != 0 || xstate_set_xcr0(v, value)) {
		hvm_inject_exception(v, X86_TRAP_GP, 0);
		return;
	}
	hvm_advance(v, len);
}

void hvm_exit_mov_cr8(struct vcpu *v)
{
	uint8_t code[INSN_MAX];
	uint16_t modrm = 0;
	unsigned int len = insn_match(INSN_MOV_CR8, code, hvm_fetch(v, code, sizeof(code)),
				      hvm_long_mode(v), &modrm);
	uint64_t value;

	if (!len)
		return;
	value = *emul_reg(&v->regs, (modrm & 7u) | (modrm & 0x100 ? 8u : 0));
	if (value & ~0xfULL) {
		hvm_inject_exception(v, X86_TRAP_GP, 0);
		return;
	}
	vlapic_set_tpr(v, (uint8_t)(value << 4));
	hvm_advance(v, len);
}

/* ---- the rest ---- */

void hvm_exit_cache(struct vcpu *v)
{
	/* QEMU reports either instruction as WBINVD. */
	unsigned int len = hvm_insn_length(v, INSN_WBINVD) ?: hvm_insn_length(v, INSN_INVD);

	if (!len)
		return;
	/* Only the owner of devices has memory that is not coherent. INVD must not lose our writes. */
	if (v->domain->is_hwdom)
		wbinvd();
	hvm_advance(v, len);
}

void hvm_exit_pause(struct vcpu *v)
{
	unsigned int len = hvm_insn_length(v, INSN_PAUSE);

	if (!len)
		return;
	hvm_advance(v, len);
	vcpu_yield(v);
}

void hvm_exit_io(struct vcpu *v, const struct hvm_io *io)
{
	if (io->string) {
		hvm_emulate(v);
		return;
	}
	if (io->in)
		emul_set_reg(&v->regs, 0, io->size, hvm_port_read(v, io->port, io->size));
	else
		hvm_port_write(v, io->port, io->size, (uint32_t)v->regs.rax);
	hvm_advance(v, (unsigned int)(io->next_rip - v->regs.rip));
}
