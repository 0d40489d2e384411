// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_memory_op: the table, and the questions. */
#include "hypercall/memory_op.h"

#include "core/guest.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define E820_MAX 128

/* An entry as BIOS INT 15h, AX=E820h gives it. */
struct e820_wire {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
} __packed;

static_assert(sizeof(struct e820_wire) == 20, "guest ABI");

static long op_maximum_ram_page(struct memory_call *c)
{
	(void)c;
	return (long)(frames_end() - 1);
}

static long reservation(const struct memory_call *c, const uint64_t *(*field)(struct domain *d))
{
	struct xen_memory_domain op;
	struct domain *d;
	long rc;

	if (guest_read_ptr(&op, c->gva))
		return -EFAULT;
	rc = domain_resolve(c->caller, op.domid, &d);
	if (rc)
		return rc;
	rc = (long)(min(__atomic_load_n(field(d), __ATOMIC_RELAXED), (uint64_t)INT64_MAX));
	domain_put(d);
	return rc;
}

static const uint64_t *tot_pages(struct domain *d)
{
	return &d->tot_pages;
}

static const uint64_t *max_pages(struct domain *d)
{
	return &d->max_pages;
}

static long op_current_reservation(struct memory_call *c)
{
	return reservation(c, tot_pages);
}

static long op_maximum_reservation(struct memory_call *c)
{
	return reservation(c, max_pages);
}

/* ---- the memory map ---- */

static long put_map(struct domain *d, struct xen_memory_map *op, struct e820_wire *buf)
{
	uint64_t gva = handle_gva(op->buffer);
	unsigned int nr;

	spin_lock(&d->lock);
	nr = min(d->nr_e820, (unsigned int)E820_MAX);
	for (unsigned int i = 0; i < nr; i++)
		buf[i] = (struct e820_wire){d->e820[i].addr, d->e820[i].size, d->e820[i].type};
	spin_unlock(&d->lock);
	if (!nr)
		return -ENOSYS;
	if (gva && op->nr_entries < nr)
		return -ENOBUFS;
	op->nr_entries = nr;
	return gva && guest_write(gva, buf, nr * sizeof(buf[0])) ? -EFAULT : 0;
}

static long op_memory_map(struct memory_call *c)
{
	struct e820_wire buf[E820_MAX];
	struct xen_memory_map op;
	long rc;

	if (guest_read_ptr(&op, c->gva))
		return -EFAULT;
	rc = put_map(c->caller, &op, buf);
	if (!rc && guest_write_ptr(c->gva, &op))
		rc = -EFAULT;
	return rc;
}

static long set_map(struct domain *d, const struct xen_memory_map *map)
{
	struct e820_wire buf[E820_MAX];
	struct e820_range *new, *old;

	if (map->nr_entries > E820_MAX)
		return -E2BIG;
	if (guest_read(buf, handle_gva(map->buffer), map->nr_entries * sizeof(buf[0])))
		return -EFAULT;
	new = xcalloc(max(map->nr_entries, 1u), sizeof(*new));
	if (!new)
		return -ENOMEM;
	for (unsigned int i = 0; i < map->nr_entries; i++)
		new[i] = (struct e820_range){buf[i].addr, buf[i].size, buf[i].type};
	spin_lock(&d->lock);
	old = d->e820;
	d->e820 = new;
	d->nr_e820 = map->nr_entries;
	spin_unlock(&d->lock);
	xfree(old);
	return 0;
}

static long op_set_memory_map(struct memory_call *c)
{
	struct xen_foreign_memory_map op;
	struct domain *d;
	long rc;

	if (!c->caller->is_hwdom)
		return -EPERM;
	if (guest_read_ptr(&op, c->gva))
		return -EFAULT;
	rc = domain_resolve(c->caller, op.domid, &d);
	if (rc)
		return rc;
	rc = d == c->caller ? -EINVAL : set_map(d, &op.map);
	domain_put(d);
	return rc;
}

/* ---- what is not done here has a fixed answer ---- */

/* Populate on demand: no domain has any, and a target is a wish the balloon driver fulfils. */
static long pod_target(struct memory_call *c, bool get)
{
	struct xen_pod_target op;
	struct domain *d;
	long rc;

	if (!c->caller->is_hwdom)
		return -EPERM;
	if (guest_read_ptr(&op, c->gva))
		return -EFAULT;
	rc = domain_resolve(c->caller, op.domid, &d);
	if (rc)
		return rc;
	op.tot_pages = __atomic_load_n(&d->tot_pages, __ATOMIC_RELAXED);
	op.pod_cache_pages = 0;
	op.pod_entries = 0;
	domain_put(d);
	return get && guest_write_ptr(c->gva, &op) ? -EFAULT : 0;
}

static long op_set_pod_target(struct memory_call *c)
{
	return pod_target(c, false);
}

static long op_get_pod_target(struct memory_call *c)
{
	return pod_target(c, true);
}

static long op_no_pages(struct memory_call *c)
{
	(void)c;
	return 0; /* pages saved by sharing between domains */
}

static long op_not_for_translated(struct memory_call *c)
{
	(void)c;
	return -EOPNOTSUPP;
}

static long op_reserved_device_memory(struct memory_call *c)
{
	struct xen_reserved_device_memory_map op;

	if (guest_read_ptr(&op, c->gva))
		return -EFAULT;
	op.nr_entries = 0;
	return guest_write_ptr(c->gva, &op) ? -EFAULT : 0;
}

static long (*const rows[MEMORY_OP_NR])(struct memory_call *c) = {
	[XENMEM_decrease_reservation] = memory_decrease_reservation,
	[XENMEM_maximum_ram_page] = op_maximum_ram_page,
	[XENMEM_current_reservation] = op_current_reservation,
	[XENMEM_maximum_reservation] = op_maximum_reservation,
	[XENMEM_populate_physmap] = memory_populate_physmap,
	[XENMEM_add_to_physmap] = memory_add_to_physmap,
	[XENMEM_memory_map] = op_memory_map,
	[XENMEM_exchange] = op_not_for_translated,
	[XENMEM_set_memory_map] = op_set_memory_map,
	[XENMEM_remove_from_physmap] = memory_remove_from_physmap,
	[XENMEM_set_pod_target] = op_set_pod_target,
	[XENMEM_get_pod_target] = op_get_pod_target,
	[XENMEM_get_sharing_freed_pages] = op_no_pages,
	[XENMEM_get_sharing_shared_pages] = op_no_pages,
	[XENMEM_add_to_physmap_batch] = memory_add_to_physmap_batch,
	[XENMEM_claim_pages] = memory_claim_pages,
	[XENMEM_get_vnumainfo] = op_not_for_translated,
	[XENMEM_reserved_device_memory_map] = op_reserved_device_memory,
	[XENMEM_acquire_resource] = memory_acquire_resource,
};

long hypercall_memory_op(struct hypercall *hc)
{
	struct memory_call c = {
		.hc = hc,
		.caller = hc->v->domain,
		.op = hc->arg[0] & (MEMORY_OP_NR - 1),
		.gva = hc->arg[1],
		.start = hc->arg[0] >> MEMORY_OP_BITS,
	};

	return rows[c.op] ? rows[c.op](&c) : -ENOSYS;
}
