// SPDX-License-Identifier: Apache-2.0
/* domctl and sysctl: what the toolstack does, and what nobody should. */
#include "tests.h"

#include <stdlib.h>
#include <string.h>

#include "abi/domus.h"
#include "arch/x86/mm/map.h"
#include "ipc/gnttab.h"
#include "mm/buddy.h"
#include "mm/frames.h"

static struct xen_domctl *ctl;

static long domctl(uint32_t cmd, domid_t dom)
{
	ctl->cmd = cmd;
	ctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	ctl->domain = dom;
	return fake_hypercall(__HYPERVISOR_domctl, ARG_GVA, 0, 0);
}

static long sysctl(uint32_t cmd)
{
	struct xen_sysctl *s = ARG(struct xen_sysctl);

	s->cmd = cmd;
	s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return fake_hypercall(__HYPERVISOR_sysctl, ARG_GVA, 0, 0);
}

static void reset(void)
{
	ctl = ARG(struct xen_domctl);
	memset(ctl, 0, sizeof(*ctl));
}

static long create(void)
{
	reset();
	ctl->u.createdomain = (struct xen_domctl_createdomain){
		.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
		.max_vcpus = 2,
		.max_evtchn_port = 1023,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.grant_opts = 1,
		.handle = "0123456789abcde",
		.arch.emulation_flags = XEN_X86_EMU_LAPIC,
	};
	return domctl(XEN_DOMCTL_createdomain, 0xffff);
}

START_TEST(a_domain_lives_and_dies)
{
	uint64_t free_pages = buddy_free_pages();
	struct domain *d;
	domid_t id;

	ck_assert_int_eq(create(), 0);
	id = ctl->domain;
	ck_assert_uint_eq(id, 1);
	ctl->u.max_vcpus.max = 3;
	ck_assert_int_eq(domctl(XEN_DOMCTL_max_vcpus, id), -EINVAL);
	ctl->u.max_vcpus.max = 2;
	ck_assert_int_eq(domctl(XEN_DOMCTL_max_vcpus, id), 0);
	ck_assert_int_eq(domctl(XEN_DOMCTL_max_vcpus, id), 0);
	ctl->u.max_mem.max_memkb = ~0ULL;
	ck_assert_int_eq(domctl(XEN_DOMCTL_max_mem, id), 0);

	ck_assert_int_eq(domctl(XEN_DOMCTL_getdomaininfo, id), 0);
	ck_assert_uint_eq(ctl->u.getdomaininfo.domain, id);
	ck_assert_uint_eq(ctl->u.getdomaininfo.flags, XEN_DOMINF_hvm_guest | XEN_DOMINF_hap |
							      XEN_DOMINF_paused |
							      XEN_DOMINF_blocked);
	ck_assert_mem_eq(ctl->u.getdomaininfo.handle, "0123456789abcde", 16);
	ck_assert_uint_eq(ctl->u.getdomaininfo.max_vcpu_id, 1);

	ck_assert_int_eq(domctl(XEN_DOMCTL_unpausedomain, id), 0);
	ck_assert_int_eq(domctl(XEN_DOMCTL_unpausedomain, id), -EINVAL);
	ck_assert_int_eq(domctl(XEN_DOMCTL_pausedomain, id), 0);
	d = domain_get(id);
	domain_shutdown(d, SHUTDOWN_reboot);
	domain_put(d);
	ck_assert_int_eq(domctl(XEN_DOMCTL_getdomaininfo, id), 0);
	ck_assert_uint_eq(ctl->u.getdomaininfo.flags & XEN_DOMINF_shutdown, XEN_DOMINF_shutdown);
	ck_assert_uint_eq(ctl->u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift, SHUTDOWN_reboot);

	fake_preempt_every = 1;
	ck_assert_int_eq(domctl(XEN_DOMCTL_destroydomain, id), 0);
	fake_softirqs();
	ck_assert_int_eq(domctl(XEN_DOMCTL_getdomaininfo, id), -ESRCH);
	ck_assert_int_eq(domctl(XEN_DOMCTL_destroydomain, id), -ESRCH);
	ck_assert_uint_eq(buddy_free_pages(), free_pages);
	/* Numbers are not used again at once. */
	ck_assert_int_eq(create(), 0);
	ck_assert_uint_eq(ctl->domain, 2);
	ck_assert_int_eq(domctl(XEN_DOMCTL_getdomaininfo, 1), 0);
	ck_assert_uint_eq(ctl->domain, 2);
}
END_TEST

