// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_domctl, interface version 0x15: domains, their vCPUs and scheduling (public domctl.h). */
#include "hypercall/domctl.h"

#include "abi/domus.h"
#include "arch/x86/cpu/clock.h"
#include "core/sched.h"
#include "core/wallclock.h"
#include "hvm/hvm.h"
#include "ipc/evtchn.h"
#include "ipc/gnttab.h"
#include "lib/string.h"
#include "vdev/vlapic.h"

static_assert(XEN_DOMCTL_INTERFACE_VERSION == 0x15, "the version of Xen 4.17");
static_assert(sizeof(((struct xen_domctl *)0)->u) == 128, "copied whole");

#define GUEST_PADDR_BITS 48
#define MAX_CAP          ((uint32_t)MAX_CPUS * 100)
/* No guest has more CPUs or nodes to name; what lies beyond in its bitmap is left alone. */
#define MAX_BITMAP       1024u

/* ---- creation ---- */

/* Flags we can honour: HVM with nested paging. PV guests and shadow paging are refused. */
static int create_check(const struct xen_domctl_createdomain *cd)
{
	const uint32_t wanted = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
	const uint32_t ignored = XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off |
				 XEN_DOMCTL_CDF_xs_domain;

	if (!(cd->flags & XEN_DOMCTL_CDF_hvm))
		return -EOPNOTSUPP;
	if ((cd->flags & wanted) != wanted || (cd->flags & ~(wanted | ignored)) || cd->iommu_opts ||
	    !cd->max_vcpus || cd->max_vcpus > DOMAIN_MAX_VCPUS || cd->cpupool_id ||
	    cd->vmtrace_size || (cd->grant_opts & ~(uint32_t)XEN_DOMCTL_GRANT_version_mask) ||
	    XEN_DOMCTL_GRANT_version(cd->grant_opts) > 2)
		return -EINVAL;
	/* Only the emulation of a PVH guest so far: its local APIC. */
	if (cd->arch.emulation_flags != XEN_X86_EMU_LAPIC ||
	    (cd->arch.misc_flags & ~XEN_X86_MISC_FLAGS_MAX))
		return -EINVAL;
	return 0;
}

/* A limit of the toolstack's: negative asks for the default, which is our 0. */
static uint32_t limit_of(int32_t n)
{
	if (n < 0)
		return 0;
	return n ? (uint32_t)n : 1;
}

static long op_createdomain(struct hypercall *hc)
{
	const struct xen_domctl_createdomain *cd = &hc->domctl->u.createdomain;
	domid_t id = hc->domctl->domain;
	struct domain *d;
	int rc = create_check(cd);

	if (rc)
		return rc;
	if (!id || id >= DOMID_FIRST_RESERVED)
		id = DOMID_NONE;
	rc = domain_create(id, cd->max_vcpus, &hvm_guest_ops, false, &d);
	if (rc)
		return rc;
	evtchn_set_max_port(d, cd->max_evtchn_port);
	rc = gnttab_set_limits(d, limit_of(cd->max_grant_frames), limit_of(cd->max_maptrack_frames),
			       XEN_DOMCTL_GRANT_version(cd->grant_opts));
	if (rc) {
		domain_discard(d);
		return rc;
	}
	memcpy(d->handle, cd->handle, sizeof(d->handle));
	hc->domctl->domain = d->id;
	domain_publish(d);
	return 0;
}

static long op_max_vcpus(struct hypercall *hc)
{
	struct domain *d = hc->d;

	if (hc->domctl->u.max_vcpus.max != d->max_vcpus)
		return -EINVAL;
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v;
		int rc = vcpu_create(d, i, &v);

		if (rc && rc != -EEXIST)
			return rc;
	}
	return 0;
}

/* ---- life cycle ---- */

static long op_destroydomain(struct hypercall *hc)
{
	int rc;

	do {
		rc = domain_kill(hc->d);
	} while (rc == -ERESTART && !preempt_check());
	return rc;
}

static long op_pausedomain(struct hypercall *hc)
{
	return domain_controller_pause(hc->d);
}

