// SPDX-License-Identifier: Apache-2.0
/*
 * The walk of a guest's own page tables, for hypercall arguments and emulated instructions (APM
 * vol. 2, ch. 5: four forms of paging; 5.6: protection; 5.6.6: SMAP). One loop serves all forms; a row
 * per form says how many levels there are and how wide its entries.
 */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/map.h"
#include "core/vcpu.h"
#include "lib/errno.h"

#define PTE_P     (1ULL << 0)
#define PTE_W     (1ULL << 1)
#define PTE_U     (1ULL << 2)
#define PTE_A     (1ULL << 5)
#define PTE_D     (1ULL << 6)
#define PTE_PS    (1ULL << 7)
#define PTE_NX    (1ULL << 63)
#define PTE_FRAME 0x000ffffffffff000ULL

/* Page fault error code, APM vol. 2, 8.4.2. */
#define PF_P 1u
#define PF_W 2u
#define PF_U 4u
#define PF_I 16u

struct form {
	unsigned int levels;
	unsigned int index_bits;
	unsigned int entry_size;
	unsigned int max_leaf_level; /* highest level where PTE_PS makes a page, 1 = 4 KiB */
};

static const struct form form_legacy = {2, 10, 4, 2};
static const struct form form_pae = {3, 9, 8, 2};
static const struct form form_long = {4, 9, 8, 3};

struct walk {
	struct vcpu *v;
	const struct guest_paging *paging;
	const struct form *form;
	enum guest_access access;
	bool writable, user, no_execute; /* rights of all levels so far */
	struct walked_page *memo;        /* keeps the entries read, or NULL */
};

static const struct form *form_of(const struct guest_paging *p)
{
	if (p->efer & X86_EFER_LMA)
		return &form_long;
	return p->cr4 & X86_CR4_PAE ? &form_pae : &form_legacy;
}

/* The entry's place in the direct map; the p2m lock must stay held while it is used. */
static void *entry_at(struct domain *d, uint64_t gpa)
{
	enum p2m_type type;
	mfn_t mfn = p2m_lookup_locked(d, gfn_of(gpa >> PAGE_SHIFT), &type, NULL);

	if (type != P2M_RAM)
		return NULL;
	return (char *)mfn_to_virt(mfn) + (gpa & (PAGE_SIZE - 1));
}

static uint64_t read_entry(const struct walk *w, const void *at)
{
	return w->form->entry_size == 8 ? __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED) :
					  __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED);
}

/* Mark an entry accessed (and dirty), as the CPU's walk would: APM vol. 2, 5.4.2. */
static uint64_t mark_entry(void *at, uint64_t entry, uint64_t bits)
{
	if ((entry & bits) != bits)
		__atomic_fetch_or((uint8_t *)at, (uint8_t)bits, __ATOMIC_RELAXED);
	return entry | bits;
}

static void remember(struct walk *w, const void *at, uint64_t entry)
{
	struct walked_page *memo = w->memo;

	if (!memo)
		return;
	memo->entry[memo->nr_entries].at = at;
	memo->entry[memo->nr_entries].value = entry;
	memo->nr_entries++;
}

static bool allowed(const struct walk *w)
{
	const struct guest_paging *p = w->paging;
	bool user_mode = p->cpl == 3;

	if (user_mode && !w->user)
		return false;
	if (w->access == GUEST_WRITE && !w->writable && (user_mode || (p->cr0 & X86_CR0_WP)))
		return false;
	if (w->access == GUEST_EXEC) {
		if (w->no_execute && (p->efer & X86_EFER_NXE))
			return false;
		return user_mode || !w->user || !(p->cr4 & X86_CR4_SMEP);
	}
	return user_mode || !w->user || !(p->cr4 & X86_CR4_SMAP) || p->ac;
}

static int fail(const struct walk *w, uint64_t gva, bool present, struct guest_fault *fault)
{
	fault->gva = gva;
	fault->non_canonical = false;
	fault->error_code = (present ? PF_P : 0) | (w->access == GUEST_WRITE ? PF_W : 0) |
			    (w->paging->cpl == 3 ? PF_U : 0);
	if (w->access == GUEST_EXEC &&
	    ((w->paging->efer & X86_EFER_NXE) || (w->paging->cr4 & X86_CR4_SMEP)))
		fault->error_code |= PF_I;
	return -EFAULT;
}

static uint64_t root_of(const struct guest_paging *p, const struct form *form)
{
	if (form == &form_long)
		return p->cr3 & PTE_FRAME;
	return form == &form_pae ? p->cr3 & 0xffffffe0ULL : p->cr3 & 0xfffff000ULL;
}

/* Bits of an address below a leaf at @level. */
static unsigned int leaf_shift(const struct form *form, unsigned int level)
{
	return PAGE_SHIFT + (level - 1) * form->index_bits;
}

static bool is_leaf(const struct walk *w, unsigned int level, uint64_t entry)
{
	if (level == 1)
		return true;
	if (level > w->form->max_leaf_level || !(entry & PTE_PS))
		return false;
	return w->form != &form_legacy || (w->paging->cr4 & X86_CR4_PSE);
}

static uint64_t leaf_address(const struct walk *w, unsigned int level, uint64_t entry, uint64_t gva)
{
	uint64_t mask = (1ULL << leaf_shift(w->form, level)) - 1;
	uint64_t base = entry & PTE_FRAME & ~mask;

	if (w->form == &form_legacy && level == 2) /* PSE-36, APM vol. 2, 5.2.2 */
		base = (entry & 0xffc00000ULL) | ((entry >> 13 & 0xff) << 32);
	return base | (gva & mask);
}

