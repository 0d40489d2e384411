// SPDX-License-Identifier: Apache-2.0
/*
 * Every allocation a hypercall makes fails once. The linker hands us the allocators (--wrap); each
 * row runs in a child of its own with the first, second, third… allocation failing until none is left
 * to fail. After a failure the same call must succeed, and the host must go down without a page missing.
 */
#include "tests.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/x86/mm/map.h"
#include "ipc/gnttab.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define FRESH_GFN 0x40000u /* no page table reaches it yet */

static unsigned int fail_at; /* 0: not armed */
static bool failed;
static struct domain *dom;

static bool fails(void)
{
	if (!fail_at || --fail_at)
		return false;
	failed = true;
	return true;
}

mfn_t __real_buddy_alloc(unsigned int order, unsigned int flags);
mfn_t __wrap_buddy_alloc(unsigned int order, unsigned int flags);
mfn_t __wrap_buddy_alloc(unsigned int order, unsigned int flags)
{
	return fails() ? INVALID_MFN : __real_buddy_alloc(order, flags);
}

void *__real_xmalloc(size_t size);
void *__wrap_xmalloc(size_t size);
void *__wrap_xmalloc(size_t size)
{
	return fails() ? NULL : __real_xmalloc(size);
}

void *__real_xzalloc(size_t size);
void *__wrap_xzalloc(size_t size);
void *__wrap_xzalloc(size_t size)
{
	return fails() ? NULL : __real_xzalloc(size);
}

void *__real_xcalloc(size_t n, size_t size);
void *__wrap_xcalloc(size_t n, size_t size);
void *__wrap_xcalloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_xcalloc(n, size);
}

/* ---- the calls; each returns 0 when it did all that was asked ---- */

static long domctl(uint32_t cmd, domid_t id)
{
	struct xen_domctl *ctl = ARG(struct xen_domctl);

	ctl->cmd = cmd;
	ctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	ctl->domain = id;
	return fake_hypercall(__HYPERVISOR_domctl, ARG_GVA, 0, 0);
}

static long create(void)
{
	struct xen_domctl *ctl = ARG(struct xen_domctl);

	memset(ctl, 0, sizeof(*ctl));
	ctl->u.createdomain = (struct xen_domctl_createdomain){
		.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
		.max_vcpus = 2,
		.max_evtchn_port = 1023,
		.max_grant_frames = 32,
		.max_maptrack_frames = 512,
		.grant_opts = 1,
		.arch.emulation_flags = XEN_X86_EMU_LAPIC,
	};
	return domctl(XEN_DOMCTL_createdomain, 0xffff);
}

static void setup_created(void)
{
	ck_assert_int_eq(create(), 0);
	dom = domain_get(ARG(struct xen_domctl)->domain);
	domain_put(dom);
}

static long max_vcpus(void)
{
	memset(ARG(struct xen_domctl), 0, sizeof(struct xen_domctl));
	ARG(struct xen_domctl)->u.max_vcpus.max = 2;
	return domctl(XEN_DOMCTL_max_vcpus, dom->id);
}

static void setup_dom(void)
{
	dom = fake_domain(1, 16);
}

static void setup_as_dom(void)
{
	setup_dom();
	fake_run_as(dom->vcpus[0]);
}

static long populate(unsigned int order)
{
	struct xen_memory_reservation *r = ARG(struct xen_memory_reservation);
	uint64_t *gfn = (uint64_t *)(void *)&fake_guest_mem[0x1000];
	uint64_t before = dom->tot_pages;
	long rc;

	*gfn = FRESH_GFN;
	*r = (struct xen_memory_reservation){
		.nr_extents = 1, .extent_order = order, .domid = dom->id};
	r->extent_start.p = (xen_pfn_t *)gfn;
	rc = fake_hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, ARG_GVA, 0);
	/* An extent is there whole or not at all. */
	ck_assert_uint_eq(dom->tot_pages, before + (rc == 1 ? 1u << order : 0));
	return rc == 1 ? 0 : -ENOMEM;
}

static long populate_page(void)
{
	return populate(0);
}

