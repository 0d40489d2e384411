// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_memory_op: the table, and the questions. */
#include "hypercall/memory_op.h"

#include "hypercall/hypercall.h"
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

static long op_maximum_ram_page(struct hypercall *hc __unused)
{
	return (long)(frames_end() - 1);
}

static long op_current_reservation(struct hypercall *hc)
{
	return (long)READ_ONCE(hc->d->tot_pages);
}

static long op_maximum_reservation(struct hypercall *hc)
{
	return (long)min(READ_ONCE(hc->d->max_pages), (uint64_t)INT64_MAX);
}

/* ---- the memory map ---- */

static long op_memory_map(struct hypercall *hc)
{
	struct xen_memory_map *op = hc->op;
	struct domain *d = hc->v->domain;
	struct e820_wire buf[E820_MAX];
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

static long op_set_memory_map(struct hypercall *hc)
{
	const struct xen_memory_map *map = &((struct xen_foreign_memory_map *)hc->op)->map;
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
	spin_lock(&hc->d->lock);
	old = hc->d->e820;
	hc->d->e820 = new;
	hc->d->nr_e820 = map->nr_entries;
	spin_unlock(&hc->d->lock);
	xfree(old);
	return 0;
}

/* ---- what is not done here has a fixed answer ---- */

/* Populate on demand: no domain has any, and a target is a wish the balloon driver fulfils. */
static long op_pod_target(struct hypercall *hc)
{
	struct xen_pod_target *op = hc->op;

	op->tot_pages = READ_ONCE(hc->d->tot_pages);
	op->pod_cache_pages = 0;
	op->pod_entries = 0;
	return 0;
}

static long op_no_pages(struct hypercall *hc __unused)
{
	return 0; /* pages saved by sharing between domains */
}

static long op_not_for_translated(struct hypercall *hc __unused)
{
	return -EOPNOTSUPP;
}

static long op_reserved_device_memory(struct hypercall *hc)
{
	((struct xen_reserved_device_memory_map *)hc->op)->nr_entries = 0;
	return 0;
}

#define ON_DOMAIN(fn, arg, how) OP_ON(fn, struct arg, domid, how)

static const struct op_row rows[MEMORY_OP_NR] = {
	[XENMEM_decrease_reservation] =
		ON_DOMAIN(memory_decrease_reservation, xen_memory_reservation, 0),
	[XENMEM_maximum_ram_page] = {op_maximum_ram_page},
	[XENMEM_current_reservation] = ON_DOMAIN(op_current_reservation, xen_memory_domain, 0),
	[XENMEM_maximum_reservation] = ON_DOMAIN(op_maximum_reservation, xen_memory_domain, 0),
	[XENMEM_populate_physmap] = ON_DOMAIN(memory_populate_physmap, xen_memory_reservation, 0),
	[XENMEM_add_to_physmap] = ON_DOMAIN(memory_add_to_physmap, xen_add_to_physmap, 0),
	[XENMEM_memory_map] = OP(op_memory_map, struct xen_memory_map, OP_BACK),
	[XENMEM_exchange] = {op_not_for_translated},
	[XENMEM_set_memory_map] =
		ON_DOMAIN(op_set_memory_map, xen_foreign_memory_map, OP_HWDOM | OP_NOT_SELF),
	[XENMEM_remove_from_physmap] =
		ON_DOMAIN(memory_remove_from_physmap, xen_remove_from_physmap, 0),
	[XENMEM_set_pod_target] = ON_DOMAIN(op_pod_target, xen_pod_target, OP_HWDOM),
	[XENMEM_get_pod_target] = ON_DOMAIN(op_pod_target, xen_pod_target, OP_HWDOM | OP_BACK),
	[XENMEM_get_sharing_freed_pages] = {op_no_pages},
	[XENMEM_get_sharing_shared_pages] = {op_no_pages},
	[XENMEM_add_to_physmap_batch] =
		ON_DOMAIN(memory_add_to_physmap_batch, xen_add_to_physmap_batch, 0),
	[XENMEM_claim_pages] = ON_DOMAIN(memory_claim_pages, xen_memory_reservation, OP_HWDOM),
	[XENMEM_get_vnumainfo] = {op_not_for_translated},
	[XENMEM_reserved_device_memory_map] =
		OP(op_reserved_device_memory, struct xen_reserved_device_memory_map, OP_BACK),
	[XENMEM_acquire_resource] = ON_DOMAIN(memory_acquire_resource, xen_mem_acquire_resource, 0),
};

long hypercall_memory_op(struct hypercall *hc)
{
	return op_run(hc, rows, MEMORY_OP_NR, hc->arg[0] & (MEMORY_OP_NR - 1), hc->arg[1]);
}
