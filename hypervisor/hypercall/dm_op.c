// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_dm_op(domid, nr_bufs, bufs): device models. Ioreq servers come with HVM guests. */
#include "core/op.h"
#include "hypercall/hypercall.h"
#include "vdev/vlapic.h"

#define MAX_BUFS 4

static long op_nr_vcpus(struct hypercall *hc)
{
	((struct xen_dm_op *)hc->op)->u.nr_vcpus.vcpus = hc->d->max_vcpus;
	return 0;
}

static long op_remote_shutdown(struct hypercall *hc)
{
	return domain_shutdown(hc->d, ((struct xen_dm_op *)hc->op)->u.remote_shutdown.reason);
}

static long op_inject_msi(struct hypercall *hc)
{
	const struct xen_dm_op_inject_msi *op = &((struct xen_dm_op *)hc->op)->u.inject_msi;

	if (op->pad)
		return -EINVAL;
	vlapic_deliver_msi(hc->d, op->addr, op->data);
	return 0;
}

/* The size is what is copied back. */
#define ROW(name, how)                                                                            \
	[XEN_DMOP_##                                                                              \
		name] = {.fn = op_##name,                                                         \
			 .size = offsetof(struct xen_dm_op, u) + sizeof(struct xen_dm_op_##name), \
			 .flags = OP_NOT_SELF | OP_ALIVE | (how)}

static const struct op_row rows[] = {
	ROW(inject_msi, 0),
	ROW(remote_shutdown, 0),
	ROW(nr_vcpus, OP_BACK),
};

long hypercall_dm_op(struct hypercall *hc)
{
	uint32_t nr = (uint32_t)hc->arg[1];
	struct xen_dm_op op = {0};
	struct xen_dm_op_buf buf;
	long rc;

	if (nr > MAX_BUFS)
		return -E2BIG;
	if (!nr)
		return 0; /* the tools' probe for the call itself */
	if (guest_read_ptr(&buf, hc->arg[2]))
		return -EFAULT;
	rc = domain_resolve(hc->d, (domid_t)hc->arg[0], &hc->d);
	if (rc)
		return rc;
	domain_guard(hc->d);
	hc->gva = handle_gva(buf.h);
	hc->op = &op;
	if (buf.size < offsetof(struct xen_dm_op, u) ||
	    guest_read(&op, hc->gva, min((size_t)buf.size, sizeof(op))))
		return -EFAULT;
	if (op.pad)
		return -EINVAL;
	if (op.op >= ARRAY_SIZE(rows) || !rows[op.op].fn)
		return -EOPNOTSUPP;
	return buf.size < rows[op.op].size ? -EFAULT : op_perform(hc, &rows[op.op]);
}
