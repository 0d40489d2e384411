// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_event_channel_op: one row per operation. */
#include "core/guest.h"
#include "core/hypercall.h"
#include "ipc/evtchn_priv.h"
#include "lib/errno.h"

union evtchn_arg {
	struct evtchn_alloc_unbound alloc_unbound;
	struct evtchn_bind_interdomain bind_interdomain;
	struct evtchn_bind_virq bind_virq;
	struct evtchn_bind_ipi bind_ipi;
	struct evtchn_close close;
	struct evtchn_send send;
	struct evtchn_status status;
	struct evtchn_bind_vcpu bind_vcpu;
	struct evtchn_unmask unmask;
	struct evtchn_reset reset;
	struct evtchn_init_control init_control;
	struct evtchn_expand_array expand_array;
	struct evtchn_set_priority set_priority;
};

static int op_alloc_unbound(struct domain *d, union evtchn_arg *a)
{
	domid_t remote = a->alloc_unbound.remote_dom;
	struct domain *target;
	int rc;

	rc = domain_resolve(d, a->alloc_unbound.dom, &target);
	if (rc)
		return rc;
	rc = evtchn_alloc_unbound(target, remote == DOMID_SELF ? d->id : remote,
				  &a->alloc_unbound.port);
	domain_put(target);
	return rc;
}

static int op_bind_interdomain(struct domain *d, union evtchn_arg *a)
{
	return evtchn_bind_interdomain(d, a->bind_interdomain.remote_dom,
				       a->bind_interdomain.remote_port,
				       &a->bind_interdomain.local_port);
}

static int op_bind_virq(struct domain *d, union evtchn_arg *a)
{
	return evtchn_bind_virq(d, a->bind_virq.virq, a->bind_virq.vcpu, &a->bind_virq.port);
}

static int op_bind_ipi(struct domain *d, union evtchn_arg *a)
{
	return evtchn_bind_ipi(d, a->bind_ipi.vcpu, &a->bind_ipi.port);
}

static int op_close(struct domain *d, union evtchn_arg *a)
{
	return evtchn_close(d, a->close.port);
}

static int op_send(struct domain *d, union evtchn_arg *a)
{
	return evtchn_send(d, a->send.port);
}

static int op_status(struct domain *d, union evtchn_arg *a)
{
	struct domain *target;
	int rc;

	rc = domain_resolve(d, a->status.dom, &target);
	if (rc)
		return rc;
	rc = evtchn_status(target, a->status.port, &a->status);
	domain_put(target);
	return rc;
}

static int op_bind_vcpu(struct domain *d, union evtchn_arg *a)
{
	return evtchn_bind_vcpu(d, a->bind_vcpu.port, a->bind_vcpu.vcpu);
}

static int op_unmask(struct domain *d, union evtchn_arg *a)
{
	return evtchn_unmask(d, a->unmask.port);
}

static int op_reset(struct domain *d, union evtchn_arg *a)
{
	struct domain *target;
	int rc;

	rc = domain_resolve(d, a->reset.dom, &target);
	if (rc)
		return rc;
	rc = evtchn_reset(target, target == d);
	domain_put(target);
	return rc;
}

static int op_init_control(struct domain *d, union evtchn_arg *a)
{
	a->init_control.link_bits = EVTCHN_FIFO_LINK_BITS;
	return evtchn_fifo_init_control(d, a->init_control.vcpu,
					gfn_of(a->init_control.control_gfn),
					a->init_control.offset);
}

static int op_expand_array(struct domain *d, union evtchn_arg *a)
{
	return evtchn_fifo_expand_array(d, gfn_of(a->expand_array.array_gfn));
}

static int op_set_priority(struct domain *d, union evtchn_arg *a)
{
	return evtchn_set_priority(d, a->set_priority.port, a->set_priority.priority);
}

#define ROW(op, back) [EVTCHNOP_##op] = {op_##op, sizeof(struct evtchn_##op), back}

static const struct evtchn_row {
	int (*fn)(struct domain *d, union evtchn_arg *arg);
	uint8_t size;
	bool copy_back;
} rows[] = {
	ROW(bind_interdomain, true), ROW(bind_virq, true),
	ROW(close, false),           ROW(send, false),
	ROW(status, true),           ROW(alloc_unbound, true),
	ROW(bind_ipi, true),         ROW(bind_vcpu, false),
	ROW(unmask, false),          ROW(reset, false),
	ROW(init_control, true),     ROW(expand_array, false),
	ROW(set_priority, false),
};

long evtchn_hypercall(struct hypercall *hc)
{
	const struct evtchn_row *row;
	union evtchn_arg arg;
	int rc;

	if (hc->arg[0] >= ARRAY_SIZE(rows) || !rows[hc->arg[0]].fn)
		return -ENOSYS;
	row = &rows[hc->arg[0]];
	if (guest_read(&arg, hc->arg[1], row->size))
		return -EFAULT;
	rc = row->fn(hc->v->domain, &arg);
	/* A failed copy leaves the port open: the guest can find it by its status and close it. */
	if (!rc && row->copy_back && guest_write(hc->arg[1], &arg, row->size))
		rc = -EFAULT;
	return rc;
}
