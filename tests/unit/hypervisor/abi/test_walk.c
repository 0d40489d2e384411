// SPDX-License-Identifier: Apache-2.0
/* Walks of a guest's page tables, and pages remembered from the walk before. */
#include "tests.h"

#include "arch/x86/mm/map.h"
#include "core/guest.h"
#include "mm/frames.h"

#define GVA  0x7f0000201000ULL
#define USER 7ULL /* present, writable, user */
#define A    (1ULL << 5)
#define D    (1ULL << 6)

/* Guest frames: four levels of tables, then data. */
enum { L4, L3, L2, L1, PAGE_A, PAGE_B, NR_PAGES };

static struct domain *d;
static struct vcpu *v;
static struct guest_paging paging;

static void *page(uint64_t gfn)
{
	enum p2m_type type;

	return mfn_to_virt(p2m_lookup(d, gfn_of(gfn), &type, NULL));
}

static uint64_t *entry(uint64_t table, unsigned int level)
{
	return (uint64_t *)page(table) + (GVA >> (12 + 9 * level) & 511);
}

static void setup(void)
{
	fake_host_init();
	d = fake_domain(1, 0);
	d->max_pages = 64;
	v = d->vcpus[0];
	for (uint64_t i = 0; i < NR_PAGES; i++) {
		mfn_t mfn;

		ck_assert_int_eq(domain_alloc_frames(d, 0, &mfn), 0);
		ck_assert_int_eq(p2m_map(d, gfn_of(i), mfn, ORDER_4K, P2M_RAM), 0);
	}
	*entry(L4, 3) = L3 << 12 | USER;
	*entry(L3, 2) = L2 << 12 | USER;
	*entry(L2, 1) = L1 << 12 | USER;
	*entry(L1, 0) = PAGE_A << 12 | USER;
	paging = (struct guest_paging){.cr0 = 1ULL << 31 | 1ULL << 16,
				       .cr3 = L4 << 12,
				       .efer = 1ULL << 10,
				       .cr4 = 1ULL << 5};
}

static void teardown(void)
{
	ck_assert_int_eq(fake_host_fini(), 0);
}

static void *find(uint64_t gva, enum guest_access access)
{
	struct guest_fault fault;
	void *at;

	spin_lock(&d->p2m.lock);
	at = guest_find(v, &paging, gva, access, &fault);
	spin_unlock(&d->p2m.lock);
	return at;
}

START_TEST(finds_what_the_tables_say)
{
	ck_assert_ptr_eq(find(GVA + 5, GUEST_READ), (char *)page(PAGE_A) + 5);
	ck_assert_uint_eq(*entry(L1, 0), (PAGE_A << 12 | USER | A));
	ck_assert_ptr_eq(find(GVA + 9, GUEST_WRITE), (char *)page(PAGE_A) + 9);
	ck_assert_uint_eq(*entry(L1, 0), (PAGE_A << 12 | USER | A | D));
	ck_assert_ptr_eq(find(GVA + PAGE_SIZE, GUEST_READ), NULL);
	ck_assert_ptr_eq(find(1ULL << 47, GUEST_READ), NULL);
}
END_TEST

/* Every change of an entry is seen at the next look, and a dirty bit taken away comes back. */
START_TEST(changed_tables_are_walked_anew)
{
	uint64_t *leaf = entry(L1, 0);

	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), page(PAGE_A));
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), page(PAGE_A));
	*leaf = PAGE_B << 12 | USER;
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), page(PAGE_B));
	ck_assert_uint_eq(*leaf, (PAGE_B << 12 | USER | A | D));
	*leaf &= ~D;
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), page(PAGE_B));
	ck_assert_uint_eq(*leaf, (PAGE_B << 12 | USER | A | D));
	*leaf &= ~2ULL; /* read-only */
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), NULL);
	ck_assert_ptr_eq(find(GVA, GUEST_READ), page(PAGE_B));
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), NULL);
	paging.cr0 &= ~(1ULL << 16); /* a supervisor that may write read-only pages */
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), page(PAGE_B));
	paging.cpl = 3;
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), NULL);
	*entry(L2, 1) = 0;
	ck_assert_ptr_eq(find(GVA, GUEST_READ), NULL);
}
END_TEST

