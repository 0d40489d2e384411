// SPDX-License-Identifier: Apache-2.0
/* Local and IO-APIC: priorities, EOI, messages, timer, lines of the host. */
#include "fake.h"

#include "arch/x86/cpu/ioapic.h"
#include "arch/x86/cpu/msr.h"
#include "hvm/exits.h"
#include "vdev/vioapic.h"
#include "vdev/vlapic.h"

static void setup_x2apic(void)
{
	fake_setup(false, true);
}

static void setup_xapic(void)
{
	fake_setup(false, false);
}

static void setup_hwdom(void)
{
	fake_setup(true, true);
	ck_assert_int_eq(vioapic_create(&fake_domain), 0);
}

static void teardown_hwdom(void)
{
	vioapic_destroy(&fake_domain);
	fake_teardown();
}

static uint64_t rd(unsigned int v, uint32_t msr)
{
	uint64_t value;

	ck_assert_int_eq(vlapic_rdmsr(fake_vcpu(v), msr, &value), 0);
	return value;
}

static void wr(unsigned int v, uint32_t msr, uint64_t value)
{
	ck_assert_int_eq(vlapic_wrmsr(fake_vcpu(v), msr, value), 0);
}

START_TEST(priorities_nest)
{
	struct vcpu *v = fake_vcpu(0);

	ck_assert_int_eq(vlapic_pending(v), -1);
	vlapic_set_irq(v, 0x41, false);
	vlapic_set_irq(v, 0x53, false);
	vlapic_set_irq(v, 5, false); /* no such vector */
	ck_assert_int_eq(vlapic_pending(v), 0x53);
	vlapic_accept(v, 0x53);
	ck_assert_int_eq(vlapic_pending(v), -1); /* 0x41 is below */
	ck_assert_uint_eq(rd(0, 0x80a), 0x50);   /* PPR */
	vlapic_set_irq(v, 0x5f, false);          /* same class waits */
	ck_assert_int_eq(vlapic_pending(v), -1);
	vlapic_set_irq(v, 0x60, false);
	ck_assert_int_eq(vlapic_pending(v), 0x60);
	vlapic_accept(v, 0x60);
	wr(0, 0x80b, 0);
	ck_assert_int_eq(vlapic_pending(v), -1);
	wr(0, 0x80b, 0);
	ck_assert_int_eq(vlapic_pending(v), 0x5f);
	wr(0, 0x808, 0x50); /* TPR holds it back */
	ck_assert_int_eq(vlapic_pending(v), -1);
	ck_assert(vlapic_blocked_by_tpr(v));
	wr(0, 0x808, 0x40);
	ck_assert_int_eq(vlapic_pending(v), 0x5f);
	ck_assert(!vlapic_blocked_by_tpr(v));
	ck_assert_uint_eq(fake_last_eoi, 0); /* edges tell nobody */
	wr(0, 0x80b, 0);                     /* nothing in service: harmless */
}
END_TEST

START_TEST(level_vectors_report_their_eoi)
{
	struct vcpu *v = fake_vcpu(0);

	fake_domain.is_hwdom = true; /* nobody else has devices behind an IO-APIC */
	vlapic_set_irq(v, 0x77, true);
	ck_assert_uint_eq(rd(0, 0x81b), 1u << 0x17); /* TMR */
	vlapic_accept(v, 0x77);
	wr(0, 0x80b, 0);
	ck_assert_uint_eq(fake_last_eoi, 0x77);
}
END_TEST

