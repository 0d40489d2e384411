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
#include "lib/string.h"

enum { A, B, C, D };

#define MAX_BASIC          0xdu
#define MAX_EXTENDED       0x80000008u /* SVM is found behind it */
#define XEN_VERSION        (4u << 16 | 17)
#define XSTATE_LEGACY_SIZE 576u /* of x87 and SSE, with the header */

#define ON(n)             (1u << (n))
#define BITS(first, last) (~0u >> (31 - (last)) & ~0u << (first))

/* Leaf 1 ECX: SSE3 PCLMULQDQ SSSE3 FMA CX16 PCID SSE4.1 SSE4.2 MOVBE POPCNT AES XSAVE AVX F16C RDRAND. */
#define LEAF1_C                                                                                    \
	(BITS(0, 1) | ON(9) | BITS(12, 13) | ON(17) | BITS(19, 20) | BITS(22, 23) | BITS(25, 26) | \
	 BITS(28, 30))
#define LEAF1_C_OSXSAVE   ON(27)
#define LEAF1_C_OURS      (ON(21) | ON(31)) /* whatever the host has: x2APIC, hypervisor */
#define LEAF1_C_XSAVE     (ON(12) | ON(26) | BITS(28, 29)) /* what needs XSAVE */
/* Leaf 1 EDX: all that is architectural, without PSN, DS, ACPI, SS, TM, PBE. HTT is worked out. */
#define LEAF1_D           (BITS(0, 9) | BITS(11, 17) | ON(19) | BITS(23, 26))
#define LEAF1_D_HTT       ON(28)
/*
 * Leaf 7 EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS INVPCID AVX512F AVX512DQ RDSEED ADX SMAP IFMA
 * CLFLUSHOPT CLWB AVX512CD SHA AVX512BW AVX512VL.
 */
#define LEAF7_B           (ON(0) | ON(3) | ON(5) | BITS(7, 10) | BITS(16, 21) | BITS(23, 24) | BITS(28, 31))
#define LEAF7_B_AVX512    (BITS(16, 17) | ON(21) | ON(28) | BITS(30, 31))
#define LEAF7_B_AVX       (ON(5) | LEAF7_B_AVX512)
/* Leaf 7 ECX: VBMI UMIP VBMI2 GFNI VAES VPCLMULQDQ VNNI BITALG VPOPCNTDQ. */
#define LEAF7_C           (BITS(1, 2) | ON(6) | BITS(8, 12) | ON(14))
#define LEAF7_C_AVX512    (ON(1) | ON(6) | BITS(11, 12) | ON(14))
#define LEAF7_D           ON(4)      /* fast short REP MOV */
#define LEAFD1_A          BITS(0, 2) /* XSAVEOPT XSAVEC XGETBV1; no supervisor state */
/* 0x80000001 ECX: LAHF CR8LEGACY ABM SSE4A MISALIGNSSE PREFETCHW XOP FMA4 TBM. */
#define EXT1_C            (ON(0) | BITS(4, 8) | ON(11) | ON(16) | ON(21))
#define EXT1_C_CMP_LEGACY ON(1)
/* 0x80000001 EDX: as leaf 1 where it repeats; SYSCALL NX MMXEXT FFXSR PAGE1GB RDTSCP LM 3DNOW. */
#define EXT1_D            (BITS(0, 9) | BITS(11, 17) | ON(20) | BITS(22, 27) | BITS(29, 31))
#define EXT1_D_RDTSCP     ON(27)
#define EXT7_D            ON(8)                    /* invariant TSC */
#define EXT8_B            (ON(0) | ON(2) | ON(12)) /* CLZERO, XSAVEERPTR, IBPB */

/*
 * Answers by the top two bits of a leaf's number and its low bits: basic, Xen's and extended leaves; made once
 * at boot.
 */
static uint32_t answers[3][MAX_BASIC + 1][4];

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

static void refine_1(const struct vcpu *v, uint32_t subleaf __unused, uint32_t out[4])
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

static void refine_7(const struct vcpu *v __unused, uint32_t subleaf, uint32_t out[4])
{
	if (subleaf)
		memset(out, 0, 4 * sizeof(*out));
}

