// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_vcpu_op(cmd, vcpu, arg): a domain about its own vCPUs. */
#include "core/op.h"
#include "core/sched.h"
#include "hypercall/hypercall.h"
#include "ipc/evtchn.h"
#include "ipc/vtimer.h"

/* The vCPU that is meant: always one of the caller's domain. Looked up before an operation is called. */
static struct vcpu *target(const struct hypercall *hc)
{
	return hc->v->domain->vcpus[(uint32_t)hc->arg[1]];
}

static bool is_down(const struct vcpu *v)
{
	return __atomic_load_n(&v->state, __ATOMIC_ACQUIRE) == VCPU_DOWN;
}

static long op_up(struct hypercall *hc)
{
	vcpu_up(target(hc));
	return 0;
}

static long op_down(struct hypercall *hc)
{
	if (target(hc) == hc->v)
		vcpu_down(hc->v);
	else if (!is_down(target(hc)))
		return -EBUSY; /* only the vCPU itself knows when it may stop */
	return 0;
}

static long op_is_up(struct hypercall *hc)
{
	return !is_down(target(hc));
}

static long op_get_runstate(struct hypercall *hc)
{
	struct vcpu_runstate_info info;

	sched_get_runstate(target(hc), &info);
	return guest_write_ptr(hc->gva, &info) ? -EFAULT : 0;
}

/* Of another vCPU: written when it runs next, in the address space it has then. */
static long register_area(struct hypercall *hc, uint64_t *field)
{
	struct vcpu *v = target(hc);

	WRITE_ONCE(*field, *(uint64_t *)hc->op); /* all that the structures of both areas hold */
	if (v == hc->v)
		vcpu_update_areas(v);
	return 0;
}

static long op_register_runstate(struct hypercall *hc)
{
	return register_area(hc, &target(hc)->runstate_gva);
}

static long op_register_time(struct hypercall *hc)
{
	return register_area(hc, &target(hc)->time_gva);
}

static long op_set_periodic(struct hypercall *hc)
{
	const struct vcpu_set_periodic_timer *op = hc->op;

	if (target(hc) != hc->v || op->period_ns < VTIMER_MIN_PERIOD_NS ||
	    op->period_ns > INT64_MAX)
		return -EINVAL;
	vtimer_set_periodic(hc->v, op->period_ns);
	return 0;
}

static long op_stop_periodic(struct hypercall *hc)
{
	vtimer_stop_periodic(target(hc));
	return 0;
}

static long op_set_singleshot(struct hypercall *hc)
{
	const struct vcpu_set_singleshot_timer *op = hc->op;

	if (target(hc) != hc->v)
		return -EINVAL;
	/* VCPU_SSHOTTMR_future may be ignored; a time that is past fires at once. */
	timer_set(&hc->v->singleshot, op->timeout_abs_ns);
	return 0;
}

static long op_stop_singleshot(struct hypercall *hc)
{
	if (target(hc) != hc->v)
		return -EINVAL;
	timer_cancel(&hc->v->singleshot);
	return 0;
}

static long op_register_info(struct hypercall *hc)
{
	const struct vcpu_register_vcpu_info *op = hc->op;
	struct vcpu *v = target(hc);
	int rc;

	if (v != hc->v && !is_down(v))
		return -EINVAL;
	rc = vcpu_register_info(v, gfn_of(op->mfn), op->offset);
	if (!rc)
		evtchn_vcpu_info_moved(v);
	return rc;
}

static const struct op_row rows[] = {
	[VCPUOP_up] = {op_up},
	[VCPUOP_down] = {op_down},
	[VCPUOP_is_up] = {op_is_up},
	[VCPUOP_get_runstate_info] = {op_get_runstate},
	[VCPUOP_register_runstate_memory_area] = OP(op_register_runstate, uint64_t, 0),
	[VCPUOP_set_periodic_timer] = OP(op_set_periodic, struct vcpu_set_periodic_timer, 0),
	[VCPUOP_stop_periodic_timer] = {op_stop_periodic},
	[VCPUOP_set_singleshot_timer] = OP(op_set_singleshot, struct vcpu_set_singleshot_timer, 0),
	[VCPUOP_stop_singleshot_timer] = {op_stop_singleshot},
	[VCPUOP_register_vcpu_info] = OP(op_register_info, struct vcpu_register_vcpu_info, 0),
	[VCPUOP_register_vcpu_time_memory_area] = OP(op_register_time, uint64_t, 0),
};

long hypercall_vcpu_op(struct hypercall *hc)
{
	const struct domain *d = hc->v->domain;
	uint32_t id = (uint32_t)hc->arg[1];

	if (id >= d->max_vcpus || !__atomic_load_n(&d->vcpus[id], __ATOMIC_ACQUIRE))
		return -ENOENT;
	return op_run(hc, rows, ARRAY_SIZE(rows), (uint32_t)hc->arg[0], hc->arg[2]);
}
