// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_memory_op. */
#include "tests.h"

#include <string.h>

#include "arch/x86/mm/map.h"
#include "mm/buddy.h"
#include "mm/frames.h"

#define LIST_OFFSET 0x1000

static uint64_t *list(void)
{
	return (uint64_t *)(void *)&fake_guest_mem[LIST_OFFSET];
}

static long op(uint64_t cmd)
{
	return fake_hypercall(__HYPERVISOR_memory_op, cmd, ARG_GVA, 0);
}

static long reserve(uint32_t cmd, domid_t dom, uint64_t nr, unsigned int order)
{
	struct xen_memory_reservation *r = ARG(struct xen_memory_reservation);

	*r = (struct xen_memory_reservation){.nr_extents = nr, .extent_order = order, .domid = dom};
	r->extent_start.p = nr && cmd != XENMEM_claim_pages ? (xen_pfn_t *)list() : NULL;
	return op(cmd);
}

static enum p2m_type type_at(struct domain *d, uint64_t gfn)
{
	enum p2m_type type;

	(void)p2m_lookup(d, gfn_of(gfn), &type, NULL);
	return type;
}

START_TEST(populate_counts_what_it_did)
{
	struct domain *d = fake_domain(1, 0);

	d->max_pages = 1024 + 10;
	list()[0] = 0;
	list()[1] = 512;
	list()[2] = 1024;
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 3, 9), 2);
	ck_assert_uint_eq(d->tot_pages, 1024);
	for (unsigned int i = 0; i < 20; i++)
		list()[i] = 0x5000 + i;
	fake_preempt_every = 1;
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 20, 0), 10);
	ck_assert_uint_eq(d->tot_pages, 1034);
	ck_assert_int_eq(type_at(d, 0x5009), P2M_RAM);
	ck_assert_int_eq(type_at(d, 0x500a), P2M_NONE);

	fake_preempt_every = 0;
	ck_assert_int_eq(reserve(XENMEM_decrease_reservation, d->id, 20, 0), 10);
	ck_assert_uint_eq(d->tot_pages, 1024);
	list()[0] = 0;
	ck_assert_int_eq(reserve(XENMEM_decrease_reservation, d->id, 1, 9), 1);
	ck_assert_uint_eq(d->tot_pages, 512);
}
END_TEST

START_TEST(odd_extents_are_whole_or_nothing)
{
	struct domain *d = fake_domain(1, 0);

	d->max_pages = 1024;
	list()[0] = 0x101; /* unaligned: of small pages */
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 1, 9), 1);
	ck_assert_uint_eq(d->tot_pages, 512);
	list()[0] = 0x2000;
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 1, 4), 1);
	ck_assert_uint_eq(d->tot_pages, 528);
	d->max_pages = 530;
	list()[0] = 0x3000;
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 1, 4), 0);
	ck_assert_uint_eq(d->tot_pages, 528);
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 1, 10), 0);
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 1, ~0u), 0);
	list()[0] = GFN_LIMIT - 1;
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 1, 1), 0);
	list()[0] = ~0ULL;
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 1, 0), 0);
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, 99, 1, 0), -ESRCH);
	ARG(struct xen_memory_reservation)->domid = d->id;
	ARG(struct xen_memory_reservation)->mem_flags = XENMEMF_populate_on_demand;
	ck_assert_int_eq(op(XENMEM_populate_physmap), 0);
}
END_TEST

static void expect_leaves(const struct domain *d, uint64_t small, uint64_t large, uint64_t huge)
{
	ck_assert_uint_eq(d->p2m.table.nr_leaves[0], small);
	ck_assert_uint_eq(d->p2m.table.nr_leaves[1], large);
	ck_assert_uint_eq(d->p2m.table.nr_leaves[2], huge);
}