START_TEST(versions_and_callers_are_checked)
{
	reset();
	ctl->cmd = XEN_DOMCTL_getdomaininfo;
	ctl->interface_version = 0x14;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_domctl, ARG_GVA, 0, 0), -EACCES);
	ARG(struct xen_sysctl)->cmd = XEN_SYSCTL_physinfo;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sysctl, ARG_GVA, 0, 0), -EACCES);
	ck_assert_int_eq(domctl(XEN_DOMCTL_destroydomain, 0), -EINVAL);
	ck_assert_int_eq(domctl(XEN_DOMCTL_pausedomain, DOMID_SELF), -EINVAL);
	ck_assert_int_eq(domctl(XEN_DOMCTL_assign_device, 0), -ENOSYS);
	ck_assert_int_eq(domctl(XEN_DOMCTL_gdbsx_guestmemio, 0), -EINVAL);
	ck_assert_int_eq(domctl(XEN_DOMCTL_gdbsx_domstatus, 0), -ENOSYS);
	ck_assert_int_eq(domctl(~0u, 0), -ENOSYS);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_domctl, 0, 0, 0), -EFAULT);
}
END_TEST

START_TEST(impossible_domains_are_refused)
{
	uint64_t free_pages = buddy_free_pages();
	static const struct {
		size_t offset;
		uint32_t value;
		int rc;
	} bad[] = {
		{offsetof(struct xen_domctl_createdomain, flags), 0, -EOPNOTSUPP},
		{offsetof(struct xen_domctl_createdomain, flags), 1, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, flags), 3 | 1u << 5, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, flags), 3 | 1u << 31, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, max_vcpus), 0, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, max_vcpus), 129, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, max_vcpus), ~0u, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, grant_opts), 3, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, cpupool_id), 1, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, vmtrace_size), 1, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, arch.emulation_flags), 0x7ff, -EINVAL},
		{offsetof(struct xen_domctl_createdomain, arch.misc_flags), 2, -EINVAL},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(create(), 0);
		ck_assert_int_eq(domctl(XEN_DOMCTL_destroydomain, ctl->domain), 0);
		fake_softirqs();
		reset();
		ctl->u.createdomain = (struct xen_domctl_createdomain){
			.flags = 3,
			.max_vcpus = 1,
			.grant_opts = 1,
			.arch.emulation_flags = XEN_X86_EMU_LAPIC,
		};
		memcpy((char *)&ctl->u.createdomain + bad[i].offset, &bad[i].value, 4);
		ck_assert_int_eq(domctl(XEN_DOMCTL_createdomain, 0), bad[i].rc);
	}
	ck_assert_uint_eq(buddy_free_pages(), free_pages);
	ck_assert_int_eq(create(), 0);
	ctl->u.createdomain.flags = 3;
	ctl->u.createdomain.max_vcpus = 1;
	ck_assert_int_eq(domctl(XEN_DOMCTL_createdomain, ctl->domain), -EEXIST);
}
END_TEST

START_TEST(creation_survives_every_failed_allocation)
{
	uint64_t free_pages = buddy_free_pages();
	uint64_t left;
	long rc = -ENOMEM;

	/* Leave 0, 1, 2... pages free until it works; nothing may be lost on the way. */
	for (left = 0; rc; left++) {
		static mfn_t taken[FAKE_RAM_MIB << 8];
		uint64_t n = 0;

		while (buddy_free_pages() > left) {
			taken[n] = buddy_alloc(0, 0);
			n++;
		}
		rc = create();
		if (!rc) {
			domid_t id = ctl->domain;

			ctl->u.max_vcpus.max = 2;
			rc = domctl(XEN_DOMCTL_max_vcpus, id);
			ck_assert_int_eq(domctl(XEN_DOMCTL_destroydomain, id), 0);
		}
		fake_softirqs();
		ck_assert(!rc || rc == -ENOMEM);
		while (n--)
			buddy_free(taken[n], 0);
		ck_assert_uint_eq(buddy_free_pages(), free_pages);
		ck_assert_uint_lt(left, 100);
	}
	ck_assert_uint_gt(left, 5);
}
END_TEST

