// SPDX-License-Identifier: Apache-2.0
/* domctl: single vCPUs and their scheduling. */
#include "core/sched.h"
#include "hypercall/domctl.h"
#include "hypercall/xenctl_bitmap.h"
#include "lib/errno.h"
#include "vdev/vlapic.h"

#define MAX_CAP ((uint32_t)MAX_CPUS * 100)

int domctl_find_vcpu(struct domain *d, uint32_t id, struct vcpu **v)
{
	if (id >= d->max_vcpus)
		return -EINVAL;
	*v = __atomic_load_n(&d->vcpus[id], __ATOMIC_ACQUIRE);
	return *v ? 0 : -ESRCH;
}

static uint64_t online_cpus(void)
{
	return nr_cpus >= 64 ? ~0ULL : (1ULL << nr_cpus) - 1;
}

long domctl_getvcpuinfo(struct hypercall *hc)
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

static int affinity_decode(const struct xen_domctl_vcpuaffinity *op, uint64_t *hard, uint64_t *soft)
{
	const uint32_t known = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	int rc = 0;

	if (!(op->flags & known) || (op->flags & ~(known | XEN_VCPUAFFINITY_FORCE)))
		return -EINVAL;
	if (op->flags & XEN_VCPUAFFINITY_HARD) {
		rc = xenctl_bitmap_read(&op->cpumap_hard, hard);
		if (!rc && !(*hard & online_cpus()))
			rc = -EINVAL;
	}
	if (!rc && (op->flags & XEN_VCPUAFFINITY_SOFT)) {
		rc = xenctl_bitmap_read(&op->cpumap_soft, soft);
		if (!rc && !(*soft & online_cpus()))
			rc = -EINVAL;
	}
	return rc;
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

long domctl_setvcpuaffinity(struct hypercall *hc)
{
	struct xen_domctl_vcpuaffinity *op = &hc->domctl->u.vcpuaffinity;
	uint64_t hard = 0, soft = 0;
	struct vcpu *v;
	int rc = domctl_find_vcpu(hc->d, op->vcpu, &v);

	if (!rc)
		rc = affinity_decode(op, &hard, &soft);
	if (!rc && (op->flags & XEN_VCPUAFFINITY_HARD))
		rc = sched_set_affinity(v, hard);
	if (rc)
		return rc;
	if (op->flags & XEN_VCPUAFFINITY_SOFT)
		WRITE_ONCE(v->affinity_soft, soft);
	/* Answer with what is in effect. */
	hard = READ_ONCE(v->affinity_hard) & online_cpus();
	return affinity_report(op, hard, READ_ONCE(v->affinity_soft) & hard);
}

long domctl_getvcpuaffinity(struct hypercall *hc)
{
	const struct xen_domctl_vcpuaffinity *op = &hc->domctl->u.vcpuaffinity;
	struct vcpu *v;
	int rc = domctl_find_vcpu(hc->d, op->vcpu, &v);

	if (rc)
		return rc;
	return affinity_report(op, READ_ONCE(v->affinity_hard), READ_ONCE(v->affinity_soft));
}

/* One memory node: number 0. */

long domctl_setnodeaffinity(struct hypercall *hc)
{
	uint64_t nodes;
	int rc = xenctl_bitmap_read(&hc->domctl->u.nodeaffinity.nodemap, &nodes);

	if (rc)
		return rc;
	return nodes & 1 ? 0 : -EINVAL;
}

long domctl_getnodeaffinity(struct hypercall *hc)
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

long domctl_scheduler_op(struct hypercall *hc)
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

long domctl_sendtrigger(struct hypercall *hc)
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
