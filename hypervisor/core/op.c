// SPDX-License-Identifier: Apache-2.0
#include "core/op.h"

#include "core/vcpu.h"
#include "lib/string.h"

#define MAX_ARGUMENT 256 /* bytes: more than op_row.size can say */

long op_perform(struct hypercall *hc, const struct op_row *row)
{
	struct domain *self = hc->v->domain;
	domid_t id;
	long rc;

	if (row->domid) {
		memcpy(&id, (const char *)hc->op + row->domid - 1, sizeof(id));
		rc = domain_resolve(self, id, &hc->d);
		if (rc)
			return rc;
	}
	if (((row->flags & OP_NOT_SELF) && hc->d == self) ||
	    ((row->flags & OP_ALIVE) && READ_ONCE(hc->d->dying))) {
		rc = -EINVAL;
	} else {
		if (row->flags & OP_PAUSED)
			domain_pause(hc->d);
		rc = row->fn(hc);
		if (row->flags & OP_PAUSED)
			domain_unpause(hc->d);
	}
	if (row->domid)
		domain_put(hc->d);
	if ((row->flags & OP_BACK) && (rc >= 0 || rc == -ENOBUFS) &&
	    guest_write(hc->gva, hc->op, row->size))
		rc = -EFAULT;
	return rc;
}

long op_copy_perform(struct hypercall *hc, const struct op_row *row)
{
	uint64_t argument[MAX_ARGUMENT / sizeof(uint64_t)];

	if (unlikely(row->flags & OP_HWDOM) && !hc->v->domain->is_hwdom)
		return -EPERM;
	if (guest_read(argument, hc->gva, row->size))
		return -EFAULT;
	hc->op = argument;
	return row->domid | row->flags ? op_perform(hc, row) : row->fn(hc);
}

/* Rows for numbers far from the others stand behind these. */
static const struct op_row *find_row(const struct op_row *rows, size_t nr, uint32_t cmd)
{
	if (cmd < nr && !rows[cmd].cmd)
		return &rows[cmd];
	while (nr-- && rows[nr].cmd)
		if (rows[nr].cmd == cmd)
			return &rows[nr];
	return NULL;
}

long op_run_versioned(struct hypercall *hc, const struct op_row *rows, size_t nr, size_t size,
		      uint32_t version)
{
	union {
		struct {
			uint32_t cmd, version;
		} head;
		uint8_t whole[MAX_ARGUMENT];
	} op;
	const struct op_row *row;

	BUG_ON(size > sizeof(op));
	hc->gva = hc->arg[0];
	hc->op = &op;
	if (guest_read(&op, hc->gva, size))
		return -EFAULT;
	if (op.head.version != version)
		return -EACCES;
	row = find_row(rows, nr, op.head.cmd);
	return row && row->fn ? op_perform(hc, row) : -ENOSYS;
}
