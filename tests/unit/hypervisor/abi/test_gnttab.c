// SPDX-License-Identifier: Apache-2.0
/* Grant tables: the granter writes entries into its shared table, domain 0 and others use them. */
#include "tests.h"

#include <string.h>

#include "arch/x86/mm/map.h"
#include "ipc/gnttab.h"
#include "mm/buddy.h"
#include "mm/frames.h"

#define WINDOW_GFN 0x8000u /* where domain 0 maps things */

static struct domain *granter;
static struct grant_entry_v1 *table;

static long op(uint32_t cmd, uint32_t count)
{
	return fake_hypercall(__HYPERVISOR_grant_table_op, cmd, ARG_GVA, count);
}

static void setup_granter(void)
{
	mfn_t mfn;

	granter = fake_domain(1, 16);
	ck_assert_int_eq(gnttab_get_frame(granter, false, 0, &mfn), 0);
	table = mfn_to_virt(mfn);
	frame_put(mfn);
}

static void grant(uint32_t ref, domid_t to, uint32_t gfn, uint16_t flags)
{
	table[ref] = (struct grant_entry_v1){GTF_permit_access | flags, to, gfn};
}

static mfn_t frame_of(struct domain *d, uint64_t gfn)
{
	enum p2m_type type;

	return p2m_lookup(d, gfn_of(gfn), &type, NULL);
}

static int map(uint32_t ref, uint64_t gfn, uint32_t flags)
{
	*ARG(struct gnttab_map_grant_ref) = (struct gnttab_map_grant_ref){
		.host_addr = gfn << PAGE_SHIFT, .flags = flags, .ref = ref, .dom = granter->id};
	ck_assert_int_eq(op(GNTTABOP_map_grant_ref, 1), 0);
	return ARG(struct gnttab_map_grant_ref)->status;
}

static int unmap(uint64_t gfn, uint32_t handle)
{
	*ARG(struct gnttab_unmap_grant_ref) =
		(struct gnttab_unmap_grant_ref){.host_addr = gfn << PAGE_SHIFT, .handle = handle};
	ck_assert_int_eq(op(GNTTABOP_unmap_grant_ref, 1), 0);
	return ARG(struct gnttab_unmap_grant_ref)->status;
}

