// SPDX-License-Identifier: Apache-2.0
/* What guests see: CPUID, MSRs, save records; and the ids of address spaces. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/regs.h"
#include "hvm/exits.h"
#include "hvm/hvm.h"
#include "hvm/svm/asid.h"

static void setup(void)
{
	fake_setup(false, true);
}

START_TEST(cpuid_hides_and_shows)
{
	struct vcpu *v = fake_vcpu(2);
	uint32_t r[4];

	hvm_cpuid(v, 0, 0, r);
	ck_assert_uint_eq(r[0], 0xd);
	hvm_cpuid(v, 1, 0, r);
	ck_assert_uint_eq(r[2] & (1u << 31 | 1u << 21), 1u << 31 | 1u << 21);
	ck_assert_uint_eq(r[2] & (1u << 3 | 1u << 24 | 1u << 27), 0);
	ck_assert_uint_eq(r[1] >> 24, 4); /* APIC id */
	fake_control(v)->reg[HVM_CR4] = X86_CR4_OSXSAVE;
	hvm_cpuid(v, 1, 0, r);
	ck_assert_uint_eq(r[2] & 1u << 27, 1u << 27);
	hvm_cpuid(v, 0x80000001, 0, r);
	ck_assert_uint_eq(r[2] & (1u << 2 | 1u << 3 | 1u << 9 | 1u << 12 | 1u << 22 | 1u << 29), 0);
	hvm_cpuid(v, 0x80000000, 0, r);
	ck_assert_uint_le(r[0], 0x80000008);
	hvm_cpuid(v, 0x8000000a, 0, r);
	ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
	hvm_cpuid(v, 5, 0, r);
	ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
	hvm_cpuid(v, 0xb, 0, r);
	ck_assert_uint_eq(r[3], 4);
	hvm_cpuid(v, 0xb, 1, r);
	ck_assert_uint_eq(r[1], FAKE_VCPUS);
	ck_assert_uint_ge(1u << r[0], 7);
	hvm_cpuid(v, 0xd, 0, r);
	ck_assert_uint_eq(r[0] & ~7u, 0);
	hvm_cpuid(v, 0xd, 1, r);
	ck_assert_uint_eq(r[0] & 8, 0); /* no XSAVES */
	hvm_cpuid(v, 0xffffffff, 0, r);
	ck_assert_uint_eq(r[0] | r[1] | r[2] | r[3], 0);
}
END_TEST

START_TEST(cpuid_says_xen)
{
	struct vcpu *v = fake_vcpu(2);
	uint32_t r[4];

	hvm_cpuid(v, 0x40000000, 0, r);
	ck_assert_uint_ge(r[0], 0x40000002);
	ck_assert_mem_eq(r + 1, "XenVMMXenVMM", 12);
	hvm_cpuid(v, 0x40000001, 0, r);
	ck_assert_uint_eq(r[0], 4u << 16 | 17);
	hvm_cpuid(v, 0x40000002, 0, r);
	ck_assert_uint_eq(r[1], 0x40000000);
	hvm_cpuid(v, 0x40000004, 0, r);
	ck_assert_uint_eq(r[0], 1u << 3 | 1u << 4);
	ck_assert_uint_eq(r[1], 2);
	ck_assert_uint_eq(r[2], 7);
	hvm_cpuid(v, 0x40000100, 0, r);
	ck_assert_uint_eq(r[0] | r[1], 0);
}
END_TEST

START_TEST(unknown_msrs_do_not_exist)
{
	static const uint32_t absent[] = {0,          0x3a,       0x3b,       0x10a,
					  0x6e0,      0xc0010114, 0xc0010117, 0xc0000104,
					  0xc0011030, 0xffffffff, 0x210,      0x251};
	struct vcpu *v = fake_vcpu(0);
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		ck_assert_int_eq(hvm_rdmsr(v, absent[i], &value), -EINVAL);
		ck_assert_int_eq(hvm_wrmsr(v, absent[i], 0), -EINVAL);
	}
}
END_TEST

