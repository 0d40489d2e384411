// SPDX-License-Identifier: Apache-2.0
/* What a domain asks for its own vCPUs: HYPERVISOR_sched_op, vcpu_op, set_timer_op and vm_assist. */
#include "core/op.h"
#include "core/sched.h"
#include "core/watchdog.h"
#include "hypercall/hypercall.h"
#include "hvm/hvm.h"
#include "ipc/evtchn.h"

#define POLL_MAX_PORTS 128

/* ---- sched_op(cmd, arg) ---- */

static long op_yield(struct hypercall *hc)
{
	vcpu_yield(hc->v);
	return 0;
}

static long op_block(struct hypercall *hc)
{
	WRITE_ONCE(hc->v->vcpu_info->evtchn_upcall_mask, 0);
	vcpu_block(hc->v);
	return 0;
}

static long op_shutdown(struct hypercall *hc)
{
	return domain_shutdown(hc->d, ((struct sched_shutdown *)hc->op)->reason);
}

/* Any of the ports pending? Return: 1, 0, -EFAULT, -EINVAL. */
static int poll_ports(struct domain *d, uint64_t gva, unsigned int nr)
{
	int rc = 0;

	for (unsigned int i = 0; i < nr && !rc; i++) {
		uint32_t port;

		if (guest_read_ptr(&port, gva + i * sizeof(port)))
			return -EFAULT;
		rc = evtchn_port_pending(d, port);
	}
	return rc;
}

static long op_poll(struct hypercall *hc)
{
	const struct sched_poll *op = hc->op;
	struct vcpu *v = hc->v;
	uint32_t only = 0;
	int rc;

	if (op->nr_ports > POLL_MAX_PORTS)
		return -EINVAL;
	if (op->nr_ports == 1 && guest_read_ptr(&only, handle_gva(op->ports)))
		return -EFAULT;

	/* First announce, then look: an event between the two kicks us. */
	evtchn_poll_begin(v, only);
	rc = poll_ports(v->domain, handle_gva(op->ports), op->nr_ports);
	if (rc) {
		evtchn_poll_end(v);
		return rc < 0 ? rc : 0;
	}
	if (op->timeout)
		timer_set(&v->poll_timer, op->timeout);
	vcpu_block(v);
	/* An event in between found nobody asleep. */
	if (!__atomic_load_n(&v->poll_port, __ATOMIC_RELAXED))
		vcpu_kick(v);
	return 0;
}

static long op_remote_shutdown(struct hypercall *hc)
{
	const struct sched_remote_shutdown *op = hc->op;

	return hc->d == hc->v->domain ? -ESRCH : domain_shutdown(hc->d, op->reason);
}

static long op_shutdown_code(struct hypercall *hc)
{
	const struct sched_shutdown *op = hc->op;

	if (op->reason > SHUTDOWN_MAX)
		return -EINVAL;
	spin_guard(&hc->d->lock);
	if (!hc->d->shutting_down)
		hc->d->shutdown_code = (uint8_t)op->reason;
	return 0;
}

static long op_watchdog(struct hypercall *hc)
{
	const struct sched_watchdog *op = hc->op;

	return watchdog_set(hc->d, op->id, op->timeout);
}

static const struct op_row sched_rows[] = {
	[SCHEDOP_yield] = {op_yield},
	[SCHEDOP_block] = {op_block},
	[SCHEDOP_shutdown] = OP(op_shutdown, struct sched_shutdown, 0),
	[SCHEDOP_poll] = OP(op_poll, struct sched_poll, 0),
	[SCHEDOP_remote_shutdown] =
		OP_ON(op_remote_shutdown, struct sched_remote_shutdown, domain_id, OP_HWDOM),
	[SCHEDOP_shutdown_code] = OP(op_shutdown_code, struct sched_shutdown, 0),
	[SCHEDOP_watchdog] = OP(op_watchdog, struct sched_watchdog, 0),
};

long hypercall_sched_op(struct hypercall *hc)
{
	return op_run(hc, sched_rows, ARRAY_SIZE(sched_rows), (uint32_t)hc->arg[0], hc->arg[1]);
}

/* ---- vcpu_op(cmd, vcpu, arg) ---- */

/* The vCPU that is meant: always one of the caller's domain. Looked up before an operation is called. */
static struct vcpu *target(const struct hypercall *hc)
{
	return hc->d->vcpus[(uint32_t)hc->arg[1]];
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
	return guest_write_ptr(hc->gva, &info);
}

/* Of another vCPU: written when it runs next, in the address space it has then. */
static long op_register_area(struct hypercall *hc)
{
	const bool time = (uint32_t)hc->arg[0] == VCPUOP_register_vcpu_time_memory_area;
	struct vcpu *v = target(hc);

	/* The address is all that the structures of both areas hold. */
	WRITE_ONCE(*(time ? &v->time_gva : &v->runstate_gva), *(uint64_t *)hc->op);
	if (v == hc->v)
		vcpu_update_areas(v);
	return 0;
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

static const struct op_row vcpu_rows[] = {
	[VCPUOP_up] = {op_up},
	[VCPUOP_down] = {op_down},
	[VCPUOP_is_up] = {op_is_up},
	[VCPUOP_get_runstate_info] = {op_get_runstate},
	[VCPUOP_register_runstate_memory_area] = OP(op_register_area, uint64_t, 0),
	[VCPUOP_set_periodic_timer] = OP(op_set_periodic, struct vcpu_set_periodic_timer, 0),
	[VCPUOP_stop_periodic_timer] = {op_stop_periodic},
	[VCPUOP_set_singleshot_timer] = OP(op_set_singleshot, struct vcpu_set_singleshot_timer, 0),
	[VCPUOP_stop_singleshot_timer] = {op_stop_singleshot},
	[VCPUOP_register_vcpu_info] = OP(op_register_info, struct vcpu_register_vcpu_info, 0),
	[VCPUOP_register_vcpu_time_memory_area] = OP(op_register_area, uint64_t, 0),
};

long hypercall_vcpu_op(struct hypercall *hc)
{
	if (!domain_vcpu(hc->d, (uint32_t)hc->arg[1]))
		return -ENOENT;
	return op_run(hc, vcpu_rows, ARRAY_SIZE(vcpu_rows), (uint32_t)hc->arg[0], hc->arg[2]);
}

/* ---- calls of their own ---- */

/* set_timer_op(timeout): ns since boot, 0 disarms. */
long hypercall_set_timer_op(struct hypercall *hc)
{
	if (hc->arg[0])
		timer_set(&hc->v->singleshot, hc->arg[0]);
	else
		timer_cancel(&hc->v->singleshot);
	return 0;
}

/* vm_assist(cmd, type): the only kind that means something to a translated guest. */
long hypercall_vm_assist(struct hypercall *hc)
{
	uint32_t cmd = (uint32_t)hc->arg[0], type = (uint32_t)hc->arg[1];

	if (cmd != VMASST_CMD_enable && cmd != VMASST_CMD_disable)
		return -ENOSYS;
	if (type != VMASST_TYPE_runstate_update_flag)
		return -EINVAL;
	for_each_vcpu(hc->d, v)
		WRITE_ONCE(v->runstate_flag, cmd == VMASST_CMD_enable);
	return 0;
}