START_TEST(x2apic_msrs_are_strict)
{
	struct vcpu *v = fake_vcpu(1);
	uint64_t value;

	ck_assert_uint_eq(rd(1, 0x802), 2); /* APIC id = 2 * vCPU */
	ck_assert_uint_eq(rd(1, 0x80d), 4); /* logical id */
	ck_assert_int_eq(vlapic_wrmsr(v, 0x802, 9), -EINVAL);
	ck_assert_int_eq(vlapic_wrmsr(v, 0x80b, 1), -EINVAL);
	ck_assert_int_eq(vlapic_wrmsr(v, 0x808, 0x100), -EINVAL);
	ck_assert_int_eq(vlapic_rdmsr(v, 0x80e, &value), -EINVAL); /* DFR */
	ck_assert_int_eq(vlapic_rdmsr(v, 0x831, &value), -EINVAL);
	ck_assert_int_eq(vlapic_rdmsr(v, 0x8ff, &value), -EINVAL);
	ck_assert_int_eq(vlapic_wrmsr(v, 0x830, 1u << 13), -EINVAL);
	/* Modes are left and entered in order only; the page stays. */
	ck_assert_int_eq(vlapic_wrmsr(v, MSR_APIC_BASE, VLAPIC_DEFAULT_BASE | 0x800), -EINVAL);
	ck_assert_int_eq(vlapic_wrmsr(v, MSR_APIC_BASE, VLAPIC_DEFAULT_BASE | 0x400), -EINVAL);
	ck_assert_int_eq(vlapic_wrmsr(v, MSR_APIC_BASE, 0xfed00c00), -EINVAL);
	wr(1, MSR_APIC_BASE, VLAPIC_DEFAULT_BASE);
	ck_assert_int_eq(vlapic_wrmsr(v, MSR_APIC_BASE, VLAPIC_DEFAULT_BASE | 0xc00), -EINVAL);
	wr(1, MSR_APIC_BASE, VLAPIC_DEFAULT_BASE | 0x800);
	ck_assert_int_eq(vlapic_rdmsr(v, 0x802, &value), -EINVAL);
}
END_TEST

START_TEST(ipis_find_their_target)
{
	wr(0, 0x830, 4ULL << 32 | 0x80); /* physical, id 4 = vCPU 2 */
	ck_assert_int_eq(vlapic_pending(fake_vcpu(2)), 0x80);
	ck_assert_int_eq(vlapic_pending(fake_vcpu(1)), -1);
	wr(0, 0x830, 0xffffffffULL << 32 | 0x90); /* broadcast */
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		ck_assert_int_eq(vlapic_pending(fake_vcpu(i)), 0x90);
	wr(0, 0x830, 3u << 18 | 0xa0); /* all but self */
	ck_assert_int_eq(vlapic_pending(fake_vcpu(0)), 0x90);
	ck_assert_int_eq(vlapic_pending(fake_vcpu(3)), 0xa0);
	wr(1, 0x83f, 0xb0); /* self IPI */
	ck_assert_int_eq(vlapic_pending(fake_vcpu(1)), 0xb0);
	wr(0, 0x830, ((uint64_t)(1u << 6 | 1u << 4) << 32) | 1u << 11 | 0xc0); /* logical */
	ck_assert_int_eq(vlapic_pending(fake_vcpu(2)), 0xc0);
	ck_assert_int_eq(vlapic_pending(fake_vcpu(3)), 0xc0);
	ck_assert_int_eq(vlapic_pending(fake_vcpu(1)), 0xb0);
	wr(0, 0x830, 4ULL << 32 | 4u << 8); /* NMI */
	ck_assert(fake_vcpu(2)->hvm->nmi_pending);
	wr(0, 0x830, 4ULL << 32 | 3); /* vector 3 is illegal */
	wr(0, 0x828, 0);
	ck_assert_uint_eq(rd(0, 0x828), 1u << 5);
}
END_TEST

START_TEST(init_and_sipi_start_a_vcpu)
{
	struct vcpu *v = fake_vcpu(3);

	wr(0, 0x830, 6ULL << 32 | 6u << 8 | 0x9a); /* SIPI without INIT */
	ck_assert_uint_eq(v->hvm->requests, 0);
	wr(0, 0x830, 6ULL << 32 | 5u << 8 | 1u << 15); /* INIT de-assert: nothing */
	ck_assert_uint_eq(v->hvm->requests, 0);
	wr(0, 0x830, 6ULL << 32 | 5u << 8 | 3u << 14);
	ck_assert(hvm_wakeup_pending(v));
	ck_assert(!hvm_handle_requests(v));
	ck_assert_int_eq(v->state, VCPU_DOWN);
	wr(0, 0x830, 6ULL << 32 | 6u << 8 | 0x9a);
	ck_assert_int_eq(v->state, VCPU_RUNNABLE);
	ck_assert(hvm_handle_requests(v));
	ck_assert_uint_eq(v->regs.rip, 0);
	ck_assert_uint_eq(fake_control(v)->seg[HVM_CS].base, 0x9a000);
	ck_assert_uint_eq(fake_control(v)->seg[HVM_CS].sel, 0x9a00);
	ck_assert_uint_eq(fake_control(v)->reg[HVM_CR0] & 0x80000001, 0);
	wr(0, 0x830, 6ULL << 32 | 6u << 8 | 0x10); /* the second SIPI is late */
	ck_assert_uint_eq(v->hvm->requests, 0);
}
END_TEST