START_TEST(msr_rules)
{
	struct vcpu *v = fake_vcpu(0);
	uint64_t value;

	ck_assert_int_eq(hvm_rdmsr(v, MSR_EFER, &value), 0);
	ck_assert_uint_eq(value, X86_EFER_LMA | X86_EFER_LME);
	ck_assert_int_eq(hvm_wrmsr(v, MSR_EFER, value | X86_EFER_SVME), -EINVAL);
	ck_assert_int_eq(hvm_wrmsr(v, MSR_EFER, X86_EFER_SCE), -EINVAL); /* LME while paging */
	ck_assert_int_eq(hvm_wrmsr(v, MSR_EFER, X86_EFER_LME | X86_EFER_NXE), 0);
	ck_assert_int_eq(hvm_rdmsr(v, MSR_EFER, &value), 0);
	ck_assert_uint_eq(value, X86_EFER_LMA | X86_EFER_LME | X86_EFER_NXE);
	ck_assert_int_eq(hvm_wrmsr(v, MSR_PAT, 0x0007010600070106), 0);
	ck_assert_int_eq(hvm_wrmsr(v, MSR_PAT, 2), -EINVAL);
	ck_assert_int_eq(hvm_wrmsr(v, MSR_PAT, 8ULL << 56), -EINVAL);
	ck_assert_int_eq(hvm_rdmsr(v, MSR_MTRR_CAP, &value), 0);
	ck_assert_uint_eq(value & 0xff, 8);
	ck_assert_int_eq(hvm_rdmsr(v, 0x2ff, &value), 0);
	ck_assert_uint_eq(value & 0x8ff, 0x806); /* enabled, write-back */
	ck_assert_int_eq(hvm_wrmsr(v, 0x201, 0xfff00800), 0);
	ck_assert_int_eq(hvm_rdmsr(v, 0x201, &value), 0);
	ck_assert_uint_eq(value, 0xfff00800);
	ck_assert_int_eq(hvm_wrmsr(v, 0x40000000, 0x2001), -EINVAL);
	ck_assert_int_eq(hvm_wrmsr(v, 0x40000000, 0x2000), 0);
	ck_assert_mem_eq(fake_mem + 0x2000 + 32 * 17, "\xb8\x11\0\0\0\x0f\x01\xd9\xc3", 9);
	ck_assert_int_eq(hvm_wrmsr(v, 0x40000000, 0x10000000), -EINVAL);
}
END_TEST

/* ---- sweeps: the tables of hypervisor/README.md, written down a second time ---- */

#define ALL ~0u

/* What may be set at most; leaves that are not here read as zero. */
static const struct {
	uint32_t first, last, sub_first, sub_last;
	uint32_t may[4];
} cpuid_view[] = {
	{0x0, 0x0, 0, ALL, {ALL, ALL, ALL, ALL}},
	{0x1, 0x1, 0, ALL, {ALL, ALL, 0xfefa3203u, 0x178bfbffu}},
	{0x7, 0x7, 0, 0, {0, 0xf1bf07a9u, 0x5f46u, 0x10u}},
	{0xb, 0xb, 0, ALL, {0x1f, 0xffff, 0x3ff, ALL}},
	{0xd, 0xd, 0, 0, {0xe7, ALL, ALL, 0}},
	{0xd, 0xd, 1, 1, {7, ALL, 0, 0}},
	{0xd, 0xd, 2, 62, {ALL, ALL, ~1u, 0}},
	{0x40000000, 0x40000000, 0, ALL, {ALL, ALL, ALL, ALL}},
	{0x40000001, 0x40000001, 0, ALL, {4u << 16 | 17, 0, 0, 0}},
	{0x40000002, 0x40000002, 0, ALL, {1, 0x40000000, 0, 0}},
	{0x40000003, 0x40000003, 0, 2, {ALL, 0, ALL, ALL}},
	{0x40000004, 0x40000004, 0, 0, {0x58, ALL, ALL, 0}},
	{0x80000000, 0x80000000, 0, ALL, {0x80000008, ALL, ALL, ALL}},
	{0x80000001, 0x80000001, 0, ALL, {ALL, ALL, 0x2109f3u, 0xefd3fbffu}},
	{0x80000002, 0x80000006, 0, ALL, {ALL, ALL, ALL, ALL}},
	{0x80000007, 0x80000007, 0, ALL, {0, 0, 0, 0x100}},
	{0x80000008, 0x80000008, 0, ALL, {0xffff, 0x1005, 0xf0ff, 0}},
};

