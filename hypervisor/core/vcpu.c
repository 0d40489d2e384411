// SPDX-License-Identifier: Apache-2.0
/* vCPUs: creation, blocking and waking, and the records they share with the guest. */
#include "core/vcpu.h"

#include "arch/x86/cpu/clock.h"
#include "core/sched.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/heap.h"

struct vcpu *vcpu_current(void)
{
	return this_cpu()->current;
}

static void init_sched_fields(struct vcpu *v)
{
	list_init(&v->run_link);
	v->state = VCPU_DOWN;
	v->cpu = v->id % nr_cpus;
	v->affinity_hard = VCPU_ALL_CPUS;
	v->affinity_soft = VCPU_ALL_CPUS;
	v->runstate.state = RUNSTATE_offline;
	v->runstate.state_entry_time = now_ns();
}

int vcpu_create(struct domain *d, unsigned int id, struct vcpu **out)
{
	struct vcpu *v, *none = NULL;
	int rc;

	if (id >= d->max_vcpus)
		return -EINVAL;
	if (domain_vcpu(d, id))
		return -EEXIST;
	v = xzalloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->domain = d;
	v->id = id;
	init_sched_fields(v);
	v->vcpu_info = id < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[id] : &v->own_info;
	v->vcpu_info_mfn = INVALID_MFN;
	vcpu_update_time(v);
	rc = domain_vcpu_parts_init(v);
	if (!rc && !__atomic_compare_exchange_n(&d->vcpus[id], &none, v, false, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
		rc = -EEXIST; /* made by somebody else meanwhile */
	if (rc)
		vcpu_destroy(v);
	else
		*out = v;
	return rc;
}

void vcpu_destroy(struct vcpu *v)
{
	domain_vcpu_parts_fini(v);
	if (!mfn_eq(v->vcpu_info_mfn, INVALID_MFN))
		frame_put(v->vcpu_info_mfn);
	xfree(v);
}

/* ---- blocking and waking ---- */

static bool all_down(const struct domain *d)
{
	for_each_vcpu(d, v)
		if (__atomic_load_n(&v->state, __ATOMIC_ACQUIRE) != VCPU_DOWN)
			return false;
	return true;
}

/* Both under the domain's lock: whoever goes down finds no other on its way, down or up. */
void vcpu_up(struct vcpu *v)
{
	spin_guard(&v->domain->lock);
	sched_wake(v, true);
}

void vcpu_down(struct vcpu *v)
{
	struct domain *d = v->domain;
	bool last;

	spin_lock(&d->lock);
	if (!d->ops->start_pending(v))
		sched_sleep(v, VCPU_DOWN);
	last = all_down(d);
	spin_unlock(&d->lock);
	if (last)
		domain_shutdown(d, SHUTDOWN_poweroff);
}

void vcpu_block(struct vcpu *v)
{
	sched_sleep(v, VCPU_BLOCKED);
	if (v->domain->ops->wakeup_pending(v))
		sched_wake(v, false);
}

void vcpu_yield(struct vcpu *v)
{
	(void)v;
	if (sched_others_wait())
		this_cpu()->resched = true;
}

void vcpu_kick(struct vcpu *v)
{
	/* What runs here, and does not mean to stop, looks at everything before it is entered. */
	if (v != vcpu_current() || v->state != VCPU_RUNNING)
		sched_wake(v, false);
}

/* ---- shared records ---- */

void vcpu_update_time(struct vcpu *v)
{
	struct vcpu_time_info *t = &v->vcpu_info->time;
	const struct clock_scale *scale = &clock_scale;

	/* xen.h, vcpu_time_info: an odd version marks an update in progress. */
	t->version = (t->version + 1) | 1;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	t->tsc_timestamp = scale->tsc_base;
	t->system_time = 0;
	t->tsc_to_system_mul = scale->mul_frac;
	t->tsc_shift = scale->shift;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	t->version++;
}

int vcpu_register_info(struct vcpu *v, gfn_t gfn, uint32_t offset)
{
	struct vcpu_info *new;
	mfn_t mfn;

	if (offset > PAGE_SIZE - sizeof(*new) || offset % sizeof(uint64_t) ||
	    p2m_get_own_frame(v->domain, gfn, true, &mfn))
		return -EINVAL;
	new = (struct vcpu_info *)((char *)mfn_to_virt(mfn) + offset);
	spin_guard(&v->lock);
	if (!mfn_eq(v->vcpu_info_mfn, INVALID_MFN)) {
		frame_put(mfn);
		return -EINVAL;
	}
	memcpy(new, v->vcpu_info, sizeof(*new));
	v->vcpu_info_mfn = mfn;
	__atomic_store_n(&v->vcpu_info, new, __ATOMIC_RELEASE);
	vcpu_update_time(v);
	return 0;
}

void vcpus_release_info(struct domain *d)
{
	for_each_vcpu(d, v) {
		mfn_t mfn = v->vcpu_info_mfn;

		v->vcpu_info = &v->own_info;
		v->vcpu_info_mfn = INVALID_MFN;
		if (!mfn_eq(mfn, INVALID_MFN))
			frame_put(mfn);
	}
}

static void update_runstate(struct vcpu *v)
{
	struct vcpu_runstate_info info = v->runstate;
	uint64_t gva = v->runstate_gva;
	uint64_t entry_gva = gva + offsetof(struct vcpu_runstate_info, state_entry_time);

	/* vcpu.h, XEN_RUNSTATE_UPDATE: a reader retries while bit 63 of the entry time is set. */
	if (v->runstate_flag) {
		info.state_entry_time |= XEN_RUNSTATE_UPDATE;
		if (guest_write_ptr(entry_gva, &info.state_entry_time))
			return;
	}
	if (guest_write_ptr(gva, &info) || !v->runstate_flag)
		return;
	info.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
	if (guest_write_ptr(entry_gva, &info.state_entry_time))
		return;
}

void vcpu_update_areas(struct vcpu *v)
{
	if (v->runstate_gva)
		update_runstate(v);
	/* The record never changes: it is due once. */
	if (v->time_gva && !guest_write_ptr(v->time_gva, &v->vcpu_info->time))
		v->time_gva = 0;
}