START_TEST(init_and_sipi_at_once)
{
	struct vcpu *v = fake_vcpu(3);

	hvm_request_init(v);
	hvm_request_sipi(v, 0x20);
	ck_assert(hvm_handle_requests(v));
	ck_assert_uint_eq(fake_control(v)->seg[HVM_CS].base, 0x20000);
}
END_TEST

static void start(struct vcpu *v)
{
	hvm_request_sipi(v, 0x30);
}

static void start_again(struct vcpu *v)
{
	hvm_request_init(v);
	hvm_request_sipi(v, 0x40);
}

/* An INIT being taken is one that was had: no message after it is lost, and each INIT undoes those before. */
START_TEST(a_sipi_meets_the_init)
{
	struct vcpu *v = fake_vcpu(3);

	v->hvm->wait_sipi = false;
	hvm_request_init(v);
	fake_meanwhile = start;
	ck_assert(!hvm_handle_requests(v));
	ck_assert_int_eq(v->state, VCPU_RUNNING);
	ck_assert(hvm_handle_requests(v));
	ck_assert_uint_eq(fake_control(v)->seg[HVM_CS].base, 0x30000);

	hvm_request_init(v);
	hvm_request_sipi(v, 0x50);
	fake_meanwhile = start_again;
	ck_assert(hvm_handle_requests(v));
	ck_assert_uint_eq(v->hvm->requests, HVM_REQ_INIT | HVM_REQ_SIPI);
	ck_assert(hvm_handle_requests(v));
	ck_assert_uint_eq(fake_control(v)->seg[HVM_CS].base, 0x40000);

	hvm_request_init(v);
	hvm_request_sipi(v, 0x50);
	hvm_request_init(v);
	ck_assert(!hvm_handle_requests(v));
	ck_assert_int_eq(v->state, VCPU_DOWN);
}
END_TEST

START_TEST(timer_counts)
{
	struct vcpu *v = fake_vcpu(0);

	wr(0, 0x832, 0x33);
	wr(0, 0x83e, 0xb); /* divide by 1 */
	wr(0, 0x838, 1000000);
	fake_now += 400000;
	ck_assert_uint_eq(rd(0, 0x839), 600000);
	fake_timers();
	ck_assert_int_eq(vlapic_pending(v), -1);
	fake_now += 600000;
	fake_timers();
	ck_assert_int_eq(vlapic_pending(v), 0x33);
	ck_assert_uint_eq(rd(0, 0x839), 0);
	vlapic_accept(v, 0x33);
	wr(0, 0x80b, 0);
	fake_now += 5000000;
	fake_timers();
	ck_assert_int_eq(vlapic_pending(v), -1); /* one shot */

	wr(0, 0x832, 0x34 | 1u << 17); /* periodic */
	wr(0, 0x83e, 0);               /* divide by 2 */
	wr(0, 0x838, 500000);
	for (unsigned int i = 0; i < 3; i++) {
		fake_now += 1000000;
		fake_timers();
		ck_assert_int_eq(vlapic_pending(v), 0x34);
		vlapic_accept(v, 0x34);
		wr(0, 0x80b, 0);
	}
	wr(0, 0x832, 0x34 | 1u << 17 | 1u << 16); /* masked */
	fake_now += 1000000;
	fake_timers();
	ck_assert_int_eq(vlapic_pending(v), -1);
	/* A silly period does not keep the host busy. */
	wr(0, 0x832, 0x34 | 1u << 17);
	wr(0, 0x838, 1);
	fake_now += 50000;
	fake_timers();
	ck_assert_int_eq(vlapic_pending(v), -1);
}
END_TEST