static uint32_t may_show(uint32_t leaf, uint32_t sub, unsigned int reg)
{
	for (size_t i = 0; i < ARRAY_SIZE(cpuid_view); i++)
		if (leaf >= cpuid_view[i].first && leaf <= cpuid_view[i].last &&
		    sub >= cpuid_view[i].sub_first && sub <= cpuid_view[i].sub_last)
			return cpuid_view[i].may[reg];
	return 0;
}

static void sweep_cpuid(struct vcpu *v)
{
	static const uint32_t bases[] = {0,          0x20000000, 0x40000000, 0x40000100, 0x7fffff00,
					 0x80000000, 0x80860000, 0xc0000000, 0xffffff00};
	uint32_t r[4];

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		for (uint32_t n = 0; n < 0x100; n++)
			for (uint32_t sub = n < 0x20 ? 0 : 63; sub < 66; sub++) {
				const uint32_t s = sub < 65 ? sub : ALL;

				hvm_cpuid(v, bases[i] + n, s, r);
				for (unsigned int k = 0; k < 4; k++)
					if (r[k] & ~may_show(bases[i] + n, s, k))
						ck_abort_msg("%#x.%#x register %u: %#x",
							     bases[i] + n, s, k, r[k]);
			}
}

/* Readable and writable (with 0 at least); the x2APIC's rules are in the tests of the local APIC. */
static const struct {
	uint32_t first, last;
	bool read, write;
} msr_view[] = {
	{0x10, 0x10, true, true},
	{0x1b, 0x1b, true, false}, /* the APIC's page may not move to 0 */
	{0x8b, 0x8b, true, true},
	{0xfe, 0xfe, true, false},
	{0x179, 0x179, true, false},
	{0x17a, 0x17a, true, true},
	{0x1d9, 0x1d9, true, true},
	{0x200, 0x20f, true, true},
	{0x250, 0x250, true, true},
	{0x258, 0x259, true, true},
	{0x268, 0x26f, true, true},
	{0x277, 0x277, true, true},
	{0x2ff, 0x2ff, true, true},
	{0x40000000, 0x40000000, false, true},
	{0xc0010010, 0xc0010010, true, true},
	{0xc0010015, 0xc0010015, true, true},
	{0xc001001f, 0xc001001f, true, true},
	{0xc0010055, 0xc0010055, true, true},
	{0xc0010058, 0xc0010058, true, true},
	{0xc0011020, 0xc0011020, true, true},
	{0xc0011029, 0xc0011029, true, true},
};

/* Depend on the host's features or the mode; looked at elsewhere. */
static bool elsewhere(uint32_t msr)
{
	return msr == 0x49 || msr == MSR_EFER || msr == MSR_TSC_AUX ||
	       (msr >= 0x800 && msr < 0x900);
}

static void sweep_msrs(struct vcpu *v, uint32_t first, uint32_t nr)
{
	for (uint32_t msr = first; nr--; msr++) {
		bool read = false, write = false;
		uint64_t value = 0;

		if (elsewhere(msr))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(msr_view); i++)
			if (msr >= msr_view[i].first && msr <= msr_view[i].last) {
				read = msr_view[i].read;
				write = msr_view[i].write;
			}
		if ((hvm_rdmsr(v, msr, &value) == 0) != read)
			ck_abort_msg("read of %#x", msr);
		if ((hvm_wrmsr(v, msr, 0) == 0) != write)
			ck_abort_msg("write of %#x", msr);
	}
}

