// SPDX-License-Identifier: Apache-2.0
/* domctl: domains as a whole. */
#include "arch/x86/cpu/clock.h"
#include "core/sched.h"
#include "core/wallclock.h"
#include "hvm/hvm.h"
#include "hypercall/domctl.h"
#include "hypercall/memory_op.h"
#include "ipc/evtchn.h"
#include "ipc/gnttab.h"
#include "lib/string.h"

#define DEFAULT_PAGING_POOL MIB(1)
#define GUEST_PADDR_BITS    48

/* ---- creation ---- */

/* Flags we can honour: HVM with nested paging. PV guests and shadow paging are refused. */
static int create_check(const struct xen_domctl_createdomain *cd)
{
	const uint32_t wanted = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
	const uint32_t ignored = XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off |
				 XEN_DOMCTL_CDF_xs_domain;

	if (!(cd->flags & XEN_DOMCTL_CDF_hvm))
		return -EOPNOTSUPP;
	if ((cd->flags & wanted) != wanted || (cd->flags & ~(wanted | ignored)) || cd->iommu_opts)
		return -EINVAL;
	if (!cd->max_vcpus || cd->max_vcpus > DOMAIN_MAX_VCPUS || cd->cpupool_id ||
	    cd->vmtrace_size)
		return -EINVAL;
	if ((cd->grant_opts & ~(uint32_t)XEN_DOMCTL_GRANT_version_mask) ||
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

static int apply_limits(struct domain *d, const struct xen_domctl_createdomain *cd)
{
	evtchn_set_max_port(d, cd->max_evtchn_port);
	return gnttab_set_limits(d, limit_of(cd->max_grant_frames),
				 limit_of(cd->max_maptrack_frames),
				 XEN_DOMCTL_GRANT_version(cd->grant_opts));
}

long domctl_createdomain(struct hypercall *hc)
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
	rc = apply_limits(d, cd);
	if (rc) {
		while (domain_kill(d) == -ERESTART)
			;
		return rc;
	}
	hc->domctl->domain = d->id;
	spin_guard(&d->lock);
	memcpy(d->handle, cd->handle, sizeof(d->handle));
	d->paging_pool_bytes = DEFAULT_PAGING_POOL;
	return 0;
}

long domctl_max_vcpus(struct hypercall *hc)
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

long domctl_destroydomain(struct hypercall *hc)
{
	int rc;

	do {
		rc = domain_kill(hc->d);
	} while (rc == -ERESTART && !preempt_check());
	return rc;
}

long domctl_pausedomain(struct hypercall *hc)
{
	return domain_controller_pause(hc->d);
}

long domctl_unpausedomain(struct hypercall *hc)
{
	if (!READ_ONCE(hc->d->controller_paused))
		return -EINVAL;
	return domain_controller_unpause(hc->d);
}

long domctl_resumedomain(struct hypercall *hc)
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
long domctl_getdomaininfo(struct hypercall *hc)
{
	domid_t id = hc->domctl->domain == DOMID_SELF ? hc->v->domain->id : hc->domctl->domain;
	struct domain *d = domain_get_next(id);

	if (!d)
		return -ESRCH;
	domain_guard(d);
	domctl_describe(d, &hc->domctl->u.getdomaininfo);
	hc->domctl->domain = d->id;
	return 0;
}

/* ---- settings ---- */

long domctl_max_mem(struct hypercall *hc)
{
	spin_guard(&hc->d->lock);
	hc->d->max_pages = hc->domctl->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
	return 0;
}

long domctl_setdomainhandle(struct hypercall *hc)
{
	spin_guard(&hc->d->lock);
	memcpy(hc->d->handle, hc->domctl->u.setdomainhandle.handle, sizeof(hc->d->handle));
	return 0;
}

long domctl_settimeoffset(struct hypercall *hc)
{
	WRITE_ONCE(hc->d->time_offset_s, hc->domctl->u.settimeoffset.time_offset_seconds);
	wallclock_update_domain(hc->d);
	return 0;
}

/* The guest's TSC is the host's: "default" and "never emulate" say just that. */
#define TSC_MODE_DEFAULT 0
#define TSC_MODE_NEVER   2

long domctl_settscinfo(struct hypercall *hc)
{
	uint32_t mode = hc->domctl->u.tsc_info.tsc_mode;

	return mode == TSC_MODE_DEFAULT || mode == TSC_MODE_NEVER ? 0 : -EOPNOTSUPP;
}

long domctl_gettscinfo(struct hypercall *hc)
{
	hc->domctl->u.tsc_info = (struct xen_domctl_tsc_info){
		.tsc_mode = TSC_MODE_DEFAULT,
		.gtsc_khz = (uint32_t)clock_tsc_khz,
	};
	return 0;
}

long domctl_get_paging_mempool(struct hypercall *hc)
{
	hc->domctl->u.paging_mempool.size = READ_ONCE(hc->d->paging_pool_bytes);
	return 0;
}

/* Page tables come from the free memory of the host; the toolstack's figure is only remembered. */
long domctl_set_paging_mempool(struct hypercall *hc)
{
	uint64_t size = hc->domctl->u.paging_mempool.size;

	if (size % PAGE_SIZE)
		return -EINVAL;
	WRITE_ONCE(hc->d->paging_pool_bytes, size);
	return 0;
}

long domctl_get_address_size(struct hypercall *hc)
{
	hc->domctl->u.address_size.size = 64;
	return 0;
}