START_TEST(xapic_page)
{
	struct vcpu *v = fake_vcpu(1);

	ck_assert(vlapic_covers(v, 0xfee00020));
	ck_assert(!vlapic_covers(v, 0xfee01000));
	ck_assert_uint_eq(vlapic_read(v, 0x20), 2u << 24);
	ck_assert_uint_eq(vlapic_read(v, 0x24), 0);
	vlapic_write(v, 0x20, 0x55000000);
	ck_assert_uint_eq(vlapic_read(v, 0x20), 2u << 24);
	vlapic_write(v, 0xd0, 2u << 24);
	vlapic_write(fake_vcpu(0), 0x310, 2u << 24);
	vlapic_write(fake_vcpu(0), 0x300, 1u << 11 | 0x66); /* flat logical */
	ck_assert_int_eq(vlapic_pending(v), 0x66);
	vlapic_write(v, 0xe0, 0x0fffffff); /* clusters */
	vlapic_write(v, 0xd0, 0x31u << 24);
	vlapic_write(fake_vcpu(0), 0x310, 0x33u << 24);
	vlapic_write(fake_vcpu(0), 0x300, 1u << 11 | 0x77);
	ck_assert_int_eq(vlapic_pending(v), 0x77);
	vlapic_deliver_msi(&fake_domain, 0xfee02000, 0x88);
	ck_assert_int_eq(vlapic_pending(v), 0x88);
	vlapic_write(v, 0xf0, 0xff); /* disabled by software */
	ck_assert_int_eq(vlapic_pending(v), -1);
	ck_assert_uint_eq(vlapic_read(v, 0x350) & 1u << 16, 1u << 16);
	for (uint32_t off = 0; off < 0x1000; off++) /* nothing breaks it */
		vlapic_write(v, off, 0xffffffff);
}
END_TEST

START_TEST(an_upcall_survives_the_apic_being_off)
{
	struct vcpu *v = fake_vcpu(1);

	v->upcall_vector = 0xf3;
	hvm_request_init(v);
	hvm_request_sipi(v, 1);
	v->vcpu_info->evtchn_upcall_pending = 1;
	hvm_upcall(v);
	ck_assert(hvm_handle_requests(v)); /* INIT has cleared the IRR */
	ck_assert_int_eq(vlapic_pending(v), -1);
	wr(1, 0x80f, 0x1ff);
	ck_assert_int_eq(vlapic_pending(v), 0xf3);
}
END_TEST

/* ---- IO-APIC ---- */

#define IOAPIC 0xfec00000ULL

static void ioapic_write(uint32_t index, uint32_t value)
{
	vioapic_write(&fake_domain, IOAPIC, index);
	vioapic_write(&fake_domain, IOAPIC + 0x10, value);
}

static uint32_t ioapic_read(uint32_t index)
{
	vioapic_write(&fake_domain, IOAPIC, index);
	return vioapic_read(&fake_domain, IOAPIC + 0x10);
}

static void program(uint32_t pin, uint64_t rte)
{
	ioapic_write(0x11 + 2 * pin, (uint32_t)(rte >> 32));
	ioapic_write(0x10 + 2 * pin, (uint32_t)rte);
}

START_TEST(the_guest_sees_the_hosts_ioapic)
{
	ck_assert(vioapic_covers(&fake_domain, IOAPIC + 0x10));
	ck_assert(!vioapic_covers(&fake_domain, 0xfec01000));
	ck_assert_uint_eq(ioapic_read(0), 9u << 24);
	ck_assert_uint_eq(ioapic_read(1), 0x20 | 23u << 16);
	ck_assert_uint_eq(ioapic_read(0x10), 1u << 16);
	ck_assert_uint_eq(ioapic_read(0xff), 0xffffffff);
	ioapic_write(0xff, 0);
	ioapic_write(0, 0);
	ck_assert_uint_eq(ioapic_read(0), 9u << 24);
}
END_TEST

START_TEST(a_level_line_waits_for_the_guest)
{
	uint64_t rte = 0x51 | IOAPIC_RTE_LEVEL | IOAPIC_RTE_LOW;

	program(10, rte);
	ck_assert_uint_eq(fake_rte[10], rte);
	vioapic_host_irq(0x51);
	ck_assert_uint_eq(fake_host_eois, 1);
	ck_assert_uint_ne(fake_rte[10] & IOAPIC_RTE_MASKED, 0);
	ck_assert_int_eq(vlapic_pending(fake_vcpu(0)), 0x51);
	ck_assert_uint_ne(ioapic_read(0x10 + 20) & IOAPIC_RTE_IRR, 0);
	/* The guest moves the vector while the old one is in flight. */
	program(10, 0x52 | IOAPIC_RTE_LEVEL);
	ck_assert_uint_ne(fake_rte[10] & IOAPIC_RTE_MASKED, 0);
	vlapic_accept(fake_vcpu(0), 0x51);
	wr(0, 0x80b, 0);
	ck_assert_uint_eq(fake_rte[10], 0x52 | IOAPIC_RTE_LEVEL);
	/* From a CPU that goes away it moves by an IPI, and only the new vector's EOI comes. */
	vioapic_host_irq(0x52);
	program(10, 0x53 | IOAPIC_RTE_LEVEL);
	ck_assert_uint_ne(fake_rte[10] & IOAPIC_RTE_MASKED, 0);
	vioapic_write(&fake_domain, IOAPIC + 0x40, 0x53);
	ck_assert_uint_eq(fake_rte[10], 0x53 | IOAPIC_RTE_LEVEL);
}
END_TEST