START_TEST(nothing_but_the_table_is_seen)
{
	static const uint32_t ranges[] = {0,          0x40000000, 0x80000000,
					  0xc0000000, 0xc0010000, 0xffffe000};
	struct vcpu *v = fake_vcpu(2);

	for (unsigned int mode = 0; mode < 2; mode++) {
		fake_domain.is_hwdom = mode;
		sweep_cpuid(v);
		for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
			sweep_msrs(v, ranges[i], 0x2000);
		/* And a stride through all the rest. */
		for (uint64_t msr = 0; msr < 1ULL << 32; msr += 65521)
			sweep_msrs(v, (uint32_t)msr, 1);
	}
	fake_domain.is_hwdom = false;
}
END_TEST

START_TEST(efer_of_real_mode_may_change)
{
	struct vcpu *v = fake_vcpu(0);

	fake_control(v)->reg[HVM_CR0] = 0;
	ck_assert_int_eq(hvm_wrmsr(v, MSR_EFER, X86_EFER_SCE), 0);
}
END_TEST

START_TEST(records_round_trip)
{
	static const size_t cpu_at = 8 + sizeof(struct hvm_save_header) + 8;
	size_t size = hvm_save_size(&fake_domain), written;
	struct hvm_save_descriptor desc;
	struct hvm_hw_cpu *cpu;
	uint8_t *buf = malloc(size), *broken = malloc(size);

	ck_assert_int_eq(hvm_save(&fake_domain, buf, size - 1, &written), -ENOSPC);
	fake_vcpu(0)->regs.rbx = 0xabcd;
	ck_assert_int_eq(hvm_save(&fake_domain, buf, size, &written), 0);
	ck_assert_uint_eq(written, size);
	memcpy(&desc, buf + cpu_at - 8, sizeof(desc));
	ck_assert_uint_eq(desc.length, 0x408);
	fake_vcpu(0)->regs.rbx = 0;
	fake_vcpu(0)->state = VCPU_DOWN;
	ck_assert_int_eq(hvm_load(&fake_domain, buf, size), 0);
	ck_assert_uint_eq(fake_vcpu(0)->regs.rbx, 0xabcd);
	ck_assert_int_eq(fake_vcpu(0)->state, VCPU_RUNNABLE);

	/* Cut anywhere, it is refused; so is each kind of lie. */
	for (size_t n = 0; n < size; n++)
		ck_assert_int_eq(hvm_load(&fake_domain, buf, n), -EINVAL);
	fake_domain.max_vcpus = 1;
	ck_assert_int_eq(hvm_load(&fake_domain, buf, size), -EINVAL);
	fake_domain.max_vcpus = FAKE_VCPUS;
	memcpy(broken, buf, size);
	broken[8] ^= 1; /* magic */
	ck_assert_int_eq(hvm_load(&fake_domain, broken, size), -EINVAL);
	cpu = (struct hvm_hw_cpu *)(void *)(broken + cpu_at);
	memcpy(broken, buf, size);
	cpu->msr_efer |= X86_EFER_SVME;
	ck_assert_int_eq(hvm_load(&fake_domain, broken, size), -EINVAL);
	memcpy(broken, buf, size);
	cpu->cr0 |= 1ULL << 40;
	ck_assert_int_eq(hvm_load(&fake_domain, broken, size), -EINVAL);
	memcpy(broken, buf, size);
	cpu->cr4 |= 1ULL << 23;
	ck_assert_int_eq(hvm_load(&fake_domain, broken, size), -EINVAL);
	memcpy(broken, buf, size);
	broken[cpu_at - 8] = 77; /* unknown type */
	ck_assert_int_eq(hvm_load(&fake_domain, broken, size), -EINVAL);
	memcpy(broken, buf, size);
	memset(broken + cpu_at - 4, 0xff, 4); /* length */
	ck_assert_int_eq(hvm_load(&fake_domain, broken, size), -EINVAL);
	free(buf);
	free(broken);
}
END_TEST