START_TEST(the_paging_pool_is_set)
{
	domid_t id;

	ck_assert_int_eq(create(), 0);
	id = ctl->domain;
	ck_assert_int_eq(domctl(XEN_DOMCTL_get_paging_mempool_size, id), 0);
	ck_assert_uint_eq(ctl->u.paging_mempool.size, 1 << 20);
	ctl->u.paging_mempool.size = (1 << 20) + 1;
	ck_assert_int_eq(domctl(XEN_DOMCTL_set_paging_mempool_size, id), -EINVAL);
	ctl->u.paging_mempool.size = 64 << 20;
	ck_assert_int_eq(domctl(XEN_DOMCTL_set_paging_mempool_size, id), 0);
	ctl->u.paging_mempool.size = 0;
	ck_assert_int_eq(domctl(XEN_DOMCTL_get_paging_mempool_size, id), 0);
	ck_assert_uint_eq(ctl->u.paging_mempool.size, 64 << 20);
}
END_TEST

START_TEST(vcpus_are_described_and_placed)
{
	struct xen_domctl_vcpuaffinity *a;
	domid_t id;

	ck_assert_int_eq(create(), 0);
	id = ctl->domain;
	ctl->u.getvcpuinfo.vcpu = 0;
	ck_assert_int_eq(domctl(XEN_DOMCTL_getvcpuinfo, id), -ESRCH);
	ctl->u.max_vcpus.max = 2;
	ck_assert_int_eq(domctl(XEN_DOMCTL_max_vcpus, id), 0);
	ctl->u.getvcpuinfo.vcpu = 2;
	ck_assert_int_eq(domctl(XEN_DOMCTL_getvcpuinfo, id), -EINVAL);
	ctl->u.getvcpuinfo.vcpu = 1;
	ck_assert_int_eq(domctl(XEN_DOMCTL_getvcpuinfo, id), 0);
	ck_assert_uint_eq(ctl->u.getvcpuinfo.online, 0);

	a = &ctl->u.vcpuaffinity;
	*a = (struct xen_domctl_vcpuaffinity){.vcpu = 1, .flags = XEN_VCPUAFFINITY_HARD};
	a->cpumap_hard.bitmap.p = &fake_guest_mem[512];
	a->cpumap_hard.nr_bits = 64;
	fake_guest_mem[512] = 0xfc; /* no CPU of this host */
	ck_assert_int_eq(domctl(XEN_DOMCTL_setvcpuaffinity, id), -EINVAL);
	fake_guest_mem[512] = 0xfe;
	ck_assert_int_eq(domctl(XEN_DOMCTL_setvcpuaffinity, id), 0);
	ck_assert_uint_eq(fake_guest_mem[512], 2);
	a->cpumap_hard.nr_bits = ~0u;
	ck_assert_int_eq(domctl(XEN_DOMCTL_getvcpuaffinity, id), 0);
	ck_assert_uint_eq(fake_guest_mem[512], 0xfe);
	ck_assert_uint_eq(fake_guest_mem[520], 0);
	a->flags = 0;
	ck_assert_int_eq(domctl(XEN_DOMCTL_setvcpuaffinity, id), -EINVAL);

	ctl->u.scheduler_op = (struct xen_domctl_scheduler_op){.sched_id = XEN_SCHEDULER_CREDIT2,
							       .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
							       .u.credit2 = {512, 50}};
	ck_assert_int_eq(domctl(XEN_DOMCTL_scheduler_op, id), 0);
	ctl->u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	ctl->u.scheduler_op.u.credit2.weight = 0;
	ck_assert_int_eq(domctl(XEN_DOMCTL_scheduler_op, id), 0);
	ck_assert_uint_eq(ctl->u.scheduler_op.u.credit2.weight, 512);
	ck_assert_uint_eq(ctl->u.scheduler_op.u.credit2.cap, 50);
}
END_TEST

