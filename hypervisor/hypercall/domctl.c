// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_domctl, interface version 0x15: one row per operation (public domctl.h). */
#include "hypercall/domctl.h"

#include "abi/domus.h"
#include "core/guest.h"
#include "lib/errno.h"

static_assert(XEN_DOMCTL_INTERFACE_VERSION == 0x15, "the version of Xen 4.17");
static_assert(sizeof(((struct xen_domctl *)0)->u) == 128, "copied whole");

enum {
	COPY_BACK = 1, /* the structure carries an answer */
	NO_DOMAIN = 2, /* the row finds its domain itself */
	NOT_SELF = 4,  /* the caller can't do this to its own domain */
	DYING = 8,     /* also on a domain being destroyed */
};

struct domctl_row {
	long (*fn)(struct domctl_call *c);
	unsigned int flags;
};

/* What is not here (PV, passthrough, memory events, migration) is -ENOSYS. */
static const struct domctl_row rows[] = {
	[XEN_DOMCTL_createdomain] = {domctl_createdomain, COPY_BACK | NO_DOMAIN},
	[XEN_DOMCTL_destroydomain] = {domctl_destroydomain, NOT_SELF | DYING},
	[XEN_DOMCTL_pausedomain] = {domctl_pausedomain, NOT_SELF | DYING},
	[XEN_DOMCTL_unpausedomain] = {domctl_unpausedomain, NOT_SELF},
	[XEN_DOMCTL_getdomaininfo] = {domctl_getdomaininfo, COPY_BACK | NO_DOMAIN},
	[XEN_DOMCTL_setvcpuaffinity] = {domctl_setvcpuaffinity, COPY_BACK},
	[XEN_DOMCTL_max_mem] = {domctl_max_mem, 0},
	[XEN_DOMCTL_getvcpucontext] = {domctl_getvcpucontext, NOT_SELF},
	[XEN_DOMCTL_getvcpuinfo] = {domctl_getvcpuinfo, COPY_BACK | DYING},
	[XEN_DOMCTL_max_vcpus] = {domctl_max_vcpus, NOT_SELF},
	[XEN_DOMCTL_scheduler_op] = {domctl_scheduler_op, COPY_BACK},
	[XEN_DOMCTL_setdomainhandle] = {domctl_setdomainhandle, 0},
	[XEN_DOMCTL_settimeoffset] = {domctl_settimeoffset, 0},
	[XEN_DOMCTL_getvcpuaffinity] = {domctl_getvcpuaffinity, COPY_BACK | DYING},
	[XEN_DOMCTL_resumedomain] = {domctl_resumedomain, NOT_SELF},
	[XEN_DOMCTL_sendtrigger] = {domctl_sendtrigger, 0},
	[XEN_DOMCTL_gethvmcontext] = {domctl_gethvmcontext, COPY_BACK | NOT_SELF},
	[XEN_DOMCTL_sethvmcontext] = {domctl_sethvmcontext, NOT_SELF},
	[XEN_DOMCTL_get_address_size] = {domctl_get_address_size, COPY_BACK},
	[XEN_DOMCTL_gethvmcontext_partial] = {domctl_gethvmcontext_partial, COPY_BACK | NOT_SELF},
	[XEN_DOMCTL_gettscinfo] = {domctl_gettscinfo, COPY_BACK},
	[XEN_DOMCTL_settscinfo] = {domctl_settscinfo, NOT_SELF},
	[XEN_DOMCTL_setnodeaffinity] = {domctl_setnodeaffinity, 0},
	[XEN_DOMCTL_getnodeaffinity] = {domctl_getnodeaffinity, COPY_BACK | DYING},
	[XEN_DOMCTL_get_cpu_policy] = {domctl_get_cpu_policy, COPY_BACK},
	[XEN_DOMCTL_set_cpu_policy] = {domctl_set_cpu_policy, COPY_BACK | NOT_SELF},
	[XEN_DOMCTL_get_paging_mempool_size] = {domctl_get_paging_mempool, COPY_BACK},
	[XEN_DOMCTL_set_paging_mempool_size] = {domctl_set_paging_mempool, NOT_SELF},
};

/* Numbered apart from all others: the debugger's, and our own. */
static const struct domctl_row guestmemio_row = {domctl_guestmemio, COPY_BACK | NOT_SELF};
static const struct domctl_row counters_row = {domctl_counters, COPY_BACK | DYING};
static const struct domctl_row crash_reason_row = {domctl_crash_reason, COPY_BACK | DYING};

static const struct domctl_row *find_row(uint32_t cmd)
{
	switch (cmd) {
	case XEN_DOMCTL_gdbsx_guestmemio: return &guestmemio_row;
	case DOMUS_DOMCTL_counters: return &counters_row;
	case DOMUS_DOMCTL_crash_reason: return &crash_reason_row;
	default: return cmd < ARRAY_SIZE(rows) && rows[cmd].fn ? &rows[cmd] : NULL;
	}
}

/* Find the domain the call names and see that the row allows it. Return: 0 with a reference. */
static int find_domain(const struct domctl_row *row, struct domctl_call *c)
{
	struct domain *self = c->hc->v->domain;
	int rc;

	if (row->flags & NO_DOMAIN)
		return 0;
	rc = domain_resolve(self, c->op->domain, &c->d);
	if (rc)
		return rc;
	if (((row->flags & NOT_SELF) && c->d == self) ||
	    (!(row->flags & DYING) && READ_ONCE(c->d->dying))) {
		domain_put(c->d);
		return -EINVAL;
	}
	return 0;
}

long hypercall_domctl(struct hypercall *hc)
{
	const struct domctl_row *row;
	struct xen_domctl op;
	struct domctl_call c = {.hc = hc, .op = &op};
	long rc;

	if (guest_read_ptr(&op, hc->arg[0]))
		return -EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -EACCES;
	row = find_row(op.cmd);
	if (!row)
		return -ENOSYS;
	rc = find_domain(row, &c);
	if (rc)
		return rc;
	rc = row->fn(&c);
	if (rc >= 0 && (row->flags & COPY_BACK) && guest_write_ptr(hc->arg[0], &op))
		rc = -EFAULT;
	if (c.d)
		domain_put(c.d);
	return rc;
}
