// SPDX-License-Identifier: Apache-2.0
/* CPUID and MSR policies in the serialised form of domctl and sysctl. */
#include "hypercall/domctl.h"

#include "arch/x86/cpu/cpuid.h"
#include "hvm/hvm.h"

#define LEAF_CACHE  4u
#define LEAF_FEAT   7u
#define LEAF_TOPO   0xbu
#define LEAF_XSTATE 0xdu
#define LEAF_XEN    0x40000000u
#define LEAF_HV2    0x40000100u
#define LEAF_EXT    0x80000000u

#define MAX_BASIC 0xdu
#define MAX_EXT   0x80000021u

#define MSR_PLATFORM_INFO     0xceu
#define MSR_ARCH_CAPABILITIES 0x10au

/* The leaves that have subleaves, and how many at most. */
static const uint8_t subleaves[MAX_BASIC + 1] = {
	[LEAF_CACHE] = 6,
	[LEAF_FEAT] = 3,
	[LEAF_TOPO] = 2,
	[LEAF_XSTATE] = 63,
};

static union cpuid query(enum cpu_policy_kind kind, uint32_t leaf, uint32_t subleaf)
{
	union cpuid c;

	if (leaf >= LEAF_XEN && leaf < LEAF_EXT)
		return (union cpuid){0}; /* ours are made for each domain */
	if (kind == POLICY_HOST)
		return cpuid_raw(leaf, subleaf);
	hvm_cpuid(vcpu_current(), leaf, subleaf, c.reg);
	/* Which vCPU asked is no part of a policy. */
	if (leaf == 1)
		c.ebx &= 0x00ffffff;
	if (leaf == LEAF_TOPO)
		c.edx = 0;
	return c;
}

/* ---- feature sets ---- */

enum reg { EAX, EBX, ECX, EDX };

/* Where each word comes from; words 16 and 17 are MSRs, which no guest of ours has. */
static const struct {
	uint32_t leaf, subleaf;
	enum reg reg;
} feature_words[CPU_FEATURE_WORDS] = {
	{1, 0, EDX},
	{1, 0, ECX},
	{LEAF_EXT + 1, 0, EDX},
	{LEAF_EXT + 1, 0, ECX},
	{LEAF_XSTATE, 1, EAX},
	{LEAF_FEAT, 0, EBX},
	{LEAF_FEAT, 0, ECX},
	{LEAF_EXT + 7, 0, EDX},
	{LEAF_EXT + 8, 0, EBX},
	{LEAF_FEAT, 0, EDX},
	{LEAF_FEAT, 1, EAX},
	{LEAF_EXT + 0x21, 0, EAX},
	{LEAF_FEAT, 1, EBX},
	{LEAF_FEAT, 2, EDX},
	{LEAF_FEAT, 1, ECX},
	{LEAF_FEAT, 1, EDX},
	{0, 0, EAX},
	{0, 0, EAX},
	{LEAF_EXT + 0x21, 0, ECX},
};

/* A CPU answers a leaf beyond its last with some other leaf (APM vol. 3, E.2). */
static bool leaf_exists(enum cpu_policy_kind kind, uint32_t leaf, uint32_t subleaf)
{
	uint32_t last = query(kind, leaf & LEAF_EXT, 0).eax;

	if (leaf == LEAF_FEAT && subleaf > query(kind, LEAF_FEAT, 0).eax)
		return false;
	return leaf && leaf <= last && (last & LEAF_EXT) == (leaf & LEAF_EXT);
}

void cpu_featureset(enum cpu_policy_kind kind, uint32_t words[CPU_FEATURE_WORDS])
{
	for (unsigned int i = 0; i < CPU_FEATURE_WORDS; i++) {
		uint32_t leaf = feature_words[i].leaf, sub = feature_words[i].subleaf;
		union cpuid c = {0};

		if (leaf_exists(kind, leaf, sub))
			c = query(kind, leaf, sub);
		words[i] = c.reg[feature_words[i].reg];
	}
}

/* ---- serialising ---- */

struct sink {
	enum cpu_policy_kind kind;
	uint64_t gva;
	uint32_t nr, room;
	int rc;
};

static void put_leaf(struct sink *s, uint32_t leaf, uint32_t subleaf)
{
	union cpuid c = query(s->kind, leaf, subleaf == XEN_CPUID_NO_SUBLEAF ? 0 : subleaf);
	struct xen_cpuid_leaf out = {leaf, subleaf, c.eax, c.ebx, c.ecx, c.edx};

	if (s->rc)
		return;
	if (s->nr == s->room)
		s->rc = -ENOBUFS;
	else
		s->rc = guest_write_ptr(s->gva + s->nr++ * sizeof(out), &out);
}

