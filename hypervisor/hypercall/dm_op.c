// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_dm_op(domid, nr_bufs, bufs): device models. Ioreq servers come with HVM guests. */
#include "hypercall/hypercall.h"
#include "lib/errno.h"
#include "vdev/vlapic.h"

#define MAX_BUFS 4

static long op_nr_vcpus(struct domain *d, struct xen_dm_op *op)
{
	op->u.nr_vcpus.vcpus = d->max_vcpus;
	return 0;
}

static long op_remote_shutdown(struct domain *d, struct xen_dm_op *op)
{
	if (op->u.remote_shutdown.reason > SHUTDOWN_MAX)
		return -EINVAL;
	domain_shutdown(d, (uint8_t)op->u.remote_shutdown.reason);
	return 0;
}

static long op_inject_msi(struct domain *d, struct xen_dm_op *op)
{
	if (op->u.inject_msi.pad)
		return -EINVAL;
	vlapic_deliver_msi(d, op->u.inject_msi.addr, op->u.inject_msi.data);
	return 0;
}

static const struct {
	long (*fn)(struct domain *d, struct xen_dm_op *op);
	bool copy_back;
} rows[] = {
	[XEN_DMOP_inject_msi] = {op_inject_msi, false},
	[XEN_DMOP_remote_shutdown] = {op_remote_shutdown, false},
	[XEN_DMOP_nr_vcpus] = {op_nr_vcpus, true},
};

static long perform(struct domain *d, const struct xen_dm_op_buf *buf)
{
	struct xen_dm_op op = {0};
	size_t size = min((size_t)buf->size, sizeof(op));
	long rc;

	if (size < offsetof(struct xen_dm_op, u))
		return -EFAULT;
	if (guest_read(&op, handle_gva(buf->h), size))
		return -EFAULT;
	if (op.pad)
		return -EINVAL;
	if (op.op >= ARRAY_SIZE(rows) || !rows[op.op].fn)
		return -EOPNOTSUPP;
	rc = rows[op.op].fn(d, &op);
	if (!rc && rows[op.op].copy_back && guest_write(handle_gva(buf->h), &op, size))
		rc = -EFAULT;
	return rc;
}

long hypercall_dm_op(struct hypercall *hc)
{
	uint32_t nr = (uint32_t)hc->arg[1];
	struct xen_dm_op_buf buf;
	struct domain *d;
	long rc;

	if (nr > MAX_BUFS)
		return -E2BIG;
	if (!nr)
		return 0; /* the tools' probe for the call itself */
	if (guest_read_ptr(&buf, hc->arg[2]))
		return -EFAULT;
	rc = domain_resolve(hc->v->domain, (domid_t)hc->arg[0], &d);
	if (rc)
		return rc;
	domain_guard(d);
	return d == hc->v->domain || READ_ONCE(d->dying) ? -EINVAL : perform(d, &buf);
}
