// SPDX-License-Identifier: Apache-2.0
/* Exits and what is delivered at entry. */
#include "fake.h"

#include <string.h>

#include "arch/x86/cpu/regs.h"
#include "hvm/exits.h"
#include "vdev/vlapic.h"

static struct vcpu *v;
static struct fake_control *c;

static void setup(void)
{
	fake_setup(false, false);
	v = fake_vcpu(0);
	c = fake_control(v);
}

static void setup_hwdom(void)
{
	fake_setup(true, true);
	v = fake_vcpu(0);
	c = fake_control(v);
}

START_TEST(interrupts_wait_for_the_guest)
{
	vlapic_set_irq(v, 0x40, false);
	v->regs.rflags &= ~RFLAGS_IF;
	hvm_deliver_events(v);
	ck_assert(!c->offered);
	ck_assert(c->window[HVM_WINDOW_INTR]);
	v->regs.rflags |= RFLAGS_IF;
	v->hvm->shadow = true;
	hvm_deliver_events(v);
	ck_assert(!c->offered);
	v->hvm->shadow = false;
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->offered, 0x40);
	ck_assert(!c->window[HVM_WINDOW_INTR]);
	ck_assert_int_eq(vlapic_pending(v), -1);
}
END_TEST

START_TEST(an_exception_goes_first)
{
	vlapic_set_irq(v, 0x40, false);
	hvm_inject_exception(v, X86_TRAP_GP, 0x18);
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->injected.vector, X86_TRAP_GP);
	ck_assert(c->injected.has_error);
	ck_assert_uint_eq(c->injected.error, 0x18);
	ck_assert(c->window[HVM_WINDOW_INTR]);
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->offered, 0x40);
}
END_TEST

START_TEST(faults_double)
{
	hvm_inject_exception(v, X86_TRAP_PF, 2);
	hvm_inject_exception(v, X86_TRAP_GP, 0);
	ck_assert_uint_eq(v->hvm->event.vector, X86_TRAP_DF);
	hvm_inject_exception(v, X86_TRAP_UD, HVM_NO_ERROR);
	ck_assert_uint_eq(fake_crashes, 1);
	v->hvm->event.valid = false;
	hvm_inject_exception(v, X86_TRAP_DB, HVM_NO_ERROR);
	hvm_inject_exception(v, X86_TRAP_PF, 0);
	ck_assert_uint_eq(v->hvm->event.vector, X86_TRAP_PF);
}
END_TEST

/* APM vol. 2, table 8-3, all of it. */
START_TEST(which_faults_double)
{
	static const bool table[3][3] = {{0, 0, 0}, {0, 1, 0}, {0, 1, 1}};
	static const uint8_t kinds[3][2] = {
		{X86_TRAP_DB, X86_TRAP_UD}, {X86_TRAP_DE, X86_TRAP_GP}, {X86_TRAP_PF, X86_TRAP_PF}};

	for (unsigned int i = 0; i < 6; i++)
		for (unsigned int j = 0; j < 6; j++) {
			uint8_t second = kinds[j / 2][j & 1];

			v->hvm->event.valid = false;
			hvm_inject_exception(v, kinds[i / 2][i & 1], 0);
			hvm_inject_exception(v, second, 0);
			ck_assert_uint_eq(v->hvm->event.vector,
					  table[i / 2][j / 2] ? X86_TRAP_DF : second);
		}
}
END_TEST

START_TEST(nmis_do_not_nest)
{
	v->regs.rflags &= ~RFLAGS_IF;
	hvm_request_nmi(v);
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->injected.type, HVM_EV_NMI);
	ck_assert(c->window[HVM_WINDOW_NMI]);
	c->injected.valid = false;
	hvm_request_nmi(v);
	hvm_deliver_events(v);
	ck_assert(!c->injected.valid);
	hvm_exit_iret(v);
	hvm_deliver_events(v);
	ck_assert(!c->injected.valid); /* not before the IRET is done */
	ck_assert(c->window[HVM_WINDOW_INTR]);
	v->hvm->shadow = false;
	hvm_deliver_events(v);
	ck_assert(c->injected.valid);
	ck_assert(!c->window[HVM_WINDOW_INTR]);
}
END_TEST

