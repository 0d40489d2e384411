// SPDX-License-Identifier: Apache-2.0
/*
 * What guests see of the CPU; ../README.md has it in words. A feature is shown only if the host has it and its bit stands in the
 * masks below; everything not listed is hidden, so that a new CPU cannot surprise us. The masks hold
 * for domain 0 and for PVH guests alike.
 */
#include "hvm/exits.h"

#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpuid.h"
#include "arch/x86/cpu/regs.h"
#include "hvm/hvm.h"
#include "hvm/xstate.h"
#include "lib/string.h"

enum { A, B, C, D };

#define MAX_BASIC          0xdu
#define MAX_EXTENDED       0x80000008u
#define XEN_VERSION        (4u << 16 | 17)
#define XSTATE_LEGACY_SIZE 576u /* of x87 and SSE, with the header */

#define ON(n) (1u << (n))

/* Leaf 1 ECX: SSE3 PCLMULQDQ SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND. */
#define LEAF1_C                                                                                 \
	(ON(0) | ON(1) | ON(9) | ON(12) | ON(13) | ON(17) | ON(19) | ON(20) | ON(22) | ON(23) | \
	 ON(25) | ON(26) | ON(28) | ON(29) | ON(30))
#define LEAF1_C_X2APIC     ON(21) /* ours, whatever the host has */
#define LEAF1_C_OSXSAVE    ON(27)
#define LEAF1_C_HYPERVISOR ON(31)
#define LEAF1_C_XSAVE      (ON(12) | ON(26) | ON(28) | ON(29)) /* what needs XSAVE */
/* Leaf 1 EDX: all that is architectural, without PSN, DS, ACPI, SS, TM, PBE. HTT is worked out. */
#define LEAF1_D                                                                                    \
	(ON(0) | ON(1) | ON(2) | ON(3) | ON(4) | ON(5) | ON(6) | ON(7) | ON(8) | ON(9) | ON(11) |  \
	 ON(12) | ON(13) | ON(14) | ON(15) | ON(16) | ON(17) | ON(19) | ON(23) | ON(24) | ON(25) | \
	 ON(26))
#define LEAF1_D_HTT ON(28)
/*
 * Leaf 7 EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS INVPCID AVX512F AVX512DQ RDSEED ADX SMAP IFMA
 * CLFLUSHOPT CLWB AVX512CD SHA AVX512BW AVX512VL.
 */
#define LEAF7_B                                                                              \
	(ON(0) | ON(3) | ON(5) | ON(7) | ON(8) | ON(9) | ON(10) | ON(16) | ON(17) | ON(18) | \
	 ON(19) | ON(20) | ON(21) | ON(23) | ON(24) | ON(28) | ON(29) | ON(30) | ON(31))
#define LEAF7_B_AVX512    (ON(16) | ON(17) | ON(21) | ON(28) | ON(30) | ON(31))
#define LEAF7_B_AVX       (ON(5) | LEAF7_B_AVX512)
/* Leaf 7 ECX: VBMI UMIP VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNTDQ. */
#define LEAF7_C           (ON(1) | ON(2) | ON(6) | ON(8) | ON(9) | ON(10) | ON(11) | ON(12) | ON(14))
#define LEAF7_C_AVX512    (ON(1) | ON(6) | ON(11) | ON(12) | ON(14))
#define LEAF7_D           ON(4)                   /* fast short REP MOV */
#define LEAFD1_A          (ON(0) | ON(1) | ON(2)) /* XSAVEOPT XSAVEC XGETBV1; no supervisor state */
/* 0x80000001 ECX: LAHF CR8LEGACY ABM SSE4A MISALIGNSSE PREFETCHW XOP FMA4 TBM. */
#define EXT1_C            (ON(0) | ON(4) | ON(5) | ON(6) | ON(7) | ON(8) | ON(11) | ON(16) | ON(21))
#define EXT1_C_CMP_LEGACY ON(1)
/* 0x80000001 EDX: as leaf 1 where it repeats; SYSCALL NX MMXEXT FFXSR PAGE1GB RDTSCP LM 3DNOW. */
#define EXT1_D                                                                                     \
	(ON(0) | ON(1) | ON(2) | ON(3) | ON(4) | ON(5) | ON(6) | ON(7) | ON(8) | ON(9) | ON(11) |  \
	 ON(12) | ON(13) | ON(14) | ON(15) | ON(16) | ON(17) | ON(20) | ON(22) | ON(23) | ON(24) | \
	 ON(25) | ON(26) | ON(27) | ON(29) | ON(30) | ON(31))