START_TEST(large_extents_are_large_pages)
{
	struct domain *d = fake_domain(1, 0);

	d->max_pages = 1 << 20;
	list()[0] = 0;
	list()[1] = 512;
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 2, 9), 2);
	expect_leaves(d, 0, 2, 0);
	/* A GiB is more than there is: as one page or not at all, and nothing has changed. */
	list()[0] = 1 << 18;
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 1, 18), 0);
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, d->id, 1, 27), 0);
	ck_assert_uint_eq(d->tot_pages, 1024);
	/* Guests have no extents of that size, whatever there is. */
	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(reserve(XENMEM_populate_physmap, DOMID_SELF, 1, 18), 0);
	expect_leaves(d, 0, 2, 0);
	fake_run_as(hwdom->vcpus[0]);
	/* One such page, were it there, splits as far as it must, and goes by parts in the end. */
	ck_assert_int_eq(p2m_map(d, gfn_of(1 << 18), mfn_of(1 << 18), ORDER_1G, P2M_MMIO), 0);
	expect_leaves(d, 0, 2, 1);
	ck_assert_int_eq(p2m_unmap(d, gfn_of((1 << 18) + 513), INVALID_MFN, P2M_NONE), 0);
	expect_leaves(d, 511, 2 + 511, 0);
	ck_assert_int_eq(p2m_map(d, gfn_of(1 << 19), mfn_of(1 << 18), ORDER_1G, P2M_MMIO), 0);
	domain_ref(d);
	fake_domain_kill(d);
	expect_leaves(d, 0, 0, 0);
	domain_put(d);
}
END_TEST

START_TEST(shared_info_replaces_ram)
{
	struct xen_add_to_physmap *a = ARG(struct xen_add_to_physmap);
	struct domain *d = fake_domain(1, 8);

	fake_run_as(d->vcpus[0]);
	*a = (struct xen_add_to_physmap){
		.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = 1};
	ck_assert_int_eq(op(XENMEM_add_to_physmap), 0);
	ck_assert_uint_eq(d->tot_pages, 7);
	ck_assert_int_eq(type_at(d, 1), P2M_SPECIAL);
	*a = (struct xen_add_to_physmap){
		.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 3, .gpfn = 0x4000};
	ck_assert_int_eq(op(XENMEM_add_to_physmap), 0);
	a->idx = 64;
	ck_assert_int_eq(op(XENMEM_add_to_physmap), -EINVAL);
	a->idx = XENMAPIDX_grant_table_status;
	ck_assert_int_eq(op(XENMEM_add_to_physmap), -EINVAL);
	a->idx = 1ULL << 40;
	ck_assert_int_eq(op(XENMEM_add_to_physmap), -EINVAL);
	*a = (struct xen_add_to_physmap){.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign};
	ck_assert_int_eq(op(XENMEM_add_to_physmap), -ENOSYS);
	*a = (struct xen_add_to_physmap){.domid = 0, .space = XENMAPSPACE_shared_info, .gpfn = 1};
	ck_assert_int_eq(op(XENMEM_add_to_physmap), -EPERM);
}
END_TEST

START_TEST(own_pages_move)
{
	struct xen_add_to_physmap *a = ARG(struct xen_add_to_physmap);
	struct domain *d = fake_domain(1, 64);
	enum p2m_type type;
	mfn_t before = p2m_lookup(d, gfn_of(33), &type, NULL);

	fake_run_as(d->vcpus[0]);
	*a = (struct xen_add_to_physmap){.domid = DOMID_SELF,
					 .size = 40,
					 .space = XENMAPSPACE_gmfn_range,
					 .idx = 10,
					 .gpfn = 0x8000};
	fake_preempt_every = 1;
	ck_assert_int_eq(op(XENMEM_add_to_physmap), 0);
	ck_assert_uint_gt(fake_restarts, 1);
	ck_assert(mfn_eq(p2m_lookup(d, gfn_of(0x8000 + 23), &type, NULL), before));
	ck_assert_int_eq(type_at(d, 33), P2M_NONE);
	ck_assert_uint_eq(d->tot_pages, 64);
	/* Moving onto another page frees that one; what isn't RAM stays. */
	*a = (struct xen_add_to_physmap){
		.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn, .idx = 1, .gpfn = 2};
	ck_assert_int_eq(op(XENMEM_add_to_physmap), 0);
	ck_assert_uint_eq(d->tot_pages, 63);
	ck_assert_int_eq(op(XENMEM_add_to_physmap), -EINVAL);
}
END_TEST