START_TEST(an_nmi_behind_an_exception_is_not_forgotten)
{
	hvm_inject_exception(v, X86_TRAP_UD, HVM_NO_ERROR);
	hvm_request_nmi(v);
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->injected.vector, X86_TRAP_UD);
	ck_assert(c->window[HVM_WINDOW_INTR]);
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->injected.type, HVM_EV_NMI);
	ck_assert(!c->window[HVM_WINDOW_INTR]);
}
END_TEST

START_TEST(a_callback_vector_needs_no_apic)
{
	fake_domain.hvm_params[HVM_PARAM_CALLBACK_IRQ] = 2ULL << 56 | 0xf3;
	hvm_upcall(v);
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->offered, 0);
	v->vcpu_info->evtchn_upcall_pending = 1;
	ck_assert(hvm_wakeup_pending(v));
	v->regs.rflags &= ~RFLAGS_IF; /* the hardware waits for it */
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->offered, 0xf3);
	ck_assert(!c->window[HVM_WINDOW_INTR]);
	v->upcall_vector = 0x88; /* the per-vCPU vector takes over */
	hvm_upcall(v);
	ck_assert_int_eq(vlapic_pending(v), 0x88);
}
END_TEST

/* The local APIC's interrupt needs the window, and goes first; once it is taken the callback has its turn. */
START_TEST(a_callback_comes_behind_the_apic)
{
	fake_domain.hvm_params[HVM_PARAM_CALLBACK_IRQ] = 2ULL << 56 | 0xf3;
	v->vcpu_info->evtchn_upcall_pending = 1;
	vlapic_set_irq(v, 0x40, false);
	v->regs.rflags &= ~RFLAGS_IF;
	hvm_deliver_events(v);
	ck_assert(c->window[HVM_WINDOW_INTR]);
	ck_assert_uint_eq(c->offered, 0);
	v->regs.rflags |= RFLAGS_IF;
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->offered, 0x40);
	ck_assert(!c->window[HVM_WINDOW_INTR]);
	/* The host's interrupt came before it. What comes next waits, an NMI does not. */
	v->regs.rflags &= ~RFLAGS_IF;
	ck_assert(hvm_wakeup_pending(v));
	vlapic_set_irq(v, 0x50, false);
	hvm_request_nmi(v);
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->injected.type, HVM_EV_NMI);
	ck_assert_uint_eq(c->offered, 0x40);
	ck_assert(!c->window[HVM_WINDOW_INTR]);
	c->offered = 0; /* taken */
	vlapic_write(v, 0xb0, 0);
	hvm_deliver_events(v);
	ck_assert(c->window[HVM_WINDOW_INTR]);
	v->regs.rflags |= RFLAGS_IF;
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->offered, 0x50);
	c->offered = 0;
	hvm_deliver_events(v);
	ck_assert_uint_eq(c->offered, 0xf3);
	hvm_request_init(v);
	hvm_handle_requests(v);
	ck_assert(!c->offered);
	ck_assert(!v->hvm->accepted);
}
END_TEST

/* Length of the instruction at @code if it is @what, else 0. */
static unsigned int length(enum emul_op what, const uint8_t *code, size_t len, unsigned int width)
{
	struct emul_insn insn;

	return !emul_decode(&v->regs, width, code, len, &insn) && insn.op == what ? insn.len : 0;
}