/* Context: the p2m lock is held. */
static int walk_levels(struct walk *w, uint64_t gva, uint64_t *gpa, struct guest_fault *fault)
{
	const struct form *form = w->form;
	uint64_t table = root_of(w->paging, form);

	for (unsigned int level = form->levels;; level--) {
		uint64_t index = gva >> leaf_shift(form, level) & ((1ULL << form->index_bits) - 1);
		bool pdpte = form == &form_pae && level == 3; /* has no rights and no A bit */
		uint64_t entry, want = PTE_A;
		void *at;

		if (pdpte)
			index &= 3;
		at = entry_at(w->v->domain, table + index * form->entry_size);
		entry = at ? read_entry(w, at) : 0;
		if (!(entry & PTE_P))
			return fail(w, gva, false, fault);
		if (!pdpte) {
			w->writable &= !!(entry & PTE_W);
			w->user &= !!(entry & PTE_U);
			w->no_execute |= form->entry_size == 8 && (entry & PTE_NX);
		}
		if (is_leaf(w, level, entry)) {
			if (!allowed(w))
				return fail(w, gva, true, fault);
			if (w->access == GUEST_WRITE)
				want |= PTE_D;
			remember(w, at, mark_entry(at, entry, want));
			*gpa = leaf_address(w, level, entry, gva);
			return 0;
		}
		remember(w, at, pdpte ? entry : mark_entry(at, entry, PTE_A));
		table = entry & PTE_FRAME;
	}
}

static int walk(struct vcpu *v, const struct guest_paging *paging, uint64_t gva,
		enum guest_access access, struct walked_page *memo, uint64_t *gpa,
		struct guest_fault *fault)
{
	struct walk w = {
		.v = v,
		.paging = paging,
		.form = form_of(paging),
		.access = access,
		.writable = true,
		.user = true,
		.memo = memo,
	};

	if (!(paging->cr0 & X86_CR0_PG)) {
		*gpa = gva & 0xffffffffULL;
		return 0;
	}
	if (w.form == &form_long) {
		if ((uint64_t)((int64_t)(gva << 16) >> 16) != gva) {
			fault->gva = gva;
			fault->error_code = 0;
			fault->non_canonical = true;
			return -EFAULT;
		}
	} else {
		gva &= 0xffffffffULL;
	}
	return walk_levels(&w, gva, gpa, fault);
}

int guest_walk(struct vcpu *v, const struct guest_paging *paging, uint64_t gva,
	       enum guest_access access, uint64_t *gpa, struct guest_fault *fault)
{
	spin_guard(&v->domain->p2m.lock);
	return walk(v, paging, gva, access, NULL, gpa, fault);
}

/* ---- pages found before ---- */

/* Context: p2m.ram_gen is that of the walk, so all of @memo's places are still page tables of the guest. */
static bool unchanged(const struct walked_page *memo)
{
	uint64_t differ = 0;

#pragma GCC unroll 4
	for (unsigned int i = 0; i < ARRAY_SIZE(memo->entry); i++)
		differ |= __atomic_load_n(memo->entry[i].at, __ATOMIC_RELAXED) ^
			  memo->entry[i].value;
	return !differ;
}

/* Whether all that decides a walk beside the tables is as it was. */
static bool same_paging(const struct guest_paging *a, const struct guest_paging *b)
{
	return !((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]));
}

static __noinline void *find_anew(struct vcpu *v, const struct guest_paging *paging, uint64_t gva,
				  enum guest_access access, struct walked_page *memo,
				  struct guest_fault *fault)
{
	struct domain *d = v->domain;
	bool write = access == GUEST_WRITE;
	enum p2m_type type;
	uint64_t gpa;
	mfn_t mfn;
	char *at;

	memo->at = NULL;
	memo->nr_entries = 0;
	if (walk(v, paging, gva, access, memo, &gpa, fault))
		return NULL;
	mfn = p2m_lookup_locked(d, gfn_of(gpa >> PAGE_SHIFT), &type, NULL);
	if (!p2m_is_memory(type) || (write && type == P2M_GRANT_RO))
		return NULL;
	at = mfn_to_virt(mfn);
	/* Other forms have narrower entries, other types than RAM come and go more often. */
	if (form_of(paging) == &form_long && type == P2M_RAM) {
		memo->page = gva & PAGE_MASK;
		memo->paging = *paging;
		memo->ram_gen = d->p2m.ram_gen;
		memo->writable = write;
		memo->at = at;
		/* All places are compared, whether or not the walk ended early at a large page. */
		for (unsigned int i = memo->nr_entries; i < ARRAY_SIZE(memo->entry); i++)
			memo->entry[i] = memo->entry[0];
	}
	return at + (gva & ~PAGE_MASK);
}

/* Code has places of its own. */
static struct walked_page *memo_of(struct vcpu *v, uint64_t gva, enum guest_access access)
{
	return &v->walked[(gva >> PAGE_SHIFT & 3) + (access == GUEST_EXEC ? 4 : 0)];
}

bool guest_found_ram(struct vcpu *v, uint64_t gva)
{
	return memo_of(v, gva, GUEST_WRITE)->at;
}

void *guest_find(struct vcpu *v, const struct guest_paging *paging, uint64_t gva,
		 enum guest_access access, struct guest_fault *fault)
{
	struct walked_page *memo = memo_of(v, gva, access);

	if (memo->page == (gva & PAGE_MASK) && memo->at && same_paging(&memo->paging, paging) &&
	    memo->ram_gen == v->domain->p2m.ram_gen && (memo->writable || access != GUEST_WRITE) &&
	    unchanged(memo))
		return memo->at + (gva & ~PAGE_MASK);
	return find_anew(v, paging, gva, access, memo, fault);
}