/* Shows the shared page at ever more places, each of which needs tables of its own. Return: at how many. */
static uint64_t scatter(struct domain *d, uint64_t from)
{
	uint64_t gfn = from;

	fake_run_as(d->vcpus[0]);
	do {
		gfn += 1 << 20;
		*ARG(struct xen_add_to_physmap) = (struct xen_add_to_physmap){
			.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = gfn};
	} while (!op(XENMEM_add_to_physmap));
	return (gfn - from) >> 20;
}

START_TEST(tables_have_an_end)
{
	struct domain *d = fake_domain(1, 4);
	uint64_t before = buddy_free_pages(), places = scatter(d, 0);

	ck_assert_uint_gt(places, 50);
	ck_assert_uint_le(d->p2m.table.nr_tables, P2M_DEFAULT_TABLES);
	ck_assert_uint_ge(buddy_free_pages() + P2M_DEFAULT_TABLES, before);
	/* What is there already can still be changed; and the toolstack may allow more. */
	ARG(struct xen_add_to_physmap)->gpfn = 1;
	ck_assert_int_eq(op(XENMEM_add_to_physmap), 0);
	d->p2m.table.max_tables *= 2;
	ck_assert_uint_gt(scatter(d, places << 20), 50);
}
END_TEST

static long foreign(struct domain *d, uint16_t nr, uint64_t first_idx, uint64_t first_gfn)
{
	struct xen_add_to_physmap_batch *b = ARG(struct xen_add_to_physmap_batch);
	uint64_t *gfns = (uint64_t *)(void *)&fake_guest_mem[0x4000];
	int *errs = (int *)(void *)&fake_guest_mem[0x8000];

	for (unsigned int i = 0; i < nr; i++) {
		list()[i] = first_idx + i;
		gfns[i] = first_gfn + i;
		errs[i] = 77;
	}
	*b = (struct xen_add_to_physmap_batch){.domid = DOMID_SELF,
					       .space = XENMAPSPACE_gmfn_foreign,
					       .size = nr,
					       .u.foreign_domid = d->id};
	b->idxs.p = (xen_ulong_t *)list();
	b->gpfns.p = (xen_pfn_t *)gfns;
	b->errs.p = errs;
	return op(XENMEM_add_to_physmap_batch);
}

static int err_of(unsigned int i)
{
	return ((int *)(void *)&fake_guest_mem[0x8000])[i];
}

START_TEST(foreign_pages_are_shown_and_outlive_their_domain)
{
	struct domain *d = fake_domain(1, 100);
	struct xen_remove_from_physmap *r = ARG(struct xen_remove_from_physmap);
	enum p2m_type type;
	domid_t id = d->id;
	mfn_t mfn;

	fake_preempt_every = 1;
	ck_assert_int_eq(foreign(d, 101, 0, 0x8000), 0);
	ck_assert_uint_gt(fake_restarts, 3);
	for (unsigned int i = 0; i < 100; i++)
		ck_assert_int_eq(err_of(i), 0);
	ck_assert_int_eq(err_of(100), -EINVAL);
	mfn = p2m_lookup(hwdom, gfn_of(0x8005), &type, NULL);
	ck_assert_int_eq(type, P2M_FOREIGN);
	memset(mfn_to_virt(mfn), 0x33, PAGE_SIZE);
	fake_domain_kill(d);
	ck_assert_uint_eq(*(uint8_t *)mfn_to_virt(mfn), 0x33);
	ck_assert_ptr_nonnull(domain_get(id));
	domain_put(d);
	for (unsigned int i = 0; i < 100; i++) {
		*r = (struct xen_remove_from_physmap){DOMID_SELF, 0x8000 + i};
		ck_assert_int_eq(op(XENMEM_remove_from_physmap), 0);
	}
	fake_softirqs();
	ck_assert_ptr_null(domain_get(id));
	ck_assert_int_eq(op(XENMEM_remove_from_physmap), -ENOENT);
}
END_TEST