static long op_unpausedomain(struct hypercall *hc)
{
	if (!READ_ONCE(hc->d->controller_paused))
		return -EINVAL;
	return domain_controller_unpause(hc->d);
}

static long op_resumedomain(struct hypercall *hc)
{
	domain_resume(hc->d);
	return 0;
}

/* ---- description ---- */

static void describe_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	bool blocked = true, running = false;

	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for_each_vcpu(d, v) {
		enum vcpu_state state = __atomic_load_n(&v->state, __ATOMIC_RELAXED);
		struct vcpu_runstate_info run;

		sched_get_runstate(v, &run);
		info->cpu_time += run.time[RUNSTATE_running];
		info->max_vcpu_id = v->id;
		if (state == VCPU_DOWN)
			continue;
		info->nr_online_vcpus++;
		blocked = blocked && state == VCPU_BLOCKED;
		running = running || state == VCPU_RUNNING;
	}
	if (running)
		info->flags |= XEN_DOMINF_running;
	else if (blocked)
		info->flags |= XEN_DOMINF_blocked;
}

void domctl_describe(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = d->id;
	info->flags = XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
	spin_lock(&d->lock);
	if (d->dead)
		info->flags |= XEN_DOMINF_dying;
	if (d->shut_down)
		info->flags |= XEN_DOMINF_shutdown | (uint32_t)d->shutdown_code
							     << XEN_DOMINF_shutdownshift;
	if (d->controller_paused)
		info->flags |= XEN_DOMINF_paused;
	memcpy(info->handle, d->handle, sizeof(info->handle));
	spin_unlock(&d->lock);
	info->tot_pages = __atomic_load_n(&d->tot_pages, __ATOMIC_RELAXED);
	info->max_pages = READ_ONCE(d->max_pages);
	info->outstanding_pages = memory_outstanding_of(d);
	info->shared_info_frame = ~0ULL; /* wherever the guest has put it */
	info->gpaddr_bits = GUEST_PADDR_BITS;
	info->arch_config.emulation_flags = XEN_X86_EMU_LAPIC;
	if (d->is_hwdom)
		info->arch_config.emulation_flags |= XEN_X86_EMU_IOAPIC | XEN_X86_EMU_VPCI;
	describe_vcpus(d, info);
}

/* Of the domain asked for or, if there is none, of the next one; callers compare the id. */
static long op_getdomaininfo(struct hypercall *hc)
{
	domid_t id = hc->domctl->domain == DOMID_SELF ? hc->d->id : hc->domctl->domain;
	struct domain *d = domain_get_next(id);

	if (!d)
		return -ESRCH;
	domain_guard(d);
	domctl_describe(d, &hc->domctl->u.getdomaininfo);
	hc->domctl->domain = d->id;
	return 0;
}

/* ---- settings ---- */

static long op_max_mem(struct hypercall *hc)
{
	spin_guard(&hc->d->lock);
	hc->d->max_pages = hc->domctl->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
	return 0;
}

static long op_setdomainhandle(struct hypercall *hc)
{
	spin_guard(&hc->d->lock);
	memcpy(hc->d->handle, hc->domctl->u.setdomainhandle.handle, sizeof(hc->d->handle));
	return 0;
}

static long op_settimeoffset(struct hypercall *hc)
{
	WRITE_ONCE(hc->d->time_offset_s, hc->domctl->u.settimeoffset.time_offset_seconds);
	wallclock_update_domain(hc->d);
	return 0;
}

/* The guest's TSC is the host's: "default" and "never emulate" say just that. */
#define TSC_MODE_DEFAULT 0
#define TSC_MODE_NEVER   2

static long op_settscinfo(struct hypercall *hc)
{
	uint32_t mode = hc->domctl->u.tsc_info.tsc_mode;

	return mode == TSC_MODE_DEFAULT || mode == TSC_MODE_NEVER ? 0 : -EOPNOTSUPP;
}