START_TEST(edges_and_messages_pass)
{
	program(1, 0x31);
	vioapic_host_irq(0x31);
	ck_assert_uint_eq(fake_rte[1], 0x31);
	ck_assert_int_eq(vlapic_pending(fake_vcpu(0)), 0x31);
	vioapic_host_irq(0x99); /* an MSI */
	ck_assert_int_eq(vlapic_pending(fake_vcpu(0)), 0x99);
	vlapic_accept(fake_vcpu(0), 0x99);
	wr(0, 0x80b, 0);
	ck_assert_uint_eq(fake_last_eoi, 0);
	ck_assert_uint_eq(fake_host_eois, 2);
}
END_TEST

START_TEST(only_lawful_entries_reach_the_host)
{
	program(2, 0xf0); /* a vector of the hypervisor */
	ck_assert_uint_ne(fake_rte[2] & IOAPIC_RTE_MASKED, 0);
	program(2, 0x05);
	ck_assert_uint_ne(fake_rte[2] & IOAPIC_RTE_MASKED, 0);
	program(2, 0x40 | 2u << 8); /* SMI */
	ck_assert_uint_ne(fake_rte[2] & IOAPIC_RTE_MASKED, 0);
	program(2, 0x40 | 1u << 8 | 1u << 11 | 1ULL << 57); /* logical to vCPU 1 */
	ck_assert_uint_eq(fake_rte[2], 0x40 | 1ULL << 56);
	ck_assert_uint_eq(ioapic_read(0x15), 2u << 24);
}
END_TEST

START_TEST(pins_of_the_hypervisor_are_left_alone)
{
	vioapic_destroy(&fake_domain);
	fake_rte[4] = 0xf0;
	ck_assert_int_eq(vioapic_create(&fake_domain), 0);
	program(4, 0x45);
	ck_assert_uint_eq(fake_rte[4], 0xf0);
	program(4, 1u << 16);
	ck_assert_uint_eq(fake_rte[4], 0xf0);
}
END_TEST

Suite *vlapic_suite(void)
{
	Suite *s = suite_create("local APIC");
	TCase *x2 = tcase_create("x2APIC"), *x = tcase_create("xAPIC");

	tcase_add_checked_fixture(x2, setup_x2apic, fake_teardown);
	tcase_add_test(x2, priorities_nest);
	tcase_add_test(x2, level_vectors_report_their_eoi);
	tcase_add_test(x2, x2apic_msrs_are_strict);
	tcase_add_test(x2, ipis_find_their_target);
	tcase_add_test(x2, init_and_sipi_start_a_vcpu);
	tcase_add_test(x2, init_and_sipi_at_once);
	tcase_add_test(x2, a_sipi_meets_the_init);
	tcase_add_test(x2, timer_counts);
	tcase_add_test(x2, an_upcall_survives_the_apic_being_off);
	suite_add_tcase(s, x2);
	tcase_add_checked_fixture(x, setup_xapic, fake_teardown);
	tcase_add_test(x, xapic_page);
	suite_add_tcase(s, x);
	return s;
}

Suite *vioapic_suite(void)
{
	Suite *s = suite_create("IO-APIC");
	TCase *tc = tcase_create("hardware domain");

	tcase_add_checked_fixture(tc, setup_hwdom, teardown_hwdom);
	tcase_add_test(tc, the_guest_sees_the_hosts_ioapic);
	tcase_add_test(tc, a_level_line_waits_for_the_guest);
	tcase_add_test(tc, edges_and_messages_pass);
	tcase_add_test(tc, only_lawful_entries_reach_the_host);
	tcase_add_test(tc, pins_of_the_hypervisor_are_left_alone);
	suite_add_tcase(s, tc);
	return s;
}