START_TEST(other_roots_and_rights_are_others)
{
	paging.cpl = 3;
	ck_assert_ptr_eq(find(GVA, GUEST_READ), page(PAGE_A));
	*entry(L1, 0) &= ~4ULL; /* the supervisor's */
	ck_assert_ptr_eq(find(GVA, GUEST_READ), NULL);
	paging.cpl = 0;
	ck_assert_ptr_eq(find(GVA, GUEST_READ), page(PAGE_A));
	paging.cpl = 3;
	ck_assert_ptr_eq(find(GVA, GUEST_READ), NULL);
	paging.cpl = 0;
	paging.cr3 = PAGE_B << 12; /* empty */
	ck_assert_ptr_eq(find(GVA, GUEST_READ), NULL);
}
END_TEST

/* Code has places of its own: a right to read says nothing of one to execute. */
START_TEST(execution_is_asked_for_itself)
{
	paging.efer |= 1ULL << 11;
	ck_assert_ptr_eq(find(GVA, GUEST_READ), page(PAGE_A));
	*entry(L1, 0) |= 1ULL << 63;
	ck_assert_ptr_eq(find(GVA, GUEST_READ), page(PAGE_A));
	ck_assert_ptr_eq(find(GVA, GUEST_EXEC), NULL);
}
END_TEST

/* A frame that has left the domain is not found, nor is a table in one. */
START_TEST(lost_memory_is_not_found)
{
	enum p2m_type type;
	mfn_t mfn;

	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), page(PAGE_A));
	ck_assert_int_eq(p2m_unmap(d, gfn_of(PAGE_A), INVALID_MFN, P2M_NONE), 0);
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), NULL);
	*entry(L1, 0) = PAGE_B << 12 | USER;
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), page(PAGE_B));
	mfn = p2m_lookup(d, gfn_of(L1), &type, NULL);
	ck_assert(!mfn_eq(mfn, INVALID_MFN));
	ck_assert_int_eq(p2m_unmap(d, gfn_of(L1), mfn, P2M_RAM), 0);
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), NULL);
}
END_TEST

/* What is only mapped may go without the domain's RAM changing: it is found, but not remembered. */
START_TEST(only_own_memory_is_remembered)
{
	mfn_t mfn;

	ck_assert(!guest_found_ram(v, GVA));
	ck_assert_ptr_eq(find(GVA, GUEST_READ), page(PAGE_A));
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), page(PAGE_A));
	ck_assert(guest_found_ram(v, GVA));
	ck_assert_int_eq(domain_alloc_frames(d, 0, &mfn), 0);
	ck_assert_int_eq(p2m_map(d, gfn_of(40), mfn, ORDER_4K, P2M_GRANT_RW), 0);
	*entry(L1, 0) = 40ULL << 12 | USER;
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), mfn_to_virt(mfn));
	ck_assert(!guest_found_ram(v, GVA));
	ck_assert_int_eq(p2m_unmap(d, gfn_of(40), mfn, P2M_GRANT_RW), 0);
	ck_assert_ptr_eq(find(GVA, GUEST_WRITE), NULL);
	frame_put(mfn);
}
END_TEST

Suite *walk_suite(void)
{
	Suite *s = suite_create("guest page tables");
	TCase *tc = tcase_create("walks");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, finds_what_the_tables_say);
	tcase_add_test(tc, changed_tables_are_walked_anew);
	tcase_add_test(tc, other_roots_and_rights_are_others);
	tcase_add_test(tc, execution_is_asked_for_itself);
	tcase_add_test(tc, lost_memory_is_not_found);
	tcase_add_test(tc, only_own_memory_is_remembered);
	suite_add_tcase(s, tc);
	return s;
}
