// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_sysctl, interface version 0x15: the host as a whole (public sysctl.h). */
#include "arch/x86/cpu/clock.h"
#include "core/console.h"
#include "core/sched.h"
#include "hypercall/domctl.h"
#include "lib/string.h"
#include "mm/buddy.h"
#include "mm/frames.h"

static_assert(XEN_SYSCTL_INTERFACE_VERSION == 0x15, "the version of Xen 4.17");
static_assert(sizeof(((struct xen_sysctl *)0)->u) == 128, "copied whole");

/* ---- console ---- */

static long op_readconsole(struct hypercall *hc)
{
	struct xen_sysctl_readconsole *op = &hc->sysctl->u.readconsole;
	uint32_t index = op->index, left = min(op->count, CONSOLE_RING_SIZE), done = 0;
	bool incremental = op->incremental;
	char buf[256];

	while (done < left) {
		uint32_t n = console_read_ring(buf, min(left - done, (uint32_t)sizeof(buf)),
					       incremental, &index);

		if (!n)
			break;
		if (guest_write(handle_gva(op->buffer) + done, buf, n))
			return -EFAULT;
		done += n;
		incremental = true; /* on from where the first piece ended */
	}
	op->index = index;
	op->count = done;
	if (op->clear)
		console_clear_ring();
	return 0;
}

#define MAX_KEYS 64u

static long op_debug_keys(struct hypercall *hc)
{
	char keys[MAX_KEYS];
	uint32_t nr = min(hc->sysctl->u.debug_keys.nr_keys, MAX_KEYS);

	if (guest_read(keys, handle_gva(hc->sysctl->u.debug_keys.keys), nr))
		return -EFAULT;
	for (uint32_t i = 0; i < nr; i++)
		console_handle_key(keys[i]);
	return 0;
}

/* ---- host ---- */

static long op_physinfo(struct hypercall *hc)
{
	struct xen_sysctl_physinfo *p = &hc->sysctl->u.physinfo;
	uint32_t words[CPU_FEATURE_WORDS];

	memset(p, 0, sizeof(*p));
	p->threads_per_core = 1;
	p->cores_per_socket = nr_cpus;
	p->nr_cpus = nr_cpus;
	p->max_cpu_id = nr_cpus - 1;
	p->nr_nodes = 1;
	p->max_node_id = 0;
	p->cpu_khz = (uint32_t)clock_tsc_khz;
	p->capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap |
			  XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2;
	p->total_pages = frames_total();
	p->free_pages = buddy_free_pages();
	p->outstanding_pages = memory_outstanding();
	p->max_mfn = frames_end() - 1;
	cpu_featureset(POLICY_HOST, words);
	memcpy(p->hw_cap, words, sizeof(p->hw_cap));
	return 0;
}

static long op_availheap(struct hypercall *hc)
{
	hc->sysctl->u.availheap.avail_bytes = buddy_free_pages() << PAGE_SHIFT;
	return 0;
}

static long op_getcpuinfo(struct hypercall *hc)
{
	struct xen_sysctl_getcpuinfo *op = &hc->sysctl->u.getcpuinfo;
	uint32_t nr = min(op->max_cpus, nr_cpus);

	for (uint32_t i = 0; i < nr; i++) {
		struct xen_sysctl_cpuinfo info = {.idletime = sched_idle_time(i)};

		if (guest_write_ptr(handle_gva(op->info) + i * sizeof(info), &info))
			return -EFAULT;
	}
	op->nr_cpus = nr;
	return 0;
}

/* One socket of single-threaded cores, one memory node. */
static long op_cputopoinfo(struct hypercall *hc)
{
	struct xen_sysctl_cputopoinfo *op = &hc->sysctl->u.cputopoinfo;
	uint64_t gva = handle_gva(op->cputopo);

	for (uint32_t i = 0; gva && i < min(op->num_cpus, nr_cpus); i++) {
		struct xen_sysctl_cputopo topo = {.core = i};

		if (guest_write_ptr(gva + i * sizeof(topo), &topo))
			return -EFAULT;
	}
	op->num_cpus = nr_cpus;
	return 0;
}

#define LOCAL_DISTANCE 10u

static long op_numainfo(struct hypercall *hc)
{
	struct xen_sysctl_numainfo *op = &hc->sysctl->u.numainfo;
	struct xen_sysctl_meminfo mem = {
		.memsize = frames_total() << PAGE_SHIFT,
		.memfree = buddy_free_pages() << PAGE_SHIFT,
	};
	const uint32_t distance = LOCAL_DISTANCE;
	uint64_t mem_gva = handle_gva(op->meminfo), dist_gva = handle_gva(op->distance);

	if (op->num_nodes && ((mem_gva && guest_write_ptr(mem_gva, &mem)) ||
			      (dist_gva && guest_write_ptr(dist_gva, &distance))))
		return -EFAULT;
	op->num_nodes = 1;
	return 0;
}

/* ---- domains ---- */

static long op_getdomaininfolist(struct hypercall *hc)
{
	struct xen_sysctl_getdomaininfolist *op = &hc->sysctl->u.getdomaininfolist;
	uint32_t id = op->first_domain, nr = 0;

	while (nr < op->max_domains && id < DOMID_FIRST_RESERVED) {
		struct xen_domctl_getdomaininfo info;
		struct domain *d = domain_get_next((domid_t)id);

		if (!d)
			break;
		domain_guard(d);
		domctl_describe(d, &info);
		id = d->id + 1u;
		if (guest_write_ptr(handle_gva(op->buffer) + nr * sizeof(info), &info))
			return -EFAULT;
		nr++;
	}
	op->num_domains = nr;
	return 0;
}