START_TEST(lengths_of_known_instructions)
{
	static const uint8_t lock[] = {0xf0, 0x0f, 0xa2}, rex[] = {0x48, 0x0f, 0xa2},
			     many[] = {0x66, 0xf2, 0x2e, 0x4f, 0x0f, 0xa2},
			     cr8[] = {0x45, 0x0f, 0x22, 0xc3}, vmcall[] = {0x0f, 0x01, 0xc1},
			     vmmcall[] = {0x0f, 0x01, 0xd9}, xsetbv[] = {0x0f, 0x01, 0xd1},
			     vmrun[] = {0x0f, 0x01, 0xd8}, sgdt[] = {0x0f, 0x01, 0x01};
	struct emul_insn insn;

	ck_assert_uint_eq(length(EMUL_CPUID, rex + 1, 2, 8), 2);
	ck_assert_uint_eq(length(EMUL_CPUID, rex, 3, 8), 3);
	ck_assert_uint_eq(length(EMUL_CPUID, rex, 3, 4), 0);
	ck_assert_uint_eq(length(EMUL_CPUID, many, 6, 8), 6);
	ck_assert_uint_eq(length(EMUL_CPUID, many, 5, 8), 0);
	ck_assert_uint_eq(length(EMUL_CPUID, many, 0, 8), 0);
	ck_assert_uint_eq(length(EMUL_RDMSR, rex, 3, 8), 0);
	ck_assert_uint_eq(length(EMUL_CPUID, lock, 3, 8), 3);
	ck_assert_uint_eq(length(EMUL_VMCALL, vmcall, 3, 8), 3);
	ck_assert_uint_eq(length(EMUL_VMMCALL, vmmcall, 3, 4), 3);
	ck_assert_uint_eq(length(EMUL_XSETBV, xsetbv, 3, 8), 3);
	ck_assert_int_eq(emul_decode(&v->regs, 8, vmrun, 3, &insn), -EINVAL);
	ck_assert_int_eq(emul_decode(&v->regs, 8, sgdt, 3, &insn), -EINVAL);
	ck_assert_int_eq(emul_decode(&v->regs, 8, vmcall, 2, &insn), -E2BIG);
	ck_assert_uint_eq(length(EMUL_MOV_TO_CR, cr8, 4, 8), 4);
	ck_assert_int_eq(emul_decode(&v->regs, 8, cr8, 4, &insn), 0);
	ck_assert_uint_eq(insn.reg, 11);
}
END_TEST

START_TEST(exits_move_on_only_when_the_code_is_there)
{
	CODE("\x0f\xa2");
	v->regs.rax = 0x40000000;
	hvm_exit_cpuid(v);
	ck_assert_uint_eq(v->regs.rip, 0x1002);
	ck_assert_uint_eq(v->regs.rbx, 0x566e6558);
	hvm_exit_hlt(v); /* memory says otherwise */
	ck_assert_uint_eq(v->regs.rip, 0x1002);
	ck_assert_int_eq(v->state, VCPU_RUNNING);
	CODE("\xf4");
	hvm_exit_hlt(v);
	ck_assert_uint_eq(v->regs.rip, 0x1003);
	ck_assert_int_eq(v->state, VCPU_BLOCKED);
	v->state = VCPU_RUNNING;
	CODE("\x0f\x08"); /* INVD, whichever of the two it is said to be */
	hvm_exit_cache(v);
	ck_assert_uint_eq(v->regs.rip, 0x1005);
	CODE("\x0f\x09");
	hvm_exit_cache(v);
	ck_assert_uint_eq(v->regs.rip, 0x1007);
	v->regs.rflags &= ~RFLAGS_IF;
	CODE("\xf4");
	hvm_exit_hlt(v);
	ck_assert_int_eq(v->state, VCPU_DOWN);
}
END_TEST