START_TEST(contexts_and_policies_travel)
{
	struct xen_domctl_hvmcontext *h;
	domid_t id;

	ck_assert_int_eq(create(), 0);
	id = ctl->domain;
	h = &ctl->u.hvmcontext;
	*h = (struct xen_domctl_hvmcontext){0};
	ck_assert_int_eq(domctl(XEN_DOMCTL_gethvmcontext, id), 0);
	ck_assert_uint_eq(h->size, 16);
	h->buffer.p = &fake_guest_mem[4096];
	h->size = 15;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gethvmcontext, id), -ENOSPC);
	h->size = 16;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gethvmcontext, id), 0);
	ck_assert_int_eq(domctl(XEN_DOMCTL_sethvmcontext, id), 0);
	h->size = 0;
	ck_assert_int_eq(domctl(XEN_DOMCTL_sethvmcontext, id), -EINVAL);
	h->size = ~0u;
	ck_assert_int_eq(domctl(XEN_DOMCTL_sethvmcontext, id), -EINVAL);

	ctl->u.cpu_policy = (struct xen_domctl_cpu_policy){0};
	ck_assert_int_eq(domctl(XEN_DOMCTL_get_cpu_policy, id), 0);
	ck_assert_uint_eq(ctl->u.cpu_policy.nr_leaves, 0x78);
	ctl->u.cpu_policy.leaves.p = (xen_cpuid_leaf_t *)(void *)&fake_guest_mem[4096];
	ck_assert_int_eq(domctl(XEN_DOMCTL_get_cpu_policy, id), 0);
	ck_assert_uint_gt(ctl->u.cpu_policy.nr_leaves, 10);
	ctl->u.cpu_policy.nr_msrs = 0;
	ck_assert_int_eq(domctl(XEN_DOMCTL_set_cpu_policy, id), 0);
	ctl->u.cpu_policy.leaves.p[3].leaf = 0x12345678;
	ck_assert_int_eq(domctl(XEN_DOMCTL_set_cpu_policy, id), -ERANGE);
	ctl->u.cpu_policy.nr_leaves = ~0u;
	ck_assert_int_eq(domctl(XEN_DOMCTL_set_cpu_policy, id), -E2BIG);
}
END_TEST

START_TEST(one_record_travels)
{
	struct xen_domctl_hvmcontext_partial *h;
	domid_t id;

	ck_assert_int_eq(create(), 0);
	id = ctl->domain;
	h = &ctl->u.hvmcontext_partial;
	*h = (struct xen_domctl_hvmcontext_partial){.type = HVM_SAVE_CODE(CPU)};
	ck_assert_int_eq(domctl(XEN_DOMCTL_gethvmcontext_partial, id), 0);
	ck_assert_uint_eq(h->bufsz, sizeof(struct hvm_hw_cpu));
	h->buffer.p = &fake_guest_mem[0x1000];
	h->bufsz--;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gethvmcontext_partial, id), -ENOSPC);
	h->bufsz = 0x1000;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gethvmcontext_partial, id), 0);
	ck_assert_uint_eq(h->bufsz, sizeof(struct hvm_hw_cpu));
	ck_assert_uint_eq(((struct hvm_hw_cpu *)(void *)&fake_guest_mem[0x1000])->rip, 0x1234);
	h->buffer.p = (void *)(uintptr_t)~0xfffULL;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gethvmcontext_partial, id), -EFAULT);
	h->type = 0x10000 | HVM_SAVE_CODE(CPU);
	ck_assert_int_eq(domctl(XEN_DOMCTL_gethvmcontext_partial, id), -EINVAL);
}
END_TEST