#define EXT7_D ON(8)                    /* invariant TSC */
#define EXT8_B (ON(0) | ON(2) | ON(12)) /* CLZERO, XSAVEERPTR, IBPB */

static const struct {
	uint32_t leaf;
	uint32_t mask[4];
} masks[] = {
	/* Basic leaves not listed read as zero. */
	{0x0, {~0u, ~0u, ~0u, ~0u}},
	{0x1, {~0u, 0xffff, LEAF1_C, LEAF1_D}},
	{0x7, {0, LEAF7_B, LEAF7_C, LEAF7_D}},
	{0x80000000, {~0u, ~0u, ~0u, ~0u}},
	{0x80000001, {~0u, ~0u, EXT1_C, EXT1_D}},
	{0x80000002, {~0u, ~0u, ~0u, ~0u}},
	{0x80000003, {~0u, ~0u, ~0u, ~0u}},
	{0x80000004, {~0u, ~0u, ~0u, ~0u}},
	{0x80000005, {~0u, ~0u, ~0u, ~0u}},
	{0x80000006, {~0u, ~0u, ~0u, ~0u}},
	{0x80000007, {0, 0, 0, EXT7_D}},
	{0x80000008, {0xffff, EXT8_B, 0, 0}},
};

/* Masked answers of the host, by basic and extended leaf; filled once at boot. */
static uint32_t basic[MAX_BASIC + 1][4];
static uint32_t extended[(MAX_EXTENDED & 0xff) + 1][4];

static void fill(uint32_t leaf, const uint32_t mask[4], uint32_t out[4])
{
	union cpuid c = cpuid_raw(leaf, 0);

	for (unsigned int r = A; r <= D; r++)
		out[r] = c.reg[r] & mask[r];
}

void hvm_cpuid_init(void)
{
	uint32_t top = cpuid_raw(0, 0).eax, ext_top = cpuid_raw(0x80000000, 0).eax;
	uint64_t x = xstate_mask();

	memset(basic, 0, sizeof(basic));
	memset(extended, 0, sizeof(extended));
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		uint32_t leaf = masks[i].leaf;

		if (leaf <= MAX_BASIC && leaf <= top)
			fill(leaf, masks[i].mask, basic[leaf]);
		else if (leaf > MAX_BASIC && leaf <= ext_top)
			fill(leaf, masks[i].mask, extended[leaf & 0xff]);
	}
	basic[0][A] = MAX_BASIC;
	extended[0][A] = min(ext_top, MAX_EXTENDED);
	basic[1][C] |= LEAF1_C_X2APIC | LEAF1_C_HYPERVISOR;
	if (!x)
		basic[1][C] &= ~LEAF1_C_XSAVE;
	if (!(x & 4))
		basic[7][B] &= ~LEAF7_B_AVX;
	if ((x & 0xe0) != 0xe0) {
		basic[7][B] &= ~LEAF7_B_AVX512;
		basic[7][C] &= ~LEAF7_C_AVX512;
	}
}

/* ---- topology: every vCPU a core of its own, all in one package ---- */

uint32_t hvm_default_apic_id(const struct domain *d, unsigned int vcpu)
{
	/* vCPU n of the hardware domain stands on pCPU n, whose tables it reads (design.md). */
	if (d->is_hwdom && vcpu < nr_cpus)
		return cpu_by_id(vcpu)->apic_id;
	return 2 * vcpu;
}

/* One past the highest APIC id, and the bits it takes. */
static uint32_t apic_ids(const struct vcpu *v, uint32_t *bits)
{
	uint32_t nr = 1;

	*bits = 0;
	if (!v)
		return 1;
	for (unsigned int i = 0; i < v->domain->max_vcpus; i++)
		nr = max(nr, hvm_default_apic_id(v->domain, i) + 1);
	while (1u << *bits < nr)
		(*bits)++;
	return nr;
}

static void leaf_1(const struct vcpu *v, uint32_t out[4])
{
	uint32_t bits, nr = apic_ids(v, &bits);

	if (!v)
		return;
	out[B] |= min(nr, 255u) << 16 | (vlapic_id(v) & 0xff) << 24;
	if (nr > 1)
		out[D] |= LEAF1_D_HTT;
	if (virt->get_reg(v, HVM_CR4) & X86_CR4_OSXSAVE)
		out[C] |= LEAF1_C_OSXSAVE;
}