START_TEST(hypercalls_have_rings_and_restarts)
{
	CODE("\x0f\x01\xd9");
	c->cpl = 3;
	hvm_exit_vmmcall(v);
	ck_assert_int_eq((int64_t)v->regs.rax, -EPERM);
	ck_assert_uint_eq(v->regs.rip, 0x1003);
	c->cpl = 0;
	CODE("\x0f\x01\xd9");
	v->regs.rax = 17;
	v->regs.rdi = 5;
	fake_hypercall_result = -ERESTART;
	hvm_exit_vmmcall(v);
	ck_assert_uint_eq(v->regs.rip, 0x1003);
	ck_assert_uint_eq(v->regs.rax, 17);
	ck_assert_uint_eq(v->regs.rdi, 6);
	fake_hypercall_result = 99;
	hvm_exit_vmmcall(v);
	ck_assert_uint_eq(v->regs.rax, 99);
	CODE("\x0f\x01\xc1");
	hvm_exit_undefined(v); /* the other vendor's opcode */
	ck_assert_uint_eq(v->regs.rip, 0x1009);
	CODE("\x0f\x0b");
	hvm_exit_undefined(v);
	ck_assert_uint_eq(v->hvm->event.vector, X86_TRAP_UD);
	v->hvm->event.valid = false;
	/* 32-bit callers get what needs no translation. */
	c->seg[HVM_CS].attr = 0xc9b;
	CODE("\x0f\x01\xd9\x0f\x01\xd9");
	v->regs.rax = __HYPERVISOR_memory_op;
	hvm_exit_vmmcall(v);
	ck_assert_uint_eq(v->regs.rax, (uint32_t)-ENOSYS);
	v->regs.rax = __HYPERVISOR_xen_version;
	hvm_exit_vmmcall(v);
	ck_assert_uint_eq(v->regs.rax, 99);
}
END_TEST

START_TEST(msr_exits_fault)
{
	CODE("\x0f\x32");
	v->regs.rcx = 0x3a;
	hvm_exit_rdmsr(v);
	ck_assert_uint_eq(v->hvm->event.vector, X86_TRAP_GP);
	ck_assert_uint_eq(v->regs.rip, 0x1000);
}
END_TEST

START_TEST(single_steps_are_seen)
{
	v->regs.rflags |= RFLAGS_TF;
	CODE("\x0f\xa2");
	hvm_exit_cpuid(v);
	ck_assert_uint_eq(v->hvm->event.vector, X86_TRAP_DB);
	ck_assert_uint_ne(c->reg[HVM_DR6] & 1u << 14, 0);
}
END_TEST

START_TEST(apic_page_is_emulated)
{
	CODE("\x8b\x03"); /* mov (%rbx),%eax */
	v->regs.rbx = 0xfee00030;
	hvm_exit_npf(v, 0xfee00030, false, false, false);
	ck_assert_uint_eq(v->regs.rax, 0x50014);
	ck_assert_uint_eq(v->regs.rip, 0x1002);
	CODE("\xc7\x03\x50\x00\x00\x00");
	v->regs.rbx = 0xfee00080;
	hvm_exit_npf(v, 0xfee00080, true, false, false);
	ck_assert_uint_eq(vlapic_get_tpr(v), 0x50);
	CODE("\x66\xc7\x03\x10\x00"); /* a half register is not written */
	hvm_exit_npf(v, 0xfee00080, true, false, false);
	ck_assert_uint_eq(vlapic_get_tpr(v), 0x50);
}
END_TEST

START_TEST(nothing_reads_as_ones)
{
	CODE("\x8b\x03");
	v->regs.rbx = 0xd0000000;
	hvm_exit_npf(v, 0xd0000000, false, false, false);
	ck_assert_uint_eq(v->regs.rax, 0xffffffff);
	CODE("\x89\x03");
	hvm_exit_npf(v, 0xd0000000, true, false, false);
	ck_assert_uint_eq(v->regs.rip, 0x1004);
	ck_assert_uint_eq(fake_mapped, 0);
	hvm_exit_npf(v, 0xd0000000, false, true, false);
	ck_assert_uint_eq(v->hvm->event.vector, X86_TRAP_GP);
	hvm_exit_npf(v, 0xd0000000, false, false, true);
	ck_assert_uint_eq(fake_crashes, 1);
	hvm_exit_npf(v, 0x2000, true, false, false); /* mapped meanwhile: again */
	ck_assert_uint_eq(v->regs.rip, 0x1004);
}
END_TEST