START_TEST(the_host_is_described)
{
	struct xen_sysctl *s = ARG(struct xen_sysctl);
	struct xen_domctl_getdomaininfo *list = (void *)&fake_guest_mem[4096];

	memset(s, 0, sizeof(*s));
	fake_domain(1, 1);
	fake_domain(1, 1);
	ck_assert_int_eq(sysctl(XEN_SYSCTL_physinfo), 0);
	ck_assert_uint_eq(s->u.physinfo.free_pages, buddy_free_pages());
	ck_assert_uint_eq(s->u.physinfo.total_pages, FAKE_RAM_MIB << 8);
	ck_assert_uint_eq(s->u.physinfo.nr_cpus, 2);
	ck_assert_uint_eq(s->u.physinfo.capabilities,
			  XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap |
				  XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2);

	s->u.getdomaininfolist =
		(struct xen_sysctl_getdomaininfolist){.first_domain = 0, .max_domains = 1024};
	s->u.getdomaininfolist.buffer.p = list;
	ck_assert_int_eq(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
	ck_assert_uint_eq(s->u.getdomaininfolist.num_domains, 3);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_uint_eq(list[i].domain, i);
	s->u.getdomaininfolist.first_domain = 3;
	ck_assert_int_eq(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
	ck_assert_uint_eq(s->u.getdomaininfolist.num_domains, 0);

	memset(&s->u, 0, sizeof(s->u));
	s->u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	ck_assert_int_eq(sysctl(XEN_SYSCTL_cpupool_op), 0);
	ck_assert_uint_eq(s->u.cpupool_op.n_dom, 3);
	s->u.cpupool_op.cpupool_id = 1;
	ck_assert_int_eq(sysctl(XEN_SYSCTL_cpupool_op), -ENOENT);

	memset(&s->u, 0, sizeof(s->u));
	s->u.readconsole.buffer.p = (char *)&fake_guest_mem[4096];
	s->u.readconsole.count = 4;
	ck_assert_int_eq(sysctl(XEN_SYSCTL_readconsole), 0);
	ck_assert_uint_eq(s->u.readconsole.count, 4);
	ck_assert_mem_eq(&fake_guest_mem[4096], "hell", 4);
	s->u.readconsole.incremental = 1;
	s->u.readconsole.count = ~0u;
	ck_assert_int_eq(sysctl(XEN_SYSCTL_readconsole), 0);
	ck_assert_uint_eq(s->u.readconsole.count, 6);

	memset(&s->u, 0, sizeof(s->u));
	ck_assert_int_eq(sysctl(XEN_SYSCTL_get_cpu_featureset), 0);
	ck_assert_uint_eq(s->u.cpu_featureset.nr_features, 0x13);
	s->u.cpu_featureset.features.p = (uint32_t *)(void *)&fake_guest_mem[4096];
	s->u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_pv;
	ck_assert_int_eq(sysctl(XEN_SYSCTL_get_cpu_featureset), -EOPNOTSUPP);
	s->u.cpu_featureset.index = 6;
	ck_assert_int_eq(sysctl(XEN_SYSCTL_get_cpu_featureset), -EINVAL);
	ck_assert_int_eq(sysctl(XEN_SYSCTL_livepatch_op), -ENOSYS);
}
END_TEST

/* Any bytes at all: nothing may crash, hang or leak (the fixture counts pages). */
START_TEST(guest_memory_is_copied_both_ways)
{
	struct domain *d = fake_domain(1, 2);
	uint8_t *buf = (uint8_t *)ARG(struct xen_domctl) + 1024;
	const uint64_t at = PAGE_SIZE - 3;

	reset();
	ctl->u.gdbsx_guest_memio = (struct xen_domctl_gdbsx_memio){
		.gva = at, .uva = ARG_GVA + 1024, .len = 6, .gwr = 1};
	memcpy(buf, "across", 6);
	d->controller_paused = false;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gdbsx_guestmemio, d->id), -EBUSY);
	d->controller_paused = true;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gdbsx_guestmemio, d->id), 0);
	ck_assert_uint_eq(ctl->u.gdbsx_guest_memio.remain, 0);
	memset(buf, 0, 6);
	ctl->u.gdbsx_guest_memio.gwr = 0;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gdbsx_guestmemio, d->id), 0);
	ck_assert_mem_eq(buf, "across", 6);

	/* Past the end of its memory: what could not be done is said. */
	ctl->u.gdbsx_guest_memio.gva = 2 * PAGE_SIZE - 2;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gdbsx_guestmemio, d->id), 0);
	ck_assert_uint_eq(ctl->u.gdbsx_guest_memio.remain, 4);
	ctl->u.gdbsx_guest_memio.gva = 2 * PAGE_SIZE;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gdbsx_guestmemio, d->id), -EFAULT);
	ctl->u.gdbsx_guest_memio.gwr = 2;
	ck_assert_int_eq(domctl(XEN_DOMCTL_gdbsx_guestmemio, d->id), -EINVAL);
	fake_domain_kill(d);
}
END_TEST