static long op_gettscinfo(struct hypercall *hc)
{
	hc->domctl->u.tsc_info = (struct xen_domctl_tsc_info){
		.tsc_mode = TSC_MODE_DEFAULT,
		.gtsc_khz = (uint32_t)clock_tsc_khz,
	};
	return 0;
}

static long op_get_paging_mempool(struct hypercall *hc)
{
	hc->domctl->u.paging_mempool.size = READ_ONCE(hc->d->p2m.table.max_tables) << PAGE_SHIFT;
	return 0;
}

/* Page tables come from the free memory of the host, up to this. Fewer than there are is as good as none more. */
static long op_set_paging_mempool(struct hypercall *hc)
{
	uint64_t size = hc->domctl->u.paging_mempool.size;

	if (size % PAGE_SIZE)
		return -EINVAL;
	WRITE_ONCE(hc->d->p2m.table.max_tables, size >> PAGE_SHIFT);
	return 0;
}

static long op_get_address_size(struct hypercall *hc)
{
	hc->domctl->u.address_size.size = 64;
	return 0;
}

/* ---- bitmaps ---- */

static uint32_t bytes_of(const struct xenctl_bitmap *map)
{
	return map->nr_bits / 8 + (map->nr_bits % 8 != 0);
}

/* The bits of 64 that @map has. */
static uint64_t mask_of(const struct xenctl_bitmap *map)
{
	return map->nr_bits < 64 ? (1ULL << map->nr_bits) - 1 : ~0ULL;
}

/* The low 64 bits of @map; bits beyond its length are 0. Return: 0, -EFAULT. */
static int bitmap_read(const struct xenctl_bitmap *map, uint64_t *bits)
{
	*bits = 0;
	if (guest_read(bits, handle_gva(map->bitmap), min(bytes_of(map), (uint32_t)sizeof(*bits))))
		return -EFAULT;
	*bits &= mask_of(map);
	return 0;
}

int xenctl_bitmap_write(const struct xenctl_bitmap *map, uint64_t bits)
{
	uint32_t bytes = min(bytes_of(map), MAX_BITMAP), n = min(bytes, (uint32_t)sizeof(bits));

	bits &= mask_of(map);
	if (guest_write(handle_gva(map->bitmap), &bits, n))
		return -EFAULT;
	return guest_clear(handle_gva(map->bitmap) + n, bytes - n);
}

uint64_t domctl_online_cpus(void)
{
	return nr_cpus >= 64 ? ~0ULL : (1ULL << nr_cpus) - 1;
}

/* ---- single vCPUs ---- */

int domctl_find_vcpu(struct domain *d, uint32_t id, struct vcpu **v)
{
	*v = domain_vcpu(d, id);
	if (id >= d->max_vcpus)
		return -EINVAL;
	return *v ? 0 : -ESRCH;
}

static long op_getvcpuinfo(struct hypercall *hc)
{
	struct xen_domctl_getvcpuinfo *info = &hc->domctl->u.getvcpuinfo;
	struct vcpu_runstate_info run;
	enum vcpu_state state;
	struct vcpu *v;
	int rc = domctl_find_vcpu(hc->d, info->vcpu, &v);

	if (rc)
		return rc;
	sched_get_runstate(v, &run);
	state = __atomic_load_n(&v->state, __ATOMIC_RELAXED);
	info->online = state != VCPU_DOWN;
	info->blocked = state == VCPU_BLOCKED;
	info->running = state == VCPU_RUNNING;
	info->cpu_time = run.time[RUNSTATE_running];
	info->cpu = READ_ONCE(v->cpu);
	return 0;
}

/* ---- affinity ---- */

static int read_cpus(const struct xenctl_bitmap *map, uint64_t *cpus)
{
	int rc = bitmap_read(map, cpus);

	if (rc)
		return rc;
	return *cpus & domctl_online_cpus() ? 0 : -EINVAL;
}

static int affinity_report(const struct xen_domctl_vcpuaffinity *op, uint64_t hard, uint64_t soft)
{
	int rc = 0;

	if (op->flags & XEN_VCPUAFFINITY_HARD)
		rc = xenctl_bitmap_write(&op->cpumap_hard, hard);
	if (!rc && (op->flags & XEN_VCPUAFFINITY_SOFT))
		rc = xenctl_bitmap_write(&op->cpumap_soft, soft);
	return rc;
}

