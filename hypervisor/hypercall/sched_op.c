// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_sched_op, set_timer_op and vm_assist. */
#include "core/op.h"
#include "core/watchdog.h"
#include "hypercall/hypercall.h"
#include "ipc/evtchn.h"

#define POLL_MAX_PORTS 128

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
	const struct sched_shutdown *op = hc->op;

	if (op->reason > SHUTDOWN_MAX)
		return -EINVAL;
	domain_shutdown(hc->v->domain, (uint8_t)op->reason);
	return 0;
}

/* Any of the ports pending? Return: 1, 0, -EFAULT, -EINVAL. */
static int poll_ports(struct domain *d, uint64_t gva, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		uint32_t port;

		if (guest_read_ptr(&port, gva + i * sizeof(port)))
			return -EFAULT;
		if (port >= EVTCHN_2L_NR_CHANNELS)
			return -EINVAL;
		if (evtchn_port_pending(d, port))
			return 1;
	}
	return 0;
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
	return 0;
}

static long op_remote_shutdown(struct hypercall *hc)
{
	const struct sched_remote_shutdown *op = hc->op;
	struct domain *d;

	if (op->reason > SHUTDOWN_MAX)
		return -EINVAL;
	d = op->domain_id == hc->v->domain->id ? NULL : domain_get(op->domain_id);
	if (!d)
		return -ESRCH;
	domain_guard(d);
	domain_shutdown(d, (uint8_t)op->reason);
	return 0;
}

static long op_shutdown_code(struct hypercall *hc)
{
	const struct sched_shutdown *op = hc->op;
	struct domain *d = hc->v->domain;

	if (op->reason > SHUTDOWN_MAX)
		return -EINVAL;
	spin_guard(&d->lock);
	if (!d->shutting_down)
		d->shutdown_code = (uint8_t)op->reason;
	return 0;
}

static long op_watchdog(struct hypercall *hc)
{
	const struct sched_watchdog *op = hc->op;

	return watchdog_set(hc->v->domain, op->id, op->timeout);
}

static const struct op_row rows[] = {
	[SCHEDOP_yield] = {op_yield},
	[SCHEDOP_block] = {op_block},
	[SCHEDOP_shutdown] = OP(op_shutdown, struct sched_shutdown, 0),
	[SCHEDOP_poll] = OP(op_poll, struct sched_poll, 0),
	[SCHEDOP_remote_shutdown] = OP(op_remote_shutdown, struct sched_remote_shutdown, OP_HWDOM),
	[SCHEDOP_shutdown_code] = OP(op_shutdown_code, struct sched_shutdown, 0),
	[SCHEDOP_watchdog] = OP(op_watchdog, struct sched_watchdog, 0),
};

long hypercall_sched_op(struct hypercall *hc)
{
	return op_run(hc, rows, ARRAY_SIZE(rows), (uint32_t)hc->arg[0], hc->arg[1]);
}

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
	for_each_vcpu(hc->v->domain, v)
		WRITE_ONCE(v->runstate_flag, cmd == VMASST_CMD_enable);
	return 0;
}