static long counters(domid_t id, uint32_t vcpu, uint64_t gva, uint32_t room, uint32_t *nr)
{
	struct domus_counters c = {.vcpu = vcpu, .nr = room, .buffer = gva};
	long rc;

	reset();
	memcpy(&ctl->u, &c, sizeof(c));
	rc = domctl(DOMUS_DOMCTL_counters, id);
	memcpy(&c, &ctl->u, sizeof(c));
	*nr = c.nr;
	return rc;
}

static const struct domus_counter *counter(const char *name, uint32_t nr)
{
	const struct domus_counter *list = (const void *)&fake_guest_mem[4096];

	for (uint32_t i = 0; i < nr; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

START_TEST(what_was_counted_is_told)
{
	struct domain *d = fake_domain(2, 1);
	const uint64_t at = ARG_GVA + 4096;
	uint32_t nr;

	d->vcpus[1]->exits = 40;
	d->vcpus[1]->runstate = (struct vcpu_runstate_info){
		.state = RUNSTATE_blocked, .state_entry_time = fake_now, .time = {7, 8}};
	fake_now += 9;
	ck_assert_int_eq(counters(d->id, 1, at, 64, &nr), 0);
	ck_assert_uint_eq(nr, 5);
	ck_assert_uint_eq(counter("running", nr)->value, 7);
	ck_assert_uint_eq(counter("runnable", nr)->value, 8);
	ck_assert_uint_eq(counter("blocked", nr)->value, 9);
	ck_assert_uint_eq(counter("running", nr)->kind, DOMUS_COUNTER_RUNSTATE);
	ck_assert_uint_eq(counter("first", nr)->value, 40);
	ck_assert_uint_eq(counter("last", nr)->value, 42);
	ck_assert_uint_eq(counter("last", nr)->kind, DOMUS_COUNTER_EXIT);
	ck_assert_ptr_null(counter("never", nr));

	/* No more is written than there is room for, but all are counted. */
	memset(&fake_guest_mem[4096], 0, 4096);
	ck_assert_int_eq(counters(d->id, 1, at, 1, &nr), 0);
	ck_assert_uint_eq(nr, 5);
	ck_assert_ptr_nonnull(counter("running", 2));
	ck_assert_ptr_null(counter("runnable", 5));
	ck_assert_int_eq(counters(d->id, 1, 0, 0, &nr), 0);
	ck_assert_uint_eq(nr, 5);
	ck_assert_int_eq(counters(d->id, 1, 0, ~0u, &nr), -EFAULT);
	ck_assert_int_eq(counters(d->id, 2, at, 64, &nr), -EINVAL);
	ck_assert_int_eq(counters(77, 0, at, 64, &nr), -ESRCH);
	fake_domain_kill(d);
}
END_TEST

START_TEST(calls_and_grants_are_counted_by_domain)
{
	struct domain *d = fake_domain(1, 2);
	struct gnttab_map_grant_ref *map = ARG(struct gnttab_map_grant_ref);
	struct grant_entry_v1 entry = {.flags = GTF_permit_access, .domid = 0, .frame = 1};
	const struct domus_counter *c;
	uint32_t nr, handle;
	mfn_t frame;

	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_xsm_op, 0, 0, 0), -ENOSYS);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_domctl, 0, 0, 0), -EPERM);
	ck_assert_int_eq(fake_hypercall(63, 0, 0, 0), -ENOSYS);
	ck_assert_int_eq(fake_hypercall(63, 0, 0, 0), -ENOSYS);
	fake_run_as(hwdom->vcpus[0]);
	ck_assert_int_eq(gnttab_get_frame(d, false, 0, &frame), 0);
	memcpy((struct grant_entry_v1 *)mfn_to_virt(frame) + 9, &entry, sizeof(entry));
	frame_put(frame);
	*map = (struct gnttab_map_grant_ref){
		.host_addr = 512 << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 9, .dom = d->id};
	ck_assert_int_eq(
		fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, ARG_GVA, 1), 0);
	ck_assert_int_eq(map->status, GNTST_okay);
	handle = map->handle;

	ck_assert_int_eq(counters(d->id, DOMUS_COUNTERS_DOMAIN, ARG_GVA + 4096, 99, &nr), 0);
	ck_assert_uint_eq(nr, 5);
	ck_assert_uint_eq(counter("4k", nr)->value, 2);
	ck_assert_uint_eq(counter("4k", nr)->kind, DOMUS_COUNTER_MAPPING);
	c = counter("number 63", nr);
	ck_assert_uint_eq(c->value, 2);
	ck_assert_uint_eq(c->absent, 2);
	ck_assert_uint_eq(counter("domctl", nr)->absent, 0);
	ck_assert_uint_eq(counter("domctl", nr)->kind, DOMUS_COUNTER_HYPERCALL);
	ck_assert_uint_eq(counter("used", nr)->value, 1);
	ck_assert_uint_eq(counter("used", nr)->kind, DOMUS_COUNTER_GRANT);
	ck_assert_int_eq(counters(0, DOMUS_COUNTERS_DOMAIN, ARG_GVA + 4096, 99, &nr), 0);
	ck_assert_uint_eq(counter("mapped", nr)->value, 1);
	*ARG(struct gnttab_unmap_grant_ref) =
		(struct gnttab_unmap_grant_ref){.host_addr = 512 << PAGE_SHIFT, .handle = handle};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
					ARG_GVA, 1),
			 0);
	ck_assert_int_eq(ARG(struct gnttab_unmap_grant_ref)->status, GNTST_okay);
	ck_assert_uint_eq(gnttab_usage(d).used, 0);
	ck_assert_uint_eq(gnttab_usage(hwdom).mapped, 0);
	fake_domain_kill(d);
}
END_TEST