static long op_setvcpuaffinity(struct hypercall *hc)
{
	const uint32_t known = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	struct xen_domctl_vcpuaffinity *op = &hc->domctl->u.vcpuaffinity;
	uint64_t hard = 0, soft = 0;
	struct vcpu *v;
	int rc = domctl_find_vcpu(hc->d, op->vcpu, &v);

	if (rc)
		return rc;
	if (!(op->flags & known) || (op->flags & ~(known | XEN_VCPUAFFINITY_FORCE)))
		return -EINVAL;
	if (op->flags & XEN_VCPUAFFINITY_HARD)
		rc = read_cpus(&op->cpumap_hard, &hard);
	if (!rc && (op->flags & XEN_VCPUAFFINITY_SOFT))
		rc = read_cpus(&op->cpumap_soft, &soft);
	if (!rc && (op->flags & XEN_VCPUAFFINITY_HARD))
		rc = sched_set_affinity(v, hard);
	if (rc)
		return rc;
	if (op->flags & XEN_VCPUAFFINITY_SOFT)
		WRITE_ONCE(v->affinity_soft, soft);
	/* Answer with what is in effect. */
	hard = READ_ONCE(v->affinity_hard) & domctl_online_cpus();
	return affinity_report(op, hard, READ_ONCE(v->affinity_soft) & hard);
}

static long op_getvcpuaffinity(struct hypercall *hc)
{
	const struct xen_domctl_vcpuaffinity *op = &hc->domctl->u.vcpuaffinity;
	struct vcpu *v;
	int rc = domctl_find_vcpu(hc->d, op->vcpu, &v);

	if (rc)
		return rc;
	return affinity_report(op, READ_ONCE(v->affinity_hard), READ_ONCE(v->affinity_soft));
}

/* One memory node: number 0. */

static long op_setnodeaffinity(struct hypercall *hc)
{
	uint64_t nodes;
	int rc = bitmap_read(&hc->domctl->u.nodeaffinity.nodemap, &nodes);

	if (rc)
		return rc;
	return nodes & 1 ? 0 : -EINVAL;
}

static long op_getnodeaffinity(struct hypercall *hc)
{
	return xenctl_bitmap_write(&hc->domctl->u.nodeaffinity.nodemap, 1);
}

/* ---- scheduler ---- */

/* Weight and cap as credit2 has them; the scheduler's number is what the tools know ours by. */
static int put_params(struct domain *d, const struct xen_domctl_sched_credit2 *p)
{
	int rc;

	if (!p->weight || p->cap > MAX_CAP)
		return -EINVAL;
	rc = sched_set_weight(d, p->weight);
	return rc ? rc : sched_set_cap(d, p->cap);
}

