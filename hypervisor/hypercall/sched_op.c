// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_sched_op, set_timer_op and vm_assist. */
#include "core/guest.h"
#include "core/watchdog.h"
#include "hypercall/hypercall.h"
#include "ipc/evtchn.h"
#include "ipc/vtimer.h"
#include "lib/errno.h"

#define POLL_MAX_PORTS 128

static long op_yield(struct vcpu *v, uint64_t gva)
{
	(void)gva;
	vcpu_yield(v);
	return 0;
}

static long op_block(struct vcpu *v, uint64_t gva)
{
	(void)gva;
	WRITE_ONCE(v->vcpu_info->evtchn_upcall_mask, 0);
	vcpu_block(v);
	return 0;
}

static long op_shutdown(struct vcpu *v, uint64_t gva)
{
	struct sched_shutdown op;

	if (guest_read_ptr(&op, gva))
		return -EFAULT;
	if (op.reason > SHUTDOWN_MAX)
		return -EINVAL;
	domain_shutdown(v->domain, (uint8_t)op.reason);
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

static long op_poll(struct vcpu *v, uint64_t gva)
{
	uint32_t only = 0;
	struct sched_poll op;
	int rc;

	if (guest_read_ptr(&op, gva))
		return -EFAULT;
	if (op.nr_ports > POLL_MAX_PORTS)
		return -EINVAL;
	if (op.nr_ports == 1 && guest_read_ptr(&only, handle_gva(op.ports)))
		return -EFAULT;

	/* First announce, then look: an event between the two kicks us. */
	evtchn_poll_begin(v, only);
	rc = poll_ports(v->domain, handle_gva(op.ports), op.nr_ports);
	if (rc) {
		evtchn_poll_end(v);
		return rc < 0 ? rc : 0;
	}
	if (op.timeout)
		vtimer_set_poll(v, op.timeout);
	vcpu_block(v);
	return 0;
}

static long op_remote_shutdown(struct vcpu *v, uint64_t gva)
{
	struct sched_remote_shutdown op;
	struct domain *d;

	if (guest_read_ptr(&op, gva))
		return -EFAULT;
	if (op.reason > SHUTDOWN_MAX)
		return -EINVAL;
	if (!v->domain->is_hwdom)
		return -EPERM;
	d = op.domain_id == v->domain->id ? NULL : domain_get(op.domain_id);
	if (!d)
		return -ESRCH;
	domain_shutdown(d, (uint8_t)op.reason);
	domain_put(d);
	return 0;
}

static long op_shutdown_code(struct vcpu *v, uint64_t gva)
{
	struct domain *d = v->domain;
	struct sched_shutdown op;

	if (guest_read_ptr(&op, gva))
		return -EFAULT;
	if (op.reason > SHUTDOWN_MAX)
		return -EINVAL;
	spin_lock(&d->lock);
	if (!d->shutting_down)
		d->shutdown_code = (uint8_t)op.reason;
	spin_unlock(&d->lock);
	return 0;
}

static long op_watchdog(struct vcpu *v, uint64_t gva)
{
	struct sched_watchdog op;

	if (guest_read_ptr(&op, gva))
		return -EFAULT;
	return watchdog_set(v->domain, op.id, op.timeout);
}

static long (*const rows[])(struct vcpu *v, uint64_t gva) = {
	[SCHEDOP_yield] = op_yield,
	[SCHEDOP_block] = op_block,
	[SCHEDOP_shutdown] = op_shutdown,
	[SCHEDOP_poll] = op_poll,
	[SCHEDOP_remote_shutdown] = op_remote_shutdown,
	[SCHEDOP_shutdown_code] = op_shutdown_code,
	[SCHEDOP_watchdog] = op_watchdog,
};

long hypercall_sched_op(struct hypercall *hc)
{
	uint32_t cmd = (uint32_t)hc->arg[0];

	if (cmd >= ARRAY_SIZE(rows))
		return -ENOSYS;
	return rows[cmd](hc->v, hc->arg[1]);
}

/* set_timer_op(timeout): ns since boot, 0 disarms. */
long hypercall_set_timer_op(struct hypercall *hc)
{
	if (hc->arg[0])
		vtimer_set_singleshot(hc->v, hc->arg[0]);
	else
		vtimer_stop_singleshot(hc->v);
	return 0;
}

/* vm_assist(cmd, type): the only kind that means something to a translated guest. */
long hypercall_vm_assist(struct hypercall *hc)
{
	uint32_t cmd = (uint32_t)hc->arg[0], type = (uint32_t)hc->arg[1];
	struct vcpu *v;

	if (cmd != VMASST_CMD_enable && cmd != VMASST_CMD_disable)
		return -ENOSYS;
	if (type != VMASST_TYPE_runstate_update_flag)
		return -EINVAL;
	for_each_vcpu(hc->v->domain, v)
		WRITE_ONCE(v->runstate_flag, cmd == VMASST_CMD_enable);
	return 0;
}
