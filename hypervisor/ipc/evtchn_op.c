// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_event_channel_op: one row per operation. */
#include "core/op.h"
#include "ipc/evtchn_priv.h"

static long op_alloc_unbound(struct hypercall *hc)
{
	struct evtchn_alloc_unbound *op = hc->op;
	domid_t remote = op->remote_dom == DOMID_SELF ? hc->v->domain->id : op->remote_dom;

	return evtchn_alloc_unbound(hc->d, remote, &op->port);
}

static long op_bind_interdomain(struct hypercall *hc)
{
	struct evtchn_bind_interdomain *op = hc->op;

	return evtchn_bind_interdomain(hc->v->domain, op->remote_dom, op->remote_port,
				       &op->local_port);
}

static long op_bind_virq(struct hypercall *hc)
{
	struct evtchn_bind_virq *op = hc->op;

	return evtchn_bind_virq(hc->v->domain, op->virq, op->vcpu, &op->port);
}

static long op_bind_ipi(struct hypercall *hc)
{
	struct evtchn_bind_ipi *op = hc->op;

	return evtchn_bind_ipi(hc->v->domain, op->vcpu, &op->port);
}

static long op_close(struct hypercall *hc)
{
	return evtchn_close(hc->v->domain, ((struct evtchn_close *)hc->op)->port, false);
}

static long op_send(struct hypercall *hc)
{
	return evtchn_send(hc->v->domain, ((struct evtchn_send *)hc->op)->port);
}

static long op_status(struct hypercall *hc)
{
	struct evtchn_status *op = hc->op;

	return evtchn_status(hc->d, op->port, op);
}

static long op_bind_vcpu(struct hypercall *hc)
{
	const struct evtchn_bind_vcpu *op = hc->op;

	return evtchn_bind_vcpu(hc->v->domain, op->port, op->vcpu);
}

static long op_unmask(struct hypercall *hc)
{
	return evtchn_unmask(hc->v->domain, ((struct evtchn_unmask *)hc->op)->port);
}

static long op_reset(struct hypercall *hc)
{
	return evtchn_reset(hc->d, hc->d == hc->v->domain);
}

static long op_init_control(struct hypercall *hc)
{
	struct evtchn_init_control *op = hc->op;

	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	return evtchn_fifo_init_control(hc->v->domain, op->vcpu, gfn_of(op->control_gfn),
					op->offset);
}

static long op_expand_array(struct hypercall *hc)
{
	const struct evtchn_expand_array *op = hc->op;

	return evtchn_fifo_expand_array(hc->v->domain, gfn_of(op->array_gfn));
}

static long op_set_priority(struct hypercall *hc)
{
	const struct evtchn_set_priority *op = hc->op;

	return evtchn_set_priority(hc->v->domain, op->port, op->priority);
}

#define ROW(op, how)    [EVTCHNOP_##op] = OP(op_##op, struct evtchn_##op, how)
#define ROW_ON(op, how) [EVTCHNOP_##op] = OP_ON(op_##op, struct evtchn_##op, dom, how)

/* A failed copy back leaves the port open: the guest can find it by its status and close it. */
static const struct op_row rows[] = {
	ROW(bind_interdomain, OP_BACK),
	ROW(bind_virq, OP_BACK),
	ROW(close, 0),
	ROW(send, 0),
	ROW_ON(status, OP_BACK),
	ROW_ON(alloc_unbound, OP_BACK),
	ROW(bind_ipi, OP_BACK),
	ROW(bind_vcpu, 0),
	ROW(unmask, 0),
	ROW_ON(reset, 0),
	ROW(init_control, OP_BACK),
	ROW(expand_array, 0),
	ROW(set_priority, 0),
};

long evtchn_hypercall(struct hypercall *hc)
{
	return op_run(hc, rows, ARRAY_SIZE(rows), hc->arg[0], hc->arg[1]);
}
