/* SPDX-License-Identifier: Apache-2.0 */
/* Entry formats of long mode and of AMD nested paging (APM vol. 2, 5.3 and 15.25). */
#include "arch/x86/mm/ptab.h"

#define E_P          (1ULL << 0)
#define E_W          (1ULL << 1)
#define E_U          (1ULL << 2)
#define E_UC         (3ULL << 3) /* PWT and PCD: PAT entry 3, uncached */
#define E_A          (1ULL << 5)
#define E_D          (1ULL << 6)
#define E_PS         (1ULL << 7)
#define E_G          (1ULL << 8)
#define E_LEAF       (1ULL << 9) /* ours: a leaf, whatever the present bit says */
#define E_NX         (1ULL << 63)
#define E_TYPE_SHIFT 52

static uint64_t x86_leaf(mfn_t mfn, unsigned int level, uint64_t attr, uint64_t extra)
{
	uint64_t e = mfn_to_paddr(mfn) | E_A | E_D | E_LEAF | extra;

	if (attr & PT_R)
		e |= E_P;
	if (attr & PT_W)
		e |= E_W;
	if (!(attr & PT_X))
		e |= E_NX;
	if (attr & PT_UC)
		e |= E_UC;
	if (level)
		e |= E_PS;
	return e | (uint64_t)PT_TYPE_OF(attr) << E_TYPE_SHIFT;
}

static uint64_t x86_attr(uint64_t entry, unsigned int level)
{
	uint64_t attr = PT_TYPE(entry >> E_TYPE_SHIFT & 0xff);

	(void)level;
	if (entry & E_P)
		attr |= PT_R;
	if (entry & E_W)
		attr |= PT_W;
	if (!(entry & E_NX))
		attr |= PT_X;
	if (entry & E_UC)
		attr |= PT_UC;
	if (entry & E_G)
		attr |= PT_GLOBAL;
	return attr;
}

static uint64_t host_table(mfn_t mfn)
{
	return mfn_to_paddr(mfn) | E_P | E_W | E_A;
}

static uint64_t host_leaf(mfn_t mfn, unsigned int level, uint64_t attr)
{
	return x86_leaf(mfn, level, attr, attr & PT_GLOBAL ? E_G : 0);
}

/* A nested walk is made as a user access, so every entry needs the user bit. */
static uint64_t npt_table(mfn_t mfn)
{
	return mfn_to_paddr(mfn) | E_P | E_W | E_U | E_A;
}

static uint64_t npt_leaf(mfn_t mfn, unsigned int level, uint64_t attr)
{
	return x86_leaf(mfn, level, attr, E_U);
}

const struct ptab_format ptab_host = {
	.name = "host",
	.table = host_table,
	.leaf = host_leaf,
	.attr = x86_attr,
	.leaf_mask = E_LEAF,
	.leaf_value = E_LEAF,
	.type_shift = E_TYPE_SHIFT,
	.max_leaf_order = ORDER_1G,
};

const struct ptab_format ptab_npt = {
	.name = "npt",
	.table = npt_table,
	.leaf = npt_leaf,
	.attr = x86_attr,
	.leaf_mask = E_LEAF,
	.leaf_value = E_LEAF,
	.type_shift = E_TYPE_SHIFT,
	.max_leaf_order = ORDER_1G,
};