static long populate_some(void)
{
	return populate(4);
}

static long populate_large(void)
{
	return populate(9);
}

static long physmap(unsigned int space, uint64_t idx)
{
	*ARG(struct xen_add_to_physmap) = (struct xen_add_to_physmap){
		.domid = DOMID_SELF, .space = space, .idx = idx, .gpfn = FRESH_GFN};
	return fake_hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, ARG_GVA, 0);
}

static long physmap_shared_info(void)
{
	return physmap(XENMAPSPACE_shared_info, 0);
}

static long physmap_grants(void)
{
	return physmap(XENMAPSPACE_grant_table, 3);
}

static long alloc_unbound(void)
{
	*ARG(struct evtchn_alloc_unbound) =
		(struct evtchn_alloc_unbound){.dom = DOMID_SELF, .remote_dom = 0};
	return fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, ARG_GVA, 0);
}

static long bind_ipi(void)
{
	*ARG(struct evtchn_bind_ipi) = (struct evtchn_bind_ipi){.vcpu = 0};
	return fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, ARG_GVA, 0);
}

static long bind_virq(void)
{
	*ARG(struct evtchn_bind_virq) = (struct evtchn_bind_virq){.virq = VIRQ_TIMER};
	return fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, ARG_GVA, 0);
}

static void setup_granter(void)
{
	struct grant_entry_v1 *table;
	mfn_t mfn;

	setup_dom();
	ck_assert_int_eq(gnttab_get_frame(dom, false, 0, &mfn), 0);
	table = mfn_to_virt(mfn);
	table[8] = (struct grant_entry_v1){GTF_permit_access, 0, 3};
	frame_put(mfn);
}

static long grant_map(void)
{
	*ARG(struct gnttab_map_grant_ref) =
		(struct gnttab_map_grant_ref){.host_addr = (uint64_t)FRESH_GFN << PAGE_SHIFT,
					      .flags = GNTMAP_host_map,
					      .ref = 8,
					      .dom = dom->id};
	if (fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, ARG_GVA, 1))
		return -EINVAL;
	return ARG(struct gnttab_map_grant_ref)->status;
}

static long physmap_foreign(void)
{
	struct xen_add_to_physmap_batch *b = ARG(struct xen_add_to_physmap_batch);
	xen_ulong_t *idx = (xen_ulong_t *)(void *)&fake_guest_mem[0x1000];
	xen_pfn_t *gfn = (xen_pfn_t *)(void *)&fake_guest_mem[0x2000];
	int *err = (int *)(void *)&fake_guest_mem[0x3000];
	long rc;

	*idx = 3;
	*gfn = FRESH_GFN;
	*b = (struct xen_add_to_physmap_batch){.domid = DOMID_SELF,
					       .space = XENMAPSPACE_gmfn_foreign,
					       .size = 1,
					       .u.foreign_domid = dom->id};
	b->idxs.p = idx;
	b->gpfns.p = gfn;
	b->errs.p = err;
	rc = fake_hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap_batch, ARG_GVA, 0);
	return rc ? rc : *err;
}

static long acquire_resource(void)
{
	struct xen_mem_acquire_resource *a = ARG(struct xen_mem_acquire_resource);
	xen_pfn_t *gfn = (xen_pfn_t *)(void *)&fake_guest_mem[0x1000];

	for (unsigned int i = 0; i < 3; i++)
		gfn[i] = FRESH_GFN + i;
	*a = (struct xen_mem_acquire_resource){
		.domid = dom->id, .type = XENMEM_resource_grant_table, .nr_frames = 3};
	a->frame_list.p = gfn;
	return fake_hypercall(__HYPERVISOR_memory_op, XENMEM_acquire_resource, ARG_GVA, 0);
}

static long set_memory_map(void)
{
	struct xen_foreign_memory_map *f = ARG(struct xen_foreign_memory_map);

	*f = (struct xen_foreign_memory_map){.domid = dom->id, .map.nr_entries = 2};
	f->map.buffer.p = &fake_guest_mem[0x1000];
	return fake_hypercall(__HYPERVISOR_memory_op, XENMEM_set_memory_map, ARG_GVA, 0);
}