static void put_subleaves(struct sink *s, uint32_t leaf)
{
	union cpuid c = query(s->kind, leaf, 0);
	uint32_t nr = subleaves[leaf];
	uint64_t there = ~0ULL;

	if (leaf == LEAF_XSTATE)
		there = 3 | c.eax | (uint64_t)c.edx << 32;
	if (leaf == LEAF_FEAT)
		nr = min(nr, c.eax + 1);
	for (uint32_t i = 0; i < nr; i++)
		if (there >> i & 1)
			put_leaf(s, leaf, i);
}

/* From @first, which says what the last one is, to that or to @most. */
static void put_leaves(struct sink *s, uint32_t first, uint32_t most)
{
	uint32_t last = query(s->kind, first, 0).eax;

	for (uint32_t leaf = first; leaf <= min(last, most); leaf++) {
		if (leaf <= MAX_BASIC && subleaves[leaf])
			put_subleaves(s, leaf);
		else
			put_leaf(s, leaf, XEN_CPUID_NO_SUBLEAF);
	}
}

int cpu_policy_put(enum cpu_policy_kind kind, uint64_t leaves, uint32_t *nr_leaves, uint64_t msrs,
		   uint32_t *nr_msrs)
{
	static const struct xen_msr_entry known[CPU_POLICY_MAX_MSRS] = {
		{.idx = MSR_PLATFORM_INFO},
		{.idx = MSR_ARCH_CAPABILITIES},
	};
	struct sink s = {.kind = kind, .gva = leaves, .room = *nr_leaves};

	if (leaves) {
		put_leaves(&s, 0, MAX_BASIC);
		put_leaf(&s, LEAF_XEN, XEN_CPUID_NO_SUBLEAF);
		put_leaf(&s, LEAF_HV2, XEN_CPUID_NO_SUBLEAF);
		put_leaves(&s, LEAF_EXT, MAX_EXT);
	}
	*nr_leaves = leaves ? s.nr : CPU_POLICY_MAX_LEAVES;
	if (s.rc)
		return s.rc;
	if (msrs && *nr_msrs < CPU_POLICY_MAX_MSRS)
		return -ENOBUFS;
	*nr_msrs = CPU_POLICY_MAX_MSRS;
	return msrs ? guest_write(msrs, known, sizeof(known)) : 0;
}

/* ---- checking ---- */

static bool leaf_is_known(const struct xen_cpuid_leaf *l)
{
	if (l->leaf <= MAX_BASIC && subleaves[l->leaf])
		return l->subleaf < subleaves[l->leaf];
	if (l->subleaf != XEN_CPUID_NO_SUBLEAF)
		return false;
	return l->leaf <= MAX_BASIC || (l->leaf >= LEAF_XEN && l->leaf < LEAF_XEN + 0x200) ||
	       (l->leaf >= LEAF_EXT && l->leaf <= MAX_EXT);
}

static int check_leaves(struct xen_domctl_cpu_policy *op)
{
	struct xen_cpuid_leaf l;

	for (uint32_t i = 0; i < op->nr_leaves; i++) {
		if (guest_read_ptr(&l, handle_gva(op->leaves) + i * sizeof(l)))
			return -EFAULT;
		if (leaf_is_known(&l))
			continue;
		op->err_leaf = l.leaf;
		op->err_subleaf = l.subleaf;
		return -ERANGE;
	}
	return 0;
}

static int check_msrs(struct xen_domctl_cpu_policy *op)
{
	struct xen_msr_entry m;

	for (uint32_t i = 0; i < op->nr_msrs; i++) {
		if (guest_read_ptr(&m, handle_gva(op->msrs) + i * sizeof(m)))
			return -EFAULT;
		if (!m.flags && (m.idx == MSR_PLATFORM_INFO || m.idx == MSR_ARCH_CAPABILITIES))
			continue;
		op->err_msr = m.idx;
		return m.flags ? -EINVAL : -ERANGE;
	}
	return 0;
}

int cpu_policy_check(struct xen_domctl_cpu_policy *op)
{
	int rc;

	op->err_leaf = op->err_subleaf = op->err_msr = ~0U;
	if (op->nr_leaves > CPU_POLICY_MAX_LEAVES || op->nr_msrs > CPU_POLICY_MAX_MSRS)
		return -E2BIG;
	rc = check_leaves(op);
	return rc ? rc : check_msrs(op);
}