START_TEST(map_shows_the_frame_and_unmap_removes_it)
{
	enum p2m_type type;
	uint32_t handle;

	setup_granter();
	grant(8, 0, 3, 0);
	ck_assert_int_eq(map(8, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
	handle = ARG(struct gnttab_map_grant_ref)->handle;
	ck_assert(mfn_eq(p2m_lookup(hwdom, gfn_of(WINDOW_GFN), &type, NULL), frame_of(granter, 3)));
	ck_assert_int_eq(type, P2M_GRANT_RW);
	ck_assert_uint_eq(table[8].flags, GTF_permit_access | GTF_reading | GTF_writing);

	ck_assert_int_eq(unmap(WINDOW_GFN + 1, handle), GNTST_general_error);
	ck_assert_int_eq(unmap(WINDOW_GFN, handle), GNTST_okay);
	ck_assert_uint_eq(table[8].flags, GTF_permit_access);
	(void)p2m_lookup(hwdom, gfn_of(WINDOW_GFN), &type, NULL);
	ck_assert_int_eq(type, P2M_NONE);
	ck_assert_int_eq(unmap(WINDOW_GFN, handle), GNTST_bad_handle);
	ck_assert_int_eq(unmap(WINDOW_GFN, ~0u), GNTST_bad_handle);
}
END_TEST

/* Another vCPU has put something else there just now, and not flushed: a third may still write to the frame. */
START_TEST(unmap_flushes_whoever_removed_the_mapping)
{
	struct cpu *other = cpu_by_id(1);
	uint32_t handle;

	setup_granter();
	grant(8, 0, 3, 0);
	ck_assert_int_eq(map(8, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
	handle = ARG(struct gnttab_map_grant_ref)->handle;
	ck_assert_int_eq(p2m_unmap(hwdom, gfn_of(WINDOW_GFN), INVALID_MFN, P2M_NONE), 0);
	other->current = hwdom->vcpus[1];
	other->in_guest = 1;
	ck_assert_int_eq(unmap(WINDOW_GFN, handle), GNTST_okay);
	ck_assert_uint_eq(other->in_guest, 0);
	other->current = NULL;
}
END_TEST

START_TEST(flags_follow_the_last_user)
{
	uint32_t ro, rw;

	setup_granter();
	grant(1, 0, 3, 0);
	ck_assert_int_eq(map(1, WINDOW_GFN, GNTMAP_host_map | GNTMAP_readonly), GNTST_okay);
	ro = ARG(struct gnttab_map_grant_ref)->handle;
	ck_assert_uint_eq(table[1].flags, GTF_permit_access | GTF_reading);
	ck_assert_int_eq(map(1, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_okay);
	rw = ARG(struct gnttab_map_grant_ref)->handle;
	ck_assert_uint_ne(ro, rw);
	ck_assert_int_eq(unmap(WINDOW_GFN + 1, rw), GNTST_okay);
	ck_assert_uint_eq(table[1].flags, GTF_permit_access | GTF_reading);
	ck_assert_int_eq(unmap(0, ro), GNTST_okay);
	ck_assert_uint_eq(table[1].flags, GTF_permit_access);
}
END_TEST

START_TEST(bad_requests_are_refused_and_change_nothing)
{
	uint64_t free_pages;

	setup_granter();
	grant(1, 0, 3, 0);
	/* One real mapping first, so that page tables and handles are there already. */
	ck_assert_int_eq(map(1, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
	ck_assert_int_eq(unmap(WINDOW_GFN, ARG(struct gnttab_map_grant_ref)->handle), GNTST_okay);
	free_pages = buddy_free_pages();

	ck_assert_int_eq(map(2, WINDOW_GFN, GNTMAP_host_map), GNTST_bad_gntref); /* empty entry */
	ck_assert_int_eq(map(512, WINDOW_GFN, GNTMAP_host_map), GNTST_bad_gntref);
	ck_assert_int_eq(map(~0u, WINDOW_GFN, GNTMAP_host_map), GNTST_bad_gntref);
	grant(3, 7, 3, 0); /* for somebody else */
	ck_assert_int_eq(map(3, WINDOW_GFN, GNTMAP_host_map), GNTST_bad_gntref);
	grant(4, 0, 3, GTF_readonly);
	ck_assert_int_eq(map(4, WINDOW_GFN, GNTMAP_host_map), GNTST_bad_gntref);
	grant(5, 0, 0x7fffffff, 0); /* nothing there */
	ck_assert_int_eq(map(5, WINDOW_GFN, GNTMAP_host_map), GNTST_bad_page);
	ck_assert_uint_eq(table[5].flags, GTF_permit_access);
	table[6] = (struct grant_entry_v1){GTF_accept_transfer, 0, 3};
	ck_assert_int_eq(map(6, WINDOW_GFN, GNTMAP_host_map), GNTST_bad_gntref);
	ck_assert_int_eq(map(1, WINDOW_GFN, GNTMAP_host_map | GNTMAP_contains_pte),
			 GNTST_general_error);
	ck_assert_int_eq(map(1, WINDOW_GFN, GNTMAP_device_map), GNTST_general_error);
	ck_assert_int_eq(map(1, 1ULL << 40, GNTMAP_host_map), GNTST_bad_virt_addr);
	*ARG(struct gnttab_map_grant_ref) = (struct gnttab_map_grant_ref){
		.host_addr = 0x1001, .flags = GNTMAP_host_map, .ref = 1, .dom = granter->id};
	ck_assert_int_eq(op(GNTTABOP_map_grant_ref, 1), 0);
	ck_assert_int_eq(ARG(struct gnttab_map_grant_ref)->status, GNTST_bad_virt_addr);
	*ARG(struct gnttab_map_grant_ref) = (struct gnttab_map_grant_ref){
		.host_addr = 0x1000, .flags = GNTMAP_host_map, .ref = 1, .dom = 99};
	ck_assert_int_eq(op(GNTTABOP_map_grant_ref, 1), 0);
	ck_assert_int_eq(ARG(struct gnttab_map_grant_ref)->status, GNTST_bad_domain);
	ck_assert_uint_eq(buddy_free_pages(), free_pages);
}
END_TEST

START_TEST(a_frame_granted_to_a_domain_cannot_be_granted_on)
{
	struct domain *third = fake_domain(1, 4);
	mfn_t mfn;

	setup_granter();
	grant(1, third->id, 3, 0);
	fake_run_as(third->vcpus[0]);
	ck_assert_int_eq(map(1, 0x100, GNTMAP_host_map), GNTST_okay);
	ck_assert_int_eq(gnttab_get_frame(third, false, 0, &mfn), 0);
	((struct grant_entry_v1 *)mfn_to_virt(mfn))[0] =
		(struct grant_entry_v1){GTF_permit_access, 0, 0x100};
	frame_put(mfn);
	fake_run_as(hwdom->vcpus[0]);
	*ARG(struct gnttab_map_grant_ref) =
		(struct gnttab_map_grant_ref){.host_addr = (uint64_t)WINDOW_GFN << 12,
					      .flags = GNTMAP_host_map,
					      .ref = 0,
					      .dom = third->id};
	ck_assert_int_eq(op(GNTTABOP_map_grant_ref, 1), 0);
	ck_assert_int_eq(ARG(struct gnttab_map_grant_ref)->status, GNTST_bad_page);
}
END_TEST

/* The granter could not have it back while the hypervisor kept something of the borrower's there. */
START_TEST(nothing_is_kept_in_a_frame_that_was_granted)
{
	struct domain *third = fake_domain(1, 4);

	setup_granter();
	grant(1, third->id, 3, 0);
	fake_run_as(third->vcpus[0]);
	ck_assert_int_eq(map(1, 0x100, GNTMAP_host_map), GNTST_okay);
	*ARG(struct vcpu_register_vcpu_info) = (struct vcpu_register_vcpu_info){.mfn = 0x100};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0,
					ARG_GVA),
			 -EINVAL);
	*ARG(struct evtchn_init_control) = (struct evtchn_init_control){.control_gfn = 0x100};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control,
					ARG_GVA, 0),
			 -EINVAL);
	*ARG(struct evtchn_init_control) = (struct evtchn_init_control){.control_gfn = 1};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control,
					ARG_GVA, 0),
			 0);
	*ARG(struct evtchn_expand_array) = (struct evtchn_expand_array){.array_gfn = 0x100};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array,
					ARG_GVA, 0),
			 -EINVAL);
}
END_TEST