/* ---- scheduling ---- */

static long op_sched_id(struct hypercall *hc)
{
	hc->sysctl->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

static void count_domain(struct domain *d __unused, void *n)
{
	++*(uint32_t *)n;
}

/* Pool 0 has every CPU and every domain; there is no other. */
static long op_cpupool(struct hypercall *hc)
{
	struct xen_sysctl_cpupool_op *op = &hc->sysctl->u.cpupool_op;

	switch (op->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		if (op->cpupool_id)
			return -ENOENT;
		op->sched_id = XEN_SCHEDULER_CREDIT2;
		op->n_dom = 0;
		domain_for_each(count_domain, &op->n_dom);
		return xenctl_bitmap_write(&op->cpumap, domctl_online_cpus());
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO: return xenctl_bitmap_write(&op->cpumap, 0);
	default: return -EOPNOTSUPP;
	}
}

static long op_scheduler(struct hypercall *hc)
{
	struct xen_sysctl_scheduler_op *op = &hc->sysctl->u.scheduler_op;

	if (op->cpupool_id)
		return -ESRCH;
	if (op->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo)
		return -EOPNOTSUPP;
	if (op->cmd != XEN_SYSCTL_SCHEDOP_getinfo)
		return -EINVAL;
	op->u.sched_credit2.ratelimit_us = 0;
	return 0;
}

/* ---- CPU features ---- */

static long op_get_cpu_featureset(struct hypercall *hc)
{
	struct xen_sysctl_cpu_featureset *op = &hc->sysctl->u.cpu_featureset;
	uint32_t words[CPU_FEATURE_WORDS], nr = min(op->nr_features, CPU_FEATURE_WORDS);

	if (!handle_gva(op->features)) {
		op->nr_features = CPU_FEATURE_WORDS;
		return 0;
	}
	if (op->index > XEN_SYSCTL_cpu_featureset_hvm_max)
		return -EINVAL;
	if (op->index == XEN_SYSCTL_cpu_featureset_pv ||
	    op->index == XEN_SYSCTL_cpu_featureset_pv_max)
		return -EOPNOTSUPP;
	cpu_featureset(op->index <= XEN_SYSCTL_cpu_featureset_host ? POLICY_HOST : POLICY_HVM,
		       words);
	if (guest_write(handle_gva(op->features), words, nr * sizeof(words[0])))
		return -EFAULT;
	op->nr_features = nr;
	return nr < CPU_FEATURE_WORDS ? -ENOBUFS : 0;
}

static long op_get_cpu_levelling(struct hypercall *hc)
{
	hc->sysctl->u.cpu_levelling_caps.caps = 0;
	return 0;
}

static long op_get_cpu_policy(struct hypercall *hc)
{
	struct xen_sysctl_cpu_policy *op = &hc->sysctl->u.cpu_policy;

	if (op->_rsvd || op->index > XEN_SYSCTL_cpu_policy_hvm_default)
		return -EINVAL;
	/* Sizes are the same for all; only the contents may be missing. */
	if (handle_gva(op->leaves) && (op->index == XEN_SYSCTL_cpu_policy_pv_max ||
				       op->index == XEN_SYSCTL_cpu_policy_pv_default))
		return -EOPNOTSUPP;
	return cpu_policy_put(op->index < XEN_SYSCTL_cpu_policy_pv_max ? POLICY_HOST : POLICY_HVM,
			      handle_gva(op->leaves), &op->nr_leaves, handle_gva(op->msrs),
			      &op->nr_msrs);
}

/* What is not here (trace buffers, profiling, power states, live patches, PSR) is -ENOSYS. */
#define ROW(fn, how) OP(fn, struct xen_sysctl, how)

static const struct op_row rows[] = {
	[XEN_SYSCTL_readconsole] = ROW(op_readconsole, OP_BACK),
	[XEN_SYSCTL_physinfo] = ROW(op_physinfo, OP_BACK),
	[XEN_SYSCTL_sched_id] = ROW(op_sched_id, OP_BACK),
	[XEN_SYSCTL_getdomaininfolist] = ROW(op_getdomaininfolist, OP_BACK),
	[XEN_SYSCTL_debug_keys] = ROW(op_debug_keys, 0),
	[XEN_SYSCTL_getcpuinfo] = ROW(op_getcpuinfo, OP_BACK),
	[XEN_SYSCTL_availheap] = ROW(op_availheap, OP_BACK),
	[XEN_SYSCTL_cputopoinfo] = ROW(op_cputopoinfo, OP_BACK),
	[XEN_SYSCTL_numainfo] = ROW(op_numainfo, OP_BACK),
	[XEN_SYSCTL_cpupool_op] = ROW(op_cpupool, OP_BACK),
	[XEN_SYSCTL_scheduler_op] = ROW(op_scheduler, OP_BACK),
	[XEN_SYSCTL_get_cpu_levelling_caps] = ROW(op_get_cpu_levelling, OP_BACK),
	[XEN_SYSCTL_get_cpu_featureset] = ROW(op_get_cpu_featureset, OP_BACK),
	[XEN_SYSCTL_get_cpu_policy] = ROW(op_get_cpu_policy, OP_BACK),
};

long hypercall_sysctl(struct hypercall *hc)
{
	return op_run_versioned(hc, rows, ARRAY_SIZE(rows), sizeof(struct xen_sysctl),
				XEN_SYSCTL_INTERFACE_VERSION);
}