static void leaf_b(const struct vcpu *v, uint32_t subleaf, uint32_t out[4])
{
	uint32_t bits;

	apic_ids(v, &bits);
	out[C] = subleaf & 0xff;
	out[D] = v ? vlapic_id(v) : 0;
	if (subleaf == 0) { /* threads of a core */
		out[B] = 1;
		out[C] |= 1 << 8;
	} else if (subleaf == 1) { /* cores of the package */
		out[A] = bits;
		out[B] = v ? v->domain->max_vcpus : 1;
		out[C] |= 2 << 8;
	}
}

uint32_t xstate_size(uint64_t components)
{
	uint32_t size = XSTATE_LEGACY_SIZE;

	for (uint32_t i = 2; i < 32; i++) {
		union cpuid c = cpuid_raw(0xd, i);

		if (components >> i & 1)
			size = max(size, c.ebx + c.eax);
	}
	return size;
}

/* XSAVE state: sizes as the CPU works them out, for components the guest may use. */
static void leaf_d(const struct vcpu *v, uint32_t subleaf, uint32_t out[4])
{
	uint64_t mask = xstate_mask();
	union cpuid c;

	if (!mask || subleaf > 62)
		return;
	c = cpuid_raw(0xd, subleaf);
	if (subleaf == 0) {
		out[A] = (uint32_t)mask;
		out[B] = v ? c.ebx : XSTATE_LEGACY_SIZE; /* XCR0 in the CPU is @v's */
		out[C] = xstate_size(mask);
		out[D] = (uint32_t)(mask >> 32);
	} else if (subleaf == 1) {
		out[A] = c.eax & LEAFD1_A;
		out[B] = out[A] & ON(1) ? c.ebx : 0;
	} else if (mask >> subleaf & 1) {
		out[A] = c.eax;
		out[B] = c.ebx;
		out[C] = c.ecx & ~ON(0);
	}
}

static void extended_dynamic(const struct vcpu *v, uint32_t leaf, uint32_t out[4])
{
	uint32_t bits, nr = apic_ids(v, &bits);

	if (leaf == 0x80000001 && nr > 1)
		out[C] |= EXT1_C_CMP_LEGACY;
	if (leaf == 0x80000008)
		out[C] = (min(nr, 255u) - 1) | bits << 12;
}

/* ---- Xen's leaves (public arch-x86/cpuid.h) ---- */

static void xen_time(uint32_t subleaf, uint32_t out[4])
{
	switch (subleaf) {
	case 0:
		out[A] = (uint32_t)(extended[7][D] & EXT7_D ? 2 : 0) |
			 (extended[1][D] & ON(27) ? 4 : 0);
		out[C] = (uint32_t)clock_tsc_khz;
		break;
	case 1:
		out[C] = clock_scale.mul_frac;
		out[D] = (uint32_t)(uint8_t)clock_scale.shift;
		break;
	case 2: out[A] = (uint32_t)clock_tsc_khz; break;
	}
}

static void xen_leaf(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	switch (leaf - XEN_CPUID_FIRST_LEAF) {
	case 0:
		out[A] = XEN_CPUID_LEAF(4);
		out[B] = XEN_CPUID_SIGNATURE_EBX;
		out[C] = XEN_CPUID_SIGNATURE_ECX;
		out[D] = XEN_CPUID_SIGNATURE_EDX;
		break;
	case 1: out[A] = XEN_VERSION; break;
	case 2:
		out[A] = 1;          /* hypercall pages */
		out[B] = 0x40000000; /* their MSR */
		break;
	case 3: xen_time(subleaf, out); break;
	case 4:
		if (subleaf || !v)
			break;
		out[A] = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT |
			 XEN_HVM_CPUID_UPCALL_VECTOR;
		out[B] = v->id;
		out[C] = v->domain->id;
		break;
	}
}

void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	out[A] = out[B] = out[C] = out[D] = 0;
	if (leaf >= XEN_CPUID_FIRST_LEAF && leaf < XEN_CPUID_FIRST_LEAF + 0x100) {
		xen_leaf(v, leaf, subleaf, out);
		return;
	}
	if (leaf >= 0x80000000) {
		if (leaf > extended[0][A])
			return;
		__builtin_memcpy(out, extended[leaf & 0xff], sizeof(extended[0]));
		if (leaf == 0x80000001 || leaf == 0x80000008)
			extended_dynamic(v, leaf, out);
		return;
	}
	if (leaf > MAX_BASIC || (leaf == 7 && subleaf))
		return;
	__builtin_memcpy(out, basic[leaf], sizeof(basic[0]));
	if (leaf == 1)
		leaf_1(v, out);
	else if (leaf == 0xb)
		leaf_b(v, subleaf, out);
	else if (leaf == 0xd)
		leaf_d(v, subleaf, out);
}