static void refine_b(const struct vcpu *v, uint32_t subleaf, uint32_t out[4])
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
static void refine_d(const struct vcpu *v, uint32_t subleaf, uint32_t out[4])
{
	uint64_t mask = xstate_mask;
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

static void refine_ext_1(const struct vcpu *v, uint32_t subleaf __unused, uint32_t out[4])
{
	uint32_t bits;

	if (apic_ids(v, &bits) > 1)
		out[C] |= EXT1_C_CMP_LEGACY;
}

static void refine_ext_8(const struct vcpu *v, uint32_t subleaf __unused, uint32_t out[4])
{
	uint32_t bits, nr = apic_ids(v, &bits);

	out[C] = (min(nr, 255u) - 1) | bits << 12;
}

/* ---- Xen's leaves (public arch-x86/cpuid.h) ---- */

static void refine_xen_time(const struct vcpu *v __unused, uint32_t subleaf, uint32_t out[4])
{
	switch (subleaf) {
	case 0:
		out[A] = (answers[2][7][D] & EXT7_D ? 2u : 0) |
			 (answers[2][1][D] & EXT1_D_RDTSCP ? 4u : 0);
		out[C] = (uint32_t)clock_tsc_khz;
		break;
	case 1:
		out[C] = clock_scale.mul_frac;
		out[D] = (uint32_t)(uint8_t)clock_scale.shift;
		break;
	case 2: out[A] = (uint32_t)clock_tsc_khz; break;
	}
}

static void refine_xen_vcpu(const struct vcpu *v, uint32_t subleaf, uint32_t out[4])
{
	if (subleaf || !v)
		return;
	/*
	 * Not XEN_HVM_CPUID_UPCALL_VECTOR: an upcall through the local APIC ends with an EOI, which
	 * is an exit where no hardware takes it; the one of HVM_PARAM_CALLBACK_IRQ needs none.
	 */
	out[A] = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT;
	out[B] = v->id;
	out[C] = v->domain->id;
}

/* ---- the table ---- */

static const struct leaf {
	uint32_t mask[4]; /* of what the host answers */
	uint32_t ours[4]; /* added to that */
	/* Adds what depends on @v (NULL: nobody in particular) and on the subleaf. */
	void (*refine)(const struct vcpu *v, uint32_t subleaf, uint32_t out[4]);
} leaves[3][MAX_BASIC + 1] = {
	{
		[0] = {.mask = {[B... D] = ~0u}, .ours = {MAX_BASIC}},
		[1] = {{~0u, 0xffff, LEAF1_C, LEAF1_D}, {[C] = LEAF1_C_OURS}, refine_1},
		[7] = {.mask = {0, LEAF7_B, LEAF7_C, LEAF7_D}, .refine = refine_7},
		[0xb] = {.refine = refine_b},
		[0xd] = {.refine = refine_d},
	},
	{
		[0] = {.ours = {XEN_CPUID_LEAF(4), XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX,
				XEN_CPUID_SIGNATURE_EDX}},
		[1] = {.ours = {XEN_VERSION}},
		[2] = {.ours = {1, 0x40000000}}, /* hypercall pages, their MSR */
		[3] = {.refine = refine_xen_time},
		[4] = {.refine = refine_xen_vcpu},
	},
	{
		[0] = {.mask = {[B... D] = ~0u}, .ours = {MAX_EXTENDED}},
		[1] = {.mask = {~0u, ~0u, EXT1_C, EXT1_D}, .refine = refine_ext_1},
		[2 ... 6] = {.mask = {[A... D] = ~0u}},
		[7] = {.mask = {[D] = EXT7_D}},
		[8] = {.mask = {0xffff, EXT8_B}, .refine = refine_ext_8},
	},
};

/* Features that need what the host's XSAVE has not. */
static void hide_without_xstate(void)
{
	uint64_t x = xstate_mask;

	if (!x)
		answers[0][1][C] &= ~LEAF1_C_XSAVE;
	if (!(x & 4))
		answers[0][7][B] &= ~LEAF7_B_AVX;
	if ((x & 0xe0) != 0xe0) {
		answers[0][7][B] &= ~LEAF7_B_AVX512;
		answers[0][7][C] &= ~LEAF7_C_AVX512;
	}
}

void hvm_cpuid_init(void)
{
	for (uint32_t kind = 0; kind < 3; kind++)
		for (uint32_t n = 0; n <= MAX_BASIC; n++) {
			const struct leaf *l = &leaves[kind][n];
			uint32_t leaf = kind << 30 | n;
			union cpuid host = {0};

			if (leaf <= cpuid_raw(kind << 30, 0).eax)
				host = cpuid_raw(leaf, 0);
			for (unsigned int r = A; r <= D; r++)
				answers[kind][n][r] = (host.reg[r] & l->mask[r]) | l->ours[r];
		}
	hide_without_xstate();
}

void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	uint32_t kind = leaf >> 30, n = leaf & 0x3fffffff;

	if (kind >= 3 || n > MAX_BASIC) {
		memset(out, 0, 4 * sizeof(*out));
		return;
	}
	__builtin_memcpy(out, answers[kind][n], sizeof(answers[kind][n]));
	if (leaves[kind][n].refine)
		leaves[kind][n].refine(v, subleaf, out);
}