static long hvmcontext(uint32_t cmd)
{
	struct xen_domctl *ctl = ARG(struct xen_domctl);

	memset(ctl, 0, sizeof(*ctl));
	ctl->u.hvmcontext.size = 0x100;
	ctl->u.hvmcontext.buffer.p = &fake_guest_mem[0x1000];
	fake_guest_mem[0x1000] = 0x5a; /* what the fake takes for a context */
	return domctl(cmd, dom->id);
}

static long gethvmcontext(void)
{
	return hvmcontext(XEN_DOMCTL_gethvmcontext);
}

static long sethvmcontext(void)
{
	return hvmcontext(XEN_DOMCTL_sethvmcontext);
}

static long getvcpucontext(void)
{
	struct xen_domctl *ctl = ARG(struct xen_domctl);

	memset(ctl, 0, sizeof(*ctl));
	ctl->u.vcpucontext.ctxt.p = (vcpu_guest_context_t *)(void *)&fake_guest_mem[0x2000];
	return domctl(XEN_DOMCTL_getvcpucontext, dom->id);
}

static long init_control(void)
{
	*ARG(struct evtchn_init_control) = (struct evtchn_init_control){.control_gfn = 2};
	return fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, ARG_GVA, 0);
}

static uint32_t offered;

static void setup_offer(void)
{
	setup_as_dom();
	ck_assert_int_eq(alloc_unbound(), 0);
	offered = ARG(struct evtchn_alloc_unbound)->port;
	fake_run_as(hwdom->vcpus[0]);
}

static long bind_interdomain(void)
{
	*ARG(struct evtchn_bind_interdomain) =
		(struct evtchn_bind_interdomain){.remote_dom = dom->id, .remote_port = offered};
	return fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, ARG_GVA, 0);
}

static long setup_table(void)
{
	struct gnttab_setup_table *op = ARG(struct gnttab_setup_table);

	*op = (struct gnttab_setup_table){.dom = DOMID_SELF, .nr_frames = 4};
	op->frame_list.p = (xen_pfn_t *)(void *)&fake_guest_mem[0x1000];
	if (fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, ARG_GVA, 1))
		return -EINVAL;
	return op->status;
}

/* More mappings than one page of handles holds; what was mapped stays so. */
static unsigned int mapped;

static long grant_map_many(void)
{
	struct gnttab_map_grant_ref *op = ARG(struct gnttab_map_grant_ref);

	for (; mapped < 200; mapped++) {
		*op = (struct gnttab_map_grant_ref){.host_addr = ((uint64_t)FRESH_GFN + mapped)
								 << PAGE_SHIFT,
						    .flags = GNTMAP_host_map,
						    .ref = 8,
						    .dom = dom->id};
		if (fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, ARG_GVA, 1))
			return -EINVAL;
		if (op->status)
			return op->status;
	}
	return 0;
}

static void setup_superpage(void)
{
	setup_dom();
	ck_assert_int_eq(populate_large(), 0);
}

/* A page out of a superpage, whose mapping must be split for it. */
static long decrease(void)
{
	struct xen_memory_reservation *r = ARG(struct xen_memory_reservation);
	uint64_t *gfn = (uint64_t *)(void *)&fake_guest_mem[0x1000];
	uint64_t before = dom->tot_pages;
	long rc;

	*gfn = FRESH_GFN + 7;
	*r = (struct xen_memory_reservation){.nr_extents = 1, .domid = dom->id};
	r->extent_start.p = (xen_pfn_t *)gfn;
	rc = fake_hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, ARG_GVA, 0);
	ck_assert_uint_eq(dom->tot_pages, before - (rc == 1));
	return rc == 1 ? 0 : -ENOMEM;
}