static long op_scheduler_op(struct hypercall *hc)
{
	struct xen_domctl_scheduler_op *op = &hc->domctl->u.scheduler_op;

	if (op->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	switch (op->cmd) {
	case XEN_DOMCTL_SCHEDOP_putinfo: return put_params(hc->d, &op->u.credit2);
	case XEN_DOMCTL_SCHEDOP_getinfo:
		op->u.credit2.weight = (uint16_t)READ_ONCE(hc->d->weight);
		op->u.credit2.cap = (uint16_t)READ_ONCE(hc->d->cap.percent);
		return 0;
	default: return -EINVAL;
	}
}

static long op_sendtrigger(struct hypercall *hc)
{
	struct vcpu *v;
	int rc;

	if (hc->domctl->u.sendtrigger.trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
		return -ENOSYS;
	rc = domctl_find_vcpu(hc->d, hc->domctl->u.sendtrigger.vcpu, &v);
	if (rc)
		return rc;
	hvm_request_nmi(v);
	return 0;
}

/* ---- the table ---- */

#define OTHER               (OP_NOT_SELF | OP_ALIVE)
#define ROW(fn, how)        OP_ON(fn, struct xen_domctl, domain, how)
#define ROW_0(fn, how)      OP(fn, struct xen_domctl, how) /* finds its domain itself */
#define ROW_AT(nr, fn, how) OP_AT(nr, fn, struct xen_domctl, domain, how)

/* What is not here (PV, passthrough, memory events, migration) is -ENOSYS. */
static const struct op_row rows[] = {
	[XEN_DOMCTL_createdomain] = ROW_0(op_createdomain, OP_BACK),
	[XEN_DOMCTL_destroydomain] = ROW(op_destroydomain, OP_NOT_SELF),
	[XEN_DOMCTL_pausedomain] = ROW(op_pausedomain, OP_NOT_SELF),
	[XEN_DOMCTL_unpausedomain] = ROW(op_unpausedomain, OTHER),
	[XEN_DOMCTL_getdomaininfo] = ROW_0(op_getdomaininfo, OP_BACK),
	[XEN_DOMCTL_setvcpuaffinity] = ROW(op_setvcpuaffinity, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_max_mem] = ROW(op_max_mem, OP_ALIVE),
	[XEN_DOMCTL_getvcpucontext] = ROW(domctl_getvcpucontext, OTHER | OP_PAUSED),
	[XEN_DOMCTL_getvcpuinfo] = ROW(op_getvcpuinfo, OP_BACK),
	[XEN_DOMCTL_max_vcpus] = ROW(op_max_vcpus, OTHER),
	[XEN_DOMCTL_scheduler_op] = ROW(op_scheduler_op, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_setdomainhandle] = ROW(op_setdomainhandle, OP_ALIVE),
	[XEN_DOMCTL_settimeoffset] = ROW(op_settimeoffset, OP_ALIVE),
	[XEN_DOMCTL_getvcpuaffinity] = ROW(op_getvcpuaffinity, OP_BACK),
	[XEN_DOMCTL_resumedomain] = ROW(op_resumedomain, OTHER),
	[XEN_DOMCTL_sendtrigger] = ROW(op_sendtrigger, OP_ALIVE),
	[XEN_DOMCTL_gethvmcontext] = ROW(domctl_gethvmcontext, OP_BACK | OTHER | OP_PAUSED),
	[XEN_DOMCTL_sethvmcontext] = ROW(domctl_sethvmcontext, OTHER | OP_PAUSED),
	[XEN_DOMCTL_get_address_size] = ROW(op_get_address_size, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_gethvmcontext_partial] =
		ROW(domctl_gethvmcontext_partial, OP_BACK | OTHER | OP_PAUSED),
	[XEN_DOMCTL_gettscinfo] = ROW(op_gettscinfo, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_settscinfo] = ROW(op_settscinfo, OTHER),
	[XEN_DOMCTL_setnodeaffinity] = ROW(op_setnodeaffinity, OP_ALIVE),
	[XEN_DOMCTL_getnodeaffinity] = ROW(op_getnodeaffinity, OP_BACK),
	[XEN_DOMCTL_get_cpu_policy] = ROW(domctl_get_cpu_policy, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_set_cpu_policy] = ROW(domctl_set_cpu_policy, OP_BACK | OTHER),
	[XEN_DOMCTL_get_paging_mempool_size] = ROW(op_get_paging_mempool, OP_BACK | OP_ALIVE),
	[XEN_DOMCTL_set_paging_mempool_size] = ROW(op_set_paging_mempool, OTHER),
	/* Numbered apart from all others: the debugger's, and our own. */
	ROW_AT(XEN_DOMCTL_gdbsx_guestmemio, domctl_guestmemio, OP_BACK | OTHER),
	ROW_AT(DOMUS_DOMCTL_counters, domctl_counters, OP_BACK),
	ROW_AT(DOMUS_DOMCTL_crash_reason, domctl_crash_reason, OP_BACK),
};

long hypercall_domctl(struct hypercall *hc)
{
	return op_run_versioned(hc, rows, ARRAY_SIZE(rows), sizeof(struct xen_domctl),
				XEN_DOMCTL_INTERFACE_VERSION);
}