START_TEST(guests_see_no_foreign_pages)
{
	struct domain *a = fake_domain(1, 4), *b = fake_domain(1, 4);

	fake_run_as(a->vcpus[0]);
	ck_assert_int_eq(foreign(b, 1, 0, 0x8000), -EPERM);
	ck_assert_int_eq(foreign(a, 1, 0, 0x8000), -EINVAL);
	fake_run_as(hwdom->vcpus[0]);
	/* A page lent to a domain is not that domain's to be mapped. */
	ck_assert_int_eq(foreign(a, 1, 1, 0x8000), 0);
	ck_assert_int_eq(err_of(0), 0);
	fake_run_as(a->vcpus[0]);
	ck_assert_int_eq(foreign(hwdom, 1, 0x8000, 0x9000), -EPERM);
}
END_TEST

START_TEST(resources_are_sized_and_mapped)
{
	struct xen_mem_acquire_resource *a = ARG(struct xen_mem_acquire_resource);
	struct domain *d = fake_domain(1, 4);

	*a = (struct xen_mem_acquire_resource){.domid = d->id, .type = XENMEM_resource_grant_table};
	ck_assert_int_eq(op(XENMEM_acquire_resource), 0);
	ck_assert_uint_eq(a->nr_frames, 64);
	a->frame_list.p = (xen_pfn_t *)list();
	for (unsigned int i = 0; i < 64; i++)
		list()[i] = 0x8000 + i;
	fake_preempt_every = 1;
	ck_assert_int_eq(op(XENMEM_acquire_resource), 0);
	ck_assert_int_eq(type_at(hwdom, 0x803f), P2M_FOREIGN);
	a->frame = 1;
	ck_assert_int_eq(op(XENMEM_acquire_resource), -EINVAL);
	a->frame = ~0ULL;
	ck_assert_int_eq(op(XENMEM_acquire_resource), -EINVAL);
	a->frame = 0;
	a->id = XENMEM_resource_grant_table_id_status;
	ck_assert_int_eq(op(XENMEM_acquire_resource), -EINVAL);
	a->id = 0;
	a->type = XENMEM_resource_ioreq_server;
	ck_assert_int_eq(op(XENMEM_acquire_resource), -EINVAL);
	a->type = XENMEM_resource_grant_table;
	a->domid = DOMID_SELF;
	ck_assert_int_eq(op(XENMEM_acquire_resource), -EPERM);
	a->pad = 1;
	ck_assert_int_eq(op(XENMEM_acquire_resource), -EINVAL);
}
END_TEST

START_TEST(claims_are_kept_from_each_other)
{
	struct domain *a = fake_domain(1, 0), *b = fake_domain(1, 0);
	uint64_t free_pages = buddy_free_pages();

	a->max_pages = b->max_pages = ~0ULL >> 2;
	ck_assert_int_eq(reserve(XENMEM_claim_pages, a->id, free_pages + 1, 0), -ENOMEM);
	ck_assert_int_eq(reserve(XENMEM_claim_pages, a->id, free_pages - 10, 0), 0);
	ck_assert_int_eq(reserve(XENMEM_claim_pages, a->id, 5, 0), -EINVAL);
	ck_assert_int_eq(reserve(XENMEM_claim_pages, b->id, 11, 0), -ENOMEM);
	ck_assert_int_eq(reserve(XENMEM_claim_pages, b->id, 10, 0), 0);
	ck_assert_int_eq(reserve(XENMEM_claim_pages, a->id, 0, 0), 0);
	ck_assert_int_eq(reserve(XENMEM_claim_pages, b->id, 0, 0), 0);
	fake_run_as(a->vcpus[0]);
	ck_assert_int_eq(reserve(XENMEM_claim_pages, DOMID_SELF, 1, 0), -EPERM);
}
END_TEST