/* Every field of the record comes from its own register, and goes back there. */
START_TEST(fields_of_the_cpu_record)
{
	struct fake_control *c = fake_control(fake_vcpu(0)), want;
	struct hvm_segment *tr = &c->seg[HVM_TR], *gdtr = &c->seg[HVM_GDTR];
	size_t size = hvm_save_size(&fake_domain), written, len;
	uint8_t *buf = malloc(size);
	union hvm_record r;

	for (unsigned int i = 0; i < HVM_NR_SEGS; i++)
		c->seg[i] = (struct hvm_segment){(uint16_t)(8 * i), (uint16_t)(0x80 + i),
						 0x1000 + i, 0x2000 + i};
	c->seg[HVM_GDTR].sel = c->seg[HVM_GDTR].attr = 0;
	c->seg[HVM_IDTR].sel = c->seg[HVM_IDTR].attr = 0;
	for (unsigned int i = HVM_PAT; i < HVM_NR_REGS; i++)
		c->reg[i] = 0x3000 + i;
	c->reg[HVM_PAT] = 0x0007040600070406;
	c->reg[HVM_CR2] = 0x3002;
	c->reg[HVM_CR3] = 0x3003;
	for (unsigned int i = 0; i < 4; i++)
		fake_vcpu(0)->hvm->dr[i] = 0x4000 + i;
	ck_assert_int_eq(hvm_save_one(&fake_domain, HVM_SAVE_CODE(CPU), 0, &r, &len), 0);
	ck_assert_uint_eq(r.cpu.cs_sel, 8 * HVM_CS);
	ck_assert_uint_eq(r.cpu.es_base, 0x2000 + HVM_ES);
	ck_assert_uint_eq(r.cpu.gs_limit, 0x1000 + HVM_GS);
	ck_assert_uint_eq(r.cpu.ss_arbytes, 0x80 + HVM_SS);
	ck_assert_uint_eq(r.cpu.tr_arbytes, tr->attr);
	ck_assert_uint_eq(r.cpu.ldtr_sel, 8 * HVM_LDTR);
	ck_assert_uint_eq(r.cpu.idtr_base, 0x2000 + HVM_IDTR);
	ck_assert_uint_eq(r.cpu.gdtr_base, gdtr->base);
	ck_assert_uint_eq(r.cpu.gdtr_limit, gdtr->limit);
	ck_assert_uint_eq(r.cpu.cr0, c->reg[HVM_CR0]);
	ck_assert_uint_eq(r.cpu.cr2, 0x3002);
	ck_assert_uint_eq(r.cpu.cr3, 0x3003);
	ck_assert_uint_eq(r.cpu.cr4, c->reg[HVM_CR4]);
	ck_assert_uint_eq(r.cpu.dr2, 0x4002);
	ck_assert_uint_eq(r.cpu.dr6, c->reg[HVM_DR6]);
	ck_assert_uint_eq(r.cpu.dr7, c->reg[HVM_DR7]);
	ck_assert_uint_eq(r.cpu.sysenter_cs, c->reg[HVM_SYSENTER_CS]);
	ck_assert_uint_eq(r.cpu.sysenter_esp, c->reg[HVM_SYSENTER_ESP]);
	ck_assert_uint_eq(r.cpu.sysenter_eip, c->reg[HVM_SYSENTER_EIP]);
	ck_assert_uint_eq(r.cpu.shadow_gs, c->reg[HVM_KERNEL_GS_BASE]);
	ck_assert_uint_eq(r.cpu.msr_lstar, c->reg[HVM_LSTAR]);
	ck_assert_uint_eq(r.cpu.msr_star, c->reg[HVM_STAR]);
	ck_assert_uint_eq(r.cpu.msr_cstar, c->reg[HVM_CSTAR]);
	ck_assert_uint_eq(r.cpu.msr_syscall_mask, c->reg[HVM_SFMASK]);
	ck_assert_uint_eq(r.cpu.msr_efer, c->reg[HVM_EFER]);
	want = *c;
	ck_assert_int_eq(hvm_save(&fake_domain, buf, size, &written), 0);
	memset(c->seg, 0, sizeof(c->seg));
	memset(c->reg, 0, sizeof(c->reg));
	ck_assert_int_eq(hvm_load(&fake_domain, buf, size), 0);
	ck_assert_mem_eq(c->seg, want.seg, sizeof(want.seg));
	ck_assert_mem_eq(c->reg, want.reg, sizeof(want.reg));
	ck_assert_uint_eq(fake_vcpu(0)->hvm->dr[3], 0x4003);
	free(buf);
}
END_TEST