START_TEST(why_a_guest_was_ended_is_told)
{
	struct domain *d = fake_domain(1, 1);

	reset();
	ck_assert_int_eq(domctl(DOMUS_DOMCTL_crash_reason, d->id), 0);
	ck_assert_str_eq((char *)&ctl->u, "");
	domain_crash(d, "page %u is gone", 7);
	domain_crash(d, "and so on");
	ck_assert_int_eq(domctl(DOMUS_DOMCTL_crash_reason, d->id), 0);
	ck_assert_str_eq((char *)&ctl->u, "page 7 is gone");
	ck_assert_int_eq(domctl(DOMUS_DOMCTL_crash_reason, 77), -ESRCH);
	fake_domain_kill(d);
}
END_TEST

START_TEST(random_structures_do_no_harm)
{
	srand(4711);
	for (unsigned int round = 0; round < 20000; round++) {
		uint32_t cmd;
		long rc;

		reset();
		for (unsigned int i = 0; i < sizeof(*ctl); i++)
			if (rand() % 3)
				((uint8_t *)ctl)[i] = (uint8_t)(rand() % 4 ? rand() % 4 : rand());
		cmd = rand() % 16 ? (uint32_t)rand() % 90 :
				    DOMUS_DOMCTL_counters + (uint32_t)rand() % 2;
		rc = rand() % 2 ? domctl(cmd, (domid_t)(rand() % 4)) : sysctl(cmd % 30);
		ck_assert_int_le(rc, 0);
		fake_softirqs();
	}
}
END_TEST

Suite *domctl_suite(void)
{
	Suite *s = suite_create("domctl and sysctl");
	TCase *tc = host_case("control");

	tcase_add_test(tc, a_domain_lives_and_dies);
	tcase_add_test(tc, versions_and_callers_are_checked);
	tcase_add_test(tc, impossible_domains_are_refused);
	tcase_add_test(tc, creation_survives_every_failed_allocation);
	tcase_add_test(tc, the_paging_pool_is_set);
	tcase_add_test(tc, vcpus_are_described_and_placed);
	tcase_add_test(tc, contexts_and_policies_travel);
	tcase_add_test(tc, one_record_travels);
	tcase_add_test(tc, the_host_is_described);
	tcase_add_test(tc, guest_memory_is_copied_both_ways);
	tcase_add_test(tc, what_was_counted_is_told);
	tcase_add_test(tc, calls_and_grants_are_counted_by_domain);
	tcase_add_test(tc, why_a_guest_was_ended_is_told);
	tcase_add_test(tc, random_structures_do_no_harm);
	suite_add_tcase(s, tc);
	return s;
}