/* Both of its calls allocate; one that did its work must not be undone, nor be done twice. */
static long multicall(void)
{
	struct multicall_entry *e = ARG(struct multicall_entry);
	struct evtchn_alloc_unbound *port = (void *)&fake_guest_mem[0x1000];
	struct gnttab_setup_table *table = (void *)&fake_guest_mem[0x1100];

	*port = (struct evtchn_alloc_unbound){.dom = DOMID_SELF};
	*table = (struct gnttab_setup_table){.dom = DOMID_SELF, .nr_frames = 4};
	table->frame_list.p = (xen_pfn_t *)(void *)&fake_guest_mem[0x2000];
	e[0] = (struct multicall_entry){.op = __HYPERVISOR_event_channel_op,
					.args = {EVTCHNOP_alloc_unbound, FAKE_GVA(0x1000)}};
	e[1] = (struct multicall_entry){.op = __HYPERVISOR_grant_table_op,
					.args = {GNTTABOP_setup_table, FAKE_GVA(0x1100), 1}};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_multicall, ARG_GVA, 2, 0), 0);
	return e[0].result ? (long)e[0].result : e[1].result ? (long)e[1].result : table->status;
}

static const struct row {
	const char *name;
	void (*setup)(void);
	long (*call)(void);
} rows[] = {
	{"createdomain", NULL, create},
	{"max_vcpus", setup_created, max_vcpus},
	{"populate a page", setup_dom, populate_page},
	{"populate 16 pages", setup_dom, populate_some},
	{"populate a superpage", setup_dom, populate_large},
	{"add_to_physmap shared_info", setup_as_dom, physmap_shared_info},
	{"add_to_physmap grant_table", setup_as_dom, physmap_grants},
	{"alloc_unbound", setup_as_dom, alloc_unbound},
	{"bind_ipi", setup_as_dom, bind_ipi},
	{"bind_virq", setup_as_dom, bind_virq},
	{"map_grant_ref", setup_granter, grant_map},
	{"add_to_physmap_batch foreign", setup_dom, physmap_foreign},
	{"acquire_resource", setup_dom, acquire_resource},
	{"set_memory_map", setup_dom, set_memory_map},
	{"gethvmcontext", setup_dom, gethvmcontext},
	{"sethvmcontext", setup_dom, sethvmcontext},
	{"getvcpucontext", setup_dom, getvcpucontext},
	{"init_control", setup_as_dom, init_control},
	{"bind_interdomain", setup_offer, bind_interdomain},
	{"gnttab setup_table", setup_as_dom, setup_table},
	{"map_grant_ref, 200 of them", setup_granter, grant_map_many},
	{"decrease_reservation in a superpage", setup_superpage, decrease},
	{"multicall", setup_as_dom, multicall},
};

/* In a child. Return: true when the @n-th allocation was there to fail. */
static bool inject(const struct row *row, unsigned int n)
{
	long rc;

	fake_host_init();
	if (row->setup)
		row->setup();
	fail_at = n;
	rc = row->call();
	fail_at = 0;
	if (rc)
		ck_assert_msg(failed, "%s: %ld, and nothing failed", row->name, rc);
	if (rc)
		ck_assert_int_eq(row->call(), 0);
	ck_assert_int_eq(fake_host_fini(), 0);
	return failed;
}

#define MAX_ALLOCATIONS 200u

START_TEST(every_allocation_fails_once)
{
	const struct row *row = &rows[_i];
	unsigned int n = 1;
	int status;

	for (; n < MAX_ALLOCATIONS; n++) {
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (!pid)
			_exit(inject(row, n) ? 0 : 77);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status), "%s: allocation %u: killed", row->name, n);
		if (WEXITSTATUS(status) == 77)
			break;
		ck_assert_msg(!WEXITSTATUS(status), "%s: allocation %u", row->name, n);
	}
	ck_assert_uint_lt(n, MAX_ALLOCATIONS);
	/* The row did have something to fail, or it proves nothing. */
	ck_assert_msg(n > 1, "%s allocates nothing", row->name);
}
END_TEST

Suite *fault_suite(void)
{
	Suite *s = suite_create("fault");
	TCase *tc = tcase_create("allocations");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, every_allocation_fails_once, 0, (int)ARRAY_SIZE(rows));
	suite_add_tcase(s, tc);
	return s;
}