START_TEST(one_record)
{
	union hvm_record r;
	size_t len;

	ck_assert_int_eq(hvm_save_one(&fake_domain, HVM_SAVE_CODE(CPU), 1, &r, &len), 0);
	ck_assert_uint_eq(len, 0x408);
	ck_assert_uint_eq(r.cpu.rip, 0x1000);
	ck_assert_int_eq(hvm_save_one(&fake_domain, HVM_SAVE_CODE(CPU), 99, &r, &len), -ENOENT);
	ck_assert_int_eq(hvm_save_one(&fake_domain, HVM_SAVE_CODE(CPU), 0x10001, &r, &len),
			 -ENOENT);
	ck_assert_int_eq(hvm_save_one(&fake_domain, 3, 0, &r, &len), -EINVAL);
	ck_assert_int_eq(hvm_save_one(&fake_domain, HVM_SAVE_CODE(HEADER), 0, &r, &len), -EINVAL);
	ck_assert_int_eq(hvm_save_one(&fake_domain, 0x10002, 0, &r, &len), -EINVAL);
}
END_TEST

START_TEST(pvh_entry)
{
	struct vcpu *v = fake_vcpu(0);

	hvm_set_pvh_entry(v, 0x1000000, 0x5000);
	ck_assert_uint_eq(v->regs.rip, 0x1000000);
	ck_assert_uint_eq(v->regs.rbx, 0x5000);
	ck_assert_uint_eq(v->regs.rflags, 2);
	ck_assert_uint_eq(fake_control(v)->reg[HVM_CR0], 0x11);
	ck_assert_uint_eq(fake_control(v)->seg[HVM_CS].attr, 0xc9b);
	ck_assert_uint_eq(fake_control(v)->seg[HVM_DS].attr, 0xc93);
	ck_assert_uint_eq(fake_control(v)->seg[HVM_TR].limit, 0x67);
}
END_TEST

START_TEST(asids_run_out_by_generation)
{
	struct asid_cpu cpu;
	struct asid a = {0}, b = {0};

	asid_cpu_init(&cpu, 3);
	ck_assert(!asid_valid(&a, &cpu, 0));
	ck_assert(!asid_assign(&a, &cpu, 0));
	ck_assert_uint_eq(a.nr, 1);
	ck_assert(asid_valid(&a, &cpu, 0));
	ck_assert(!asid_valid(&a, &cpu, 1));
	ck_assert(!asid_assign(&b, &cpu, 0));
	ck_assert_uint_eq(b.nr, 2);
	ck_assert(asid_assign(&b, &cpu, 0)); /* none left: flush */
	ck_assert_uint_eq(b.nr, 1);
	ck_assert(!asid_valid(&a, &cpu, 0));
	ck_assert(asid_valid(&b, &cpu, 0));
}
END_TEST

Suite *policy_suite(void)
{
	Suite *s = suite_create("guest view");
	TCase *tc = tcase_create("policy");

	tcase_add_checked_fixture(tc, setup, fake_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, cpuid_hides_and_shows);
	tcase_add_test(tc, cpuid_says_xen);
	tcase_add_test(tc, unknown_msrs_do_not_exist);
	tcase_add_test(tc, msr_rules);
	tcase_add_test(tc, nothing_but_the_table_is_seen);
	tcase_add_test(tc, efer_of_real_mode_may_change);
	tcase_add_test(tc, records_round_trip);
	tcase_add_test(tc, fields_of_the_cpu_record);
	tcase_add_test(tc, one_record);
	tcase_add_test(tc, pvh_entry);
	tcase_add_test(tc, asids_run_out_by_generation);
	suite_add_tcase(s, tc);
	return s;
}