struct wire {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

START_TEST(the_memory_map_is_stored_and_given)
{
	struct domain *d = fake_domain(1, 0);
	struct xen_foreign_memory_map *f = ARG(struct xen_foreign_memory_map);
	struct xen_memory_map *m = ARG(struct xen_memory_map);
	struct wire *w = (struct wire *)(void *)&fake_guest_mem[LIST_OFFSET];

	w[0] = (struct wire){0, 0xa0000, 1};
	w[1] = (struct wire){0xfc000000, 0x1000, 3};
	*f = (struct xen_foreign_memory_map){.domid = d->id, .map.nr_entries = 2};
	f->map.buffer.p = w;
	ck_assert_int_eq(op(XENMEM_set_memory_map), 0);
	f->map.nr_entries = 129;
	ck_assert_int_eq(op(XENMEM_set_memory_map), -E2BIG);

	fake_run_as(d->vcpus[0]);
	memset(w, 0, 2 * sizeof(*w));
	*m = (struct xen_memory_map){.nr_entries = 128};
	m->buffer.p = w;
	ck_assert_int_eq(op(XENMEM_memory_map), 0);
	ck_assert_uint_eq(m->nr_entries, 2);
	ck_assert_uint_eq(w[1].addr, 0xfc000000);
	m->nr_entries = 1;
	ck_assert_int_eq(op(XENMEM_memory_map), -ENOBUFS);
	*f = (struct xen_foreign_memory_map){.domid = DOMID_SELF};
	ck_assert_int_eq(op(XENMEM_set_memory_map), -EPERM);
}
END_TEST

START_TEST(fixed_answers)
{
	ck_assert_int_eq(op(XENMEM_get_sharing_freed_pages), 0);
	ck_assert_int_eq(op(XENMEM_get_sharing_shared_pages), 0);
	ck_assert_int_eq(op(XENMEM_maximum_ram_page), (FAKE_RAM_MIB << 8) - 1);
	*ARG(struct xen_pod_target) = (struct xen_pod_target){.domid = DOMID_SELF};
	ck_assert_int_eq(op(XENMEM_set_pod_target), 0);
	ck_assert_int_eq(op(XENMEM_exchange), -EOPNOTSUPP);
	ck_assert_int_eq(op(XENMEM_machphys_mfn_list), -ENOSYS);
	ck_assert_int_eq(op(63), -ENOSYS);
	*ARG(struct xen_memory_domain) = (struct xen_memory_domain){DOMID_SELF};
	ck_assert_int_eq(op(XENMEM_current_reservation), 0);
	ck_assert_int_eq(op(XENMEM_maximum_reservation), 1 << 20);
}
END_TEST

Suite *memory_suite(void)
{
	Suite *s = suite_create("memory_op");
	TCase *tc = host_case("memory");

	tcase_add_test(tc, populate_counts_what_it_did);
	tcase_add_test(tc, odd_extents_are_whole_or_nothing);
	tcase_add_test(tc, large_extents_are_large_pages);
	tcase_add_test(tc, shared_info_replaces_ram);
	tcase_add_test(tc, own_pages_move);
	tcase_add_test(tc, tables_have_an_end);
	tcase_add_test(tc, foreign_pages_are_shown_and_outlive_their_domain);
	tcase_add_test(tc, guests_see_no_foreign_pages);
	tcase_add_test(tc, resources_are_sized_and_mapped);
	tcase_add_test(tc, claims_are_kept_from_each_other);
	tcase_add_test(tc, the_memory_map_is_stored_and_given);
	tcase_add_test(tc, fixed_answers);
	suite_add_tcase(s, tc);
	return s;
}