START_TEST(a_string_from_memory_to_the_apic)
{
	uint32_t tpr = 0x30;

	memcpy(fake_mem + 0x3000, &tpr, sizeof(tpr));
	CODE("\xa5");
	v->regs.rsi = 0x3000;
	v->regs.rdi = 0xfee00080;
	hvm_exit_npf(v, 0xfee00080, true, false, false);
	ck_assert_uint_eq(vlapic_get_tpr(v), 0x30);
	CODE("\xa5");
	v->regs.rsi = 0xdead0ff0; /* faults in the guest's own tables */
	hvm_exit_npf(v, 0xfee00080, true, false, false);
	ck_assert_uint_eq(v->hvm->event.vector, X86_TRAP_PF);
	ck_assert_uint_eq(c->reg[HVM_CR2], 0xdead0ff0);
}
END_TEST

START_TEST(ports_float)
{
	v->regs.rax = 0x1200;
	hvm_exit_io(v, 0x61, 1, false, 0x1002);
	ck_assert_uint_eq(v->regs.rax, 0x12ff);
	ck_assert_uint_eq(v->regs.rip, 0x1002);
	hvm_exit_io(v, 0x61, 4, false, 0x1002);
	ck_assert_uint_eq(v->regs.rax, 0xffffffff);
}
END_TEST

START_TEST(device_memory_is_mapped_for_its_owner)
{
	hvm_exit_npf(v, 0xd0000000, true, false, false);
	ck_assert_uint_eq(fake_mapped, 1);
	ck_assert_uint_eq(v->regs.rip, 0x1000);
	hvm_exit_npf(v, 0x7ff00000, true, false, false); /* RAM, but not its own */
	ck_assert_uint_eq(fake_mapped, 1);
	CODE("\x8b\x03");
	v->regs.rbx = 0xfee00030; /* x2APIC mode: no page, never the host's */
	v->hvm->event.valid = false;
	hvm_exit_npf(v, 0xfee00030, false, false, false);
	ck_assert_uint_eq(fake_mapped, 1);
}
END_TEST

Suite *events_suite(void)
{
	Suite *s = suite_create("exits and events");
	TCase *tc = tcase_create("guest"), *hw = tcase_create("hardware domain");

	tcase_add_checked_fixture(tc, setup, fake_teardown);
	tcase_add_test(tc, interrupts_wait_for_the_guest);
	tcase_add_test(tc, an_exception_goes_first);
	tcase_add_test(tc, faults_double);
	tcase_add_test(tc, which_faults_double);
	tcase_add_test(tc, nmis_do_not_nest);
	tcase_add_test(tc, an_nmi_behind_an_exception_is_not_forgotten);
	tcase_add_test(tc, a_callback_vector_needs_no_apic);
	tcase_add_test(tc, a_callback_comes_behind_the_apic);
	tcase_add_test(tc, lengths_of_known_instructions);
	tcase_add_test(tc, exits_move_on_only_when_the_code_is_there);
	tcase_add_test(tc, hypercalls_have_rings_and_restarts);
	tcase_add_test(tc, msr_exits_fault);
	tcase_add_test(tc, single_steps_are_seen);
	tcase_add_test(tc, apic_page_is_emulated);
	tcase_add_test(tc, nothing_reads_as_ones);
	tcase_add_test(tc, a_string_from_memory_to_the_apic);
	tcase_add_test(tc, ports_float);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(hw, setup_hwdom, fake_teardown);
	tcase_add_test(hw, device_memory_is_mapped_for_its_owner);
	suite_add_tcase(s, hw);
	return s;
}
