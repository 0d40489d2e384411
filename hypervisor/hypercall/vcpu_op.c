// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_vcpu_op(cmd, vcpu, arg): a domain about its own vCPUs. */
#include "core/guest.h"
#include "core/sched.h"
#include "hypercall/hypercall.h"
#include "ipc/evtchn.h"
#include "ipc/vtimer.h"
#include "lib/errno.h"

/* @v is the vCPU named, @self the caller. */
struct vcpu_call {
	struct vcpu *v;
	bool self;
	uint64_t gva;
};

static bool is_down(const struct vcpu *v)
{
	return __atomic_load_n(&v->state, __ATOMIC_ACQUIRE) == VCPU_DOWN;
}

static long op_up(const struct vcpu_call *c)
{
	vcpu_up(c->v);
	return 0;
}

static long op_down(const struct vcpu_call *c)
{
	if (c->self)
		vcpu_down(c->v);
	else if (!is_down(c->v))
		return -EBUSY; /* only the vCPU itself knows when it may stop */
	return 0;
}

static long op_is_up(const struct vcpu_call *c)
{
	return !is_down(c->v);
}

static long op_get_runstate(const struct vcpu_call *c)
{
	struct vcpu_runstate_info info;

	sched_get_runstate(c->v, &info);
	return guest_write_ptr(c->gva, &info) ? -EFAULT : 0;
}

/* Of another vCPU: written when it runs next, in the address space it has then. */
static long register_area(const struct vcpu_call *c, uint64_t *field)
{
	uint64_t gva; /* all that the structures of both areas hold */

	if (guest_read_ptr(&gva, c->gva))
		return -EFAULT;
	spin_lock(&c->v->lock);
	*field = gva;
	spin_unlock(&c->v->lock);
	if (c->self)
		vcpu_update_areas(c->v);
	return 0;
}

static long op_register_runstate(const struct vcpu_call *c)
{
	return register_area(c, &c->v->runstate_gva);
}

static long op_register_time(const struct vcpu_call *c)
{
	return register_area(c, &c->v->time_gva);
}

static long op_set_periodic(const struct vcpu_call *c)
{
	struct vcpu_set_periodic_timer op;

	if (guest_read_ptr(&op, c->gva))
		return -EFAULT;
	if (!c->self || op.period_ns < VTIMER_MIN_PERIOD_NS || op.period_ns > INT64_MAX)
		return -EINVAL;
	vtimer_set_periodic(c->v, op.period_ns);
	return 0;
}

static long op_stop_periodic(const struct vcpu_call *c)
{
	vtimer_stop_periodic(c->v);
	return 0;
}

static long op_set_singleshot(const struct vcpu_call *c)
{
	struct vcpu_set_singleshot_timer op;

	if (!c->self)
		return -EINVAL;
	if (guest_read_ptr(&op, c->gva))
		return -EFAULT;
	/* VCPU_SSHOTTMR_future may be ignored; a time that is past fires at once. */
	vtimer_set_singleshot(c->v, op.timeout_abs_ns);
	return 0;
}

static long op_stop_singleshot(const struct vcpu_call *c)
{
	if (!c->self)
		return -EINVAL;
	vtimer_stop_singleshot(c->v);
	return 0;
}

static long op_register_info(const struct vcpu_call *c)
{
	struct vcpu_register_vcpu_info op;
	int rc;

	if (guest_read_ptr(&op, c->gva))
		return -EFAULT;
	if (!c->self && !is_down(c->v))
		return -EINVAL;
	rc = vcpu_register_info(c->v, gfn_of(op.mfn), op.offset);
	if (!rc)
		evtchn_vcpu_info_moved(c->v);
	return rc;
}

static long (*const rows[])(const struct vcpu_call *c) = {
	[VCPUOP_up] = op_up,
	[VCPUOP_down] = op_down,
	[VCPUOP_is_up] = op_is_up,
	[VCPUOP_get_runstate_info] = op_get_runstate,
	[VCPUOP_register_runstate_memory_area] = op_register_runstate,
	[VCPUOP_set_periodic_timer] = op_set_periodic,
	[VCPUOP_stop_periodic_timer] = op_stop_periodic,
	[VCPUOP_set_singleshot_timer] = op_set_singleshot,
	[VCPUOP_stop_singleshot_timer] = op_stop_singleshot,
	[VCPUOP_register_vcpu_info] = op_register_info,
	[VCPUOP_register_vcpu_time_memory_area] = op_register_time,
};

long hypercall_vcpu_op(struct hypercall *hc)
{
	uint32_t cmd = (uint32_t)hc->arg[0], id = (uint32_t)hc->arg[1];
	struct domain *d = hc->v->domain;
	struct vcpu_call c = {.gva = hc->arg[2]};

	if (cmd >= ARRAY_SIZE(rows) || !rows[cmd])
		return -ENOSYS;
	c.v = id < d->max_vcpus ? __atomic_load_n(&d->vcpus[id], __ATOMIC_ACQUIRE) : NULL;
	if (!c.v)
		return -ENOENT;
	c.self = c.v == hc->v;
	return rows[cmd](&c);
}