START_TEST(a_mapping_keeps_the_frame_of_a_dead_granter)
{
	uint32_t handle;
	uint8_t *page;
	domid_t id;

	setup_granter();
	id = granter->id;
	grant(1, 0, 3, 0);
	ck_assert_int_eq(map(1, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
	handle = ARG(struct gnttab_map_grant_ref)->handle;
	page = mfn_to_virt(frame_of(hwdom, WINDOW_GFN));
	memset(page, 0x77, PAGE_SIZE);
	fake_domain_kill(granter);
	ck_assert_uint_eq(page[100], 0x77);
	ck_assert_ptr_nonnull(domain_get(id)); /* a zombie: our reference goes with it below */
	domain_put(granter);
	ck_assert_int_eq(map(1, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_bad_gntref);
	ck_assert_int_eq(unmap(WINDOW_GFN, handle), GNTST_okay);
	fake_softirqs();
	ck_assert_ptr_null(domain_get(id));
}
END_TEST

START_TEST(a_dead_mapper_gives_everything_back)
{
	struct domain *mapper = fake_domain(1, 4);

	setup_granter();
	fake_run_as(mapper->vcpus[0]);
	for (uint32_t i = 0; i < 200; i++) {
		grant(i, mapper->id, i % 16, 0);
		ck_assert_int_eq(map(i, 0x1000 + i, GNTMAP_host_map), GNTST_okay);
	}
	fake_run_as(hwdom->vcpus[0]);
	fake_preempt_every = 3;
	fake_domain_kill(mapper);
	for (uint32_t i = 0; i < 200; i++)
		ck_assert_uint_eq(table[i].flags, GTF_permit_access);
}
END_TEST

START_TEST(replacing_a_mapping_by_hand_is_survived)
{
	uint32_t handle;
	mfn_t mfn;

	setup_granter();
	grant(1, 0, 3, 0);
	ck_assert_int_eq(map(1, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
	handle = ARG(struct gnttab_map_grant_ref)->handle;
	ck_assert_int_eq(domain_alloc_frames(hwdom, 0, &mfn), 0);
	ck_assert_int_eq(p2m_map(hwdom, gfn_of(WINDOW_GFN), mfn, 0, P2M_RAM), 0);
	ck_assert_int_eq(unmap(WINDOW_GFN, handle), GNTST_okay);
	ck_assert(mfn_eq(frame_of(hwdom, WINDOW_GFN), mfn));
	ck_assert_uint_eq(table[1].flags, GTF_permit_access);
}
END_TEST

START_TEST(an_entry_in_use_stays_with_its_frame)
{
	setup_granter();
	grant(1, 0, 3, 0);
	ck_assert_int_eq(map(1, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
	/* The granter rewrites the entry under the mapping: the same frame is shown again. */
	table[1].frame = 5;
	ck_assert_int_eq(map(1, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_okay);
	ck_assert(mfn_eq(frame_of(hwdom, WINDOW_GFN + 1), frame_of(granter, 3)));
	/* Revoked: no new users. */
	table[1].flags = 0;
	ck_assert_int_eq(map(1, WINDOW_GFN + 2, GNTMAP_host_map), GNTST_bad_gntref);
}
END_TEST

static int copy_from_grant(uint32_t ref, uint16_t from, uint16_t to, uint16_t len)
{
	*ARG(struct gnttab_copy) = (struct gnttab_copy){
		.source = {.u.ref = ref, .domid = granter->id, .offset = from},
		.dest = {.u.gmfn = WINDOW_GFN, .domid = DOMID_SELF, .offset = to},
		.len = len,
		.flags = GNTCOPY_source_gref,
	};
	ck_assert_int_eq(op(GNTTABOP_copy, 1), 0);
	return ARG(struct gnttab_copy)->status;
}

START_TEST(copy_moves_bytes_and_checks_bounds)
{
	uint8_t *src, *dst;
	mfn_t mfn;

	setup_granter();
	ck_assert_int_eq(domain_alloc_frames(hwdom, 0, &mfn), 0);
	ck_assert_int_eq(p2m_map(hwdom, gfn_of(WINDOW_GFN), mfn, 0, P2M_RAM), 0);
	dst = mfn_to_virt(mfn);
	src = mfn_to_virt(frame_of(granter, 3));
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		src[i] = (uint8_t)i;
	grant(1, 0, 3, GTF_readonly);
	ck_assert_int_eq(copy_from_grant(1, 10, 20, 100), GNTST_okay);
	ck_assert_mem_eq(dst + 20, src + 10, 100);
	ck_assert_uint_eq(dst[19], 0);
	ck_assert_uint_eq(dst[120], 0);
	ck_assert_uint_eq(table[1].flags, GTF_permit_access | GTF_readonly);
	ck_assert_int_eq(copy_from_grant(1, 0, 0, PAGE_SIZE), GNTST_okay);
	ck_assert_mem_eq(dst, src, PAGE_SIZE);

	ck_assert_int_eq(copy_from_grant(1, 1, 0, PAGE_SIZE), GNTST_bad_copy_arg);
	ck_assert_int_eq(copy_from_grant(1, 0, 4095, 2), GNTST_bad_copy_arg);
	ck_assert_int_eq(copy_from_grant(1, 0xffff, 0, 0xffff), GNTST_bad_copy_arg);
	ck_assert_int_eq(copy_from_grant(9, 0, 0, 1), GNTST_bad_gntref);

	/* Writing to a read-only grant, and naming a frame of somebody else. */
	*ARG(struct gnttab_copy) = (struct gnttab_copy){
		.source = {.u.gmfn = WINDOW_GFN, .domid = DOMID_SELF},
		.dest = {.u.ref = 1, .domid = granter->id},
		.len = 1,
		.flags = GNTCOPY_dest_gref,
	};
	ck_assert_int_eq(op(GNTTABOP_copy, 1), 0);
	ck_assert_int_eq(ARG(struct gnttab_copy)->status, GNTST_bad_gntref);
	ARG(struct gnttab_copy)->flags = 0;
	ARG(struct gnttab_copy)->dest.u.gmfn = 3;
	ck_assert_int_eq(op(GNTTABOP_copy, 1), 0);
	ck_assert_int_eq(ARG(struct gnttab_copy)->status, GNTST_permission_denied);
	/* Nor is a page its own that it was granted. */
	grant(2, 0, 4, 0);
	ck_assert_int_eq(map(2, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
	ck_assert_int_eq(copy_from_grant(1, 0, 0, 1), GNTST_bad_page);
}
END_TEST

START_TEST(batches_go_on_after_preemption)
{
	struct gnttab_map_grant_ref *m = ARG(struct gnttab_map_grant_ref);

	setup_granter();
	for (uint32_t i = 0; i < 100; i++) {
		grant(i, 0, i % 16, 0);
		m[i] = (struct gnttab_map_grant_ref){.host_addr = (uint64_t)(WINDOW_GFN + i) << 12,
						     .flags = GNTMAP_host_map,
						     .ref = i,
						     .dom = granter->id,
						     .status = 77};
	}
	fake_preempt_every = 7;
	ck_assert_int_eq(op(GNTTABOP_map_grant_ref, 100), 0);
	ck_assert_uint_gt(fake_restarts, 5);
	for (uint32_t i = 0; i < 100; i++)
		ck_assert_int_eq(m[i].status, GNTST_okay);
}
END_TEST

START_TEST(a_handle_that_cannot_be_told_is_taken_back)
{
	setup_granter();
	grant(1, 0, 3, 0);
	/* The request straddles the end of the guest's memory: it can't even be read. */
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref,
					FAKE_GVA(sizeof(fake_guest_mem) - 8), 1),
			 -EFAULT);
	ck_assert_uint_eq(table[1].flags, GTF_permit_access);
	ck_assert_int_eq(op(GNTTABOP_map_grant_ref, 0x80000000u), -EINVAL);
	ck_assert_int_eq(op(GNTTABOP_transfer, 1), -ENOSYS);
	ck_assert_int_eq(op(99, 1), -ENOSYS);
}
END_TEST

START_TEST(questions_and_versions)
{
	struct gnttab_query_size *q = ARG(struct gnttab_query_size);

	*q = (struct gnttab_query_size){.dom = DOMID_SELF};
	ck_assert_int_eq(op(GNTTABOP_query_size, 1), 0);
	ck_assert_int_eq(q->status, GNTST_okay);
	ck_assert_uint_eq(q->nr_frames, 1);
	ck_assert_uint_eq(q->max_nr_frames, GNTTAB_DEFAULT_FRAMES);
	*ARG(struct gnttab_set_version) = (struct gnttab_set_version){1};
	ck_assert_int_eq(op(GNTTABOP_set_version, 1), 0);
	ck_assert_int_eq(gnttab_set_limits(hwdom, 0, 0, 1), 0);
	*ARG(struct gnttab_set_version) = (struct gnttab_set_version){2};
	ck_assert_int_eq(op(GNTTABOP_set_version, 1), -ENOSYS);
	ck_assert_uint_eq(ARG(struct gnttab_set_version)->version, 1);
	*ARG(struct gnttab_set_version) = (struct gnttab_set_version){3};
	ck_assert_int_eq(op(GNTTABOP_set_version, 1), -EINVAL);
	*ARG(struct gnttab_get_version) = (struct gnttab_get_version){.dom = DOMID_SELF};
	ck_assert_int_eq(op(GNTTABOP_get_version, 1), 0);
	ck_assert_uint_eq(ARG(struct gnttab_get_version)->version, 1);
}
END_TEST

START_TEST(the_table_grows_to_its_limit)
{
	struct domain *d = fake_domain(1, 1);
	mfn_t mfn;

	ck_assert_int_eq(gnttab_set_limits(d, 5, 1, 1), 0);
	ck_assert_int_eq(gnttab_get_frame(d, false, 4, &mfn), 0);
	frame_put(mfn);
	ck_assert_int_eq(gnttab_get_frame(d, false, 5, &mfn), -EINVAL);
	ck_assert_int_eq(gnttab_get_frame(d, true, 0, &mfn), -EINVAL);
	ck_assert_int_eq(gnttab_get_frame(d, false, ~0u, &mfn), -EINVAL);
}
END_TEST

START_TEST(handles_run_out_cleanly)
{
	uint32_t n = 0;

	setup_granter();
	ck_assert_int_eq(gnttab_set_limits(hwdom, 1, 1, 0), 0);
	grant(0, 0, 3, 0);
	while (map(0, WINDOW_GFN + n, GNTMAP_host_map) == GNTST_okay)
		n++;
	ck_assert_int_eq(ARG(struct gnttab_map_grant_ref)->status, GNTST_no_space);
	ck_assert_uint_gt(n, 50);
	ck_assert_int_eq(unmap(0, 7), GNTST_okay);
	ck_assert_int_eq(map(0, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
}
END_TEST

/* ---- version 2 ---- */

static union grant_entry_v2 *table2;
static grant_status_t *status2;

static long set_version(struct domain *d, uint32_t version)
{
	struct vcpu *caller = vcpu_current();
	long rc;

	fake_run_as(d->vcpus[0]);
	*ARG(struct gnttab_set_version) = (struct gnttab_set_version){version};
	rc = op(GNTTABOP_set_version, 1);
	fake_run_as(caller);
	return rc;
}

static void setup_granter_v2(void)
{
	mfn_t mfn;

	setup_granter();
	ck_assert_int_eq(set_version(granter, 2), 0);
	table2 = (union grant_entry_v2 *)(void *)table;
	ck_assert_int_eq(gnttab_get_frame(granter, true, 0, &mfn), 0);
	status2 = mfn_to_virt(mfn);
	frame_put(mfn);
}

static void grant2(uint32_t ref, domid_t to, uint64_t gfn, uint16_t flags)
{
	table2[ref] = (union grant_entry_v2){
		.full_page = {.hdr = {GTF_permit_access | flags, to}, .frame = gfn}};
}

START_TEST(v2_tells_users_in_the_status_frames)
{
	uint32_t ro, rw;

	setup_granter_v2();
	grant2(200, 0, 3, 0);
	ck_assert_int_eq(map(200, WINDOW_GFN, GNTMAP_host_map | GNTMAP_readonly), GNTST_okay);
	ro = ARG(struct gnttab_map_grant_ref)->handle;
	ck_assert_uint_eq(status2[200], GTF_reading);
	ck_assert_int_eq(map(200, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_okay);
	rw = ARG(struct gnttab_map_grant_ref)->handle;
	ck_assert(mfn_eq(frame_of(hwdom, WINDOW_GFN + 1), frame_of(granter, 3)));
	ck_assert_uint_eq(status2[200], GTF_reading | GTF_writing);
	ck_assert_uint_eq(table2[200].hdr.flags, GTF_permit_access);
	ck_assert_int_eq(unmap(0, rw), GNTST_okay);
	ck_assert_uint_eq(status2[200], GTF_reading);
	ck_assert_int_eq(unmap(0, ro), GNTST_okay);
	ck_assert_uint_eq(status2[200], 0);
}
END_TEST

START_TEST(v2_refuses_what_it_does_not_offer)
{
	mfn_t mfn;

	setup_granter_v2();
	ck_assert_int_eq(domain_alloc_frames(hwdom, 0, &mfn), 0);
	ck_assert_int_eq(p2m_map(hwdom, gfn_of(WINDOW_GFN), mfn, 0, P2M_RAM), 0);
	grant2(1, 0, 3, GTF_readonly);
	ck_assert_int_eq(map(1, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_bad_gntref);
	ck_assert_int_eq(copy_from_grant(1, 0, 0, 64), GNTST_okay);
	grant2(2, 0, 3, GTF_sub_page);
	ck_assert_int_eq(map(2, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_bad_gntref);
	ck_assert_int_eq(copy_from_grant(2, 0, 0, 64), GNTST_bad_gntref);
	table2[3].transitive.hdr.flags = GTF_transitive;
	table2[3].transitive.trans_domid = granter->id;
	table2[3].transitive.gref = 1;
	ck_assert_int_eq(map(3, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_bad_gntref);
	ck_assert_int_eq(copy_from_grant(3, 0, 0, 64), GNTST_bad_gntref);
	grant2(4, 9, 3, 0); /* for somebody else */
	ck_assert_int_eq(map(4, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_bad_gntref);
	grant2(5, 0, 1ULL << 44, 0);
	ck_assert_int_eq(map(5, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_bad_page);
	/* Half as many entries to a frame. */
	ck_assert_int_eq(map(256, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_bad_gntref);
	for (uint32_t i = 0; i < 8; i++)
		ck_assert_uint_eq(status2[i], 0);
}
END_TEST

START_TEST(versions_change_when_only_reserved_entries_are_in_use)
{
	uint32_t store, other;

	setup_granter();
	grant(0, 0, 4, 0);
	grant(1, 0, 3, 0);
	grant(9, 0, 5, 0);
	ck_assert_int_eq(map(1, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
	store = ARG(struct gnttab_map_grant_ref)->handle;
	ck_assert_int_eq(map(9, WINDOW_GFN + 1, GNTMAP_host_map), GNTST_okay);
	other = ARG(struct gnttab_map_grant_ref)->handle;
	ck_assert_int_eq(set_version(granter, 2), -EBUSY);
	ck_assert_uint_eq(ARG(struct gnttab_set_version)->version, 1);
	ck_assert_uint_eq(table[9].frame, 5);
	ck_assert_int_eq(unmap(0, other), GNTST_okay);

	ck_assert_int_eq(set_version(granter, 2), 0);
	table2 = (union grant_entry_v2 *)(void *)table;
	ck_assert_uint_eq(table2[0].hdr.flags, GTF_permit_access);
	ck_assert_uint_eq(table2[0].full_page.frame, 4);
	ck_assert_uint_eq(table2[1].full_page.frame, 3);
	ck_assert_uint_eq(table2[9].hdr.flags, 0);
	/* And back, with one still in use. */
	ck_assert_int_eq(set_version(granter, 1), 0);
	ck_assert_uint_eq(table[1].flags, GTF_permit_access | GTF_reading | GTF_writing);
	ck_assert_uint_eq(table[1].frame, 3);
	ck_assert_int_eq(unmap(0, store), GNTST_okay);
	ck_assert_uint_eq(table[1].flags, GTF_permit_access);
	/* What the other version can't say. */
	table[2].flags = GTF_accept_transfer;
	ck_assert_int_eq(set_version(granter, 2), -EINVAL);
	ck_assert_uint_eq(table[0].frame, 4);
}
END_TEST

START_TEST(status_frames_follow_the_table)
{
	struct gnttab_get_status_frames *s = ARG(struct gnttab_get_status_frames);
	mfn_t mfn;

	setup_granter();
	ck_assert_int_eq(gnttab_get_frame(granter, true, 0, &mfn), -EINVAL);
	ck_assert_int_eq(set_version(granter, 2), 0);
	ck_assert_int_eq(gnttab_get_frame(granter, false, 8, &mfn), 0);
	frame_put(mfn);
	*s = (struct gnttab_get_status_frames){.nr_frames = 2, .dom = granter->id};
	set_xen_guest_handle_raw(s->frame_list, (uint64_t *)(uintptr_t)FAKE_GVA(512));
	ck_assert_int_eq(op(GNTTABOP_get_status_frames, 1), 0);
	ck_assert_int_eq(s->status, GNTST_okay);
	s->nr_frames = 3;
	ck_assert_int_eq(op(GNTTABOP_get_status_frames, 1), 0);
	ck_assert_int_eq(s->status, GNTST_general_error);
	/* The last one grows the table; beyond there is none. */
	ck_assert_int_eq(gnttab_get_frame(granter, true, GNTTAB_DEFAULT_FRAMES / 8 - 1, &mfn), 0);
	frame_put(mfn);
	ck_assert_int_eq(gnttab_get_frame(granter, true, GNTTAB_DEFAULT_FRAMES / 8, &mfn), -EINVAL);
	/* Entry 2048 has its status in the second page. */
	ck_assert_int_eq(gnttab_get_frame(granter, false, 8, &mfn), 0);
	table2 = mfn_to_virt(mfn);
	frame_put(mfn);
	grant2(0, 0, 3, 0);
	ck_assert_int_eq(map(2048, WINDOW_GFN, GNTMAP_host_map), GNTST_okay);
	ck_assert_int_eq(gnttab_get_frame(granter, true, 1, &mfn), 0);
	ck_assert_uint_eq(((grant_status_t *)mfn_to_virt(mfn))[0], GTF_reading | GTF_writing);
	frame_put(mfn);
}
END_TEST

START_TEST(v2_entries_can_be_swapped)
{
	setup_granter_v2();
	grant2(20, 0, 3, 0);
	grant2(21, 0, 4, GTF_readonly);
	fake_run_as(granter->vcpus[0]);
	*ARG(struct gnttab_swap_grant_ref) = (struct gnttab_swap_grant_ref){20, 21, 0};
	ck_assert_int_eq(op(GNTTABOP_swap_grant_ref, 1), 0);
	ck_assert_int_eq(ARG(struct gnttab_swap_grant_ref)->status, GNTST_okay);
	ck_assert_uint_eq(table2[20].full_page.frame, 4);
	ck_assert_uint_eq(table2[21].full_page.frame, 3);
	fake_run_as(hwdom->vcpus[0]);
}
END_TEST

Suite *gnttab_suite(void)
{
	Suite *s = suite_create("grant tables");
	TCase *tc = host_case("grants");

	tcase_add_test(tc, map_shows_the_frame_and_unmap_removes_it);
	tcase_add_test(tc, unmap_flushes_whoever_removed_the_mapping);
	tcase_add_test(tc, flags_follow_the_last_user);
	tcase_add_test(tc, bad_requests_are_refused_and_change_nothing);
	tcase_add_test(tc, a_frame_granted_to_a_domain_cannot_be_granted_on);
	tcase_add_test(tc, nothing_is_kept_in_a_frame_that_was_granted);
	tcase_add_test(tc, a_mapping_keeps_the_frame_of_a_dead_granter);
	tcase_add_test(tc, a_dead_mapper_gives_everything_back);
	tcase_add_test(tc, replacing_a_mapping_by_hand_is_survived);
	tcase_add_test(tc, an_entry_in_use_stays_with_its_frame);
	tcase_add_test(tc, copy_moves_bytes_and_checks_bounds);
	tcase_add_test(tc, batches_go_on_after_preemption);
	tcase_add_test(tc, a_handle_that_cannot_be_told_is_taken_back);
	tcase_add_test(tc, questions_and_versions);
	tcase_add_test(tc, the_table_grows_to_its_limit);
	tcase_add_test(tc, handles_run_out_cleanly);
	tcase_add_test(tc, v2_tells_users_in_the_status_frames);
	tcase_add_test(tc, v2_refuses_what_it_does_not_offer);
	tcase_add_test(tc, versions_change_when_only_reserved_entries_are_in_use);
	tcase_add_test(tc, status_frames_follow_the_table);
	tcase_add_test(tc, v2_entries_can_be_swapped);
	suite_add_tcase(s, tc);
	return s;
}
