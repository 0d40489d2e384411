/*
 * Grants of frames that are not this guest's memory, mapped and copied by itself; every grant of the
 * domains before it; copies between frames that are none; and its memory map torn up, with the frames
 * it has given away granted; one page shown in more places than there may be page tables for.
 */
#include "lib/lib.h"

#include <xen/grant_table.h>
#include <xen/memory.h>

static grant_entry_v1_t table[512] __attribute__((aligned(4096)));
static uint8_t page[4096] __attribute__((aligned(4096)));
static uint64_t mapped, copied, taken, added;

/* Nothing, local and I/O APIC, beyond memory, and no frame at all. */
static const uint32_t bad[] = {0x50000, 0xfee00, 0xfec00, 0x100000, 0x80000000, ~0u};

/* Memory of its own that nothing is in. */
#define FREE_FIRST 0x800
#define FREE_END   0xc00
#define SCATTER    20000 /* places */

#define GOOD 15
#define BAD  (sizeof(bad) / sizeof(bad[0]))

/* This domain's number, as the other end of a channel to itself. */
static uint16_t own_id(void)
{
	struct evtchn_alloc_unbound make = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
	struct evtchn_status status = {.dom = DOMID_SELF};

	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &make);
	bind.remote_port = make.port;
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &bind);
	status.port = bind.local_port;
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &status);
	return status.u.interdomain.dom;
}

/* Copies what a reference grants. Return: its status. */
static int16_t copy_from(uint32_t dom, uint32_t ref)
{
	struct gnttab_copy copy = {
		.source = {.u.ref = ref, .domid = (domid_t)dom},
		.dest = {.u.gmfn = (uintptr_t)page >> 12, .domid = DOMID_SELF},
		.len = 4096,
		.flags = GNTCOPY_source_gref,
	};

	call3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)&copy, 1);
	return copy.status;
}

static void grants(uint16_t self)
{
	/* One that is in order, to tell that the others are refused for what they are. */
	table[GOOD] = (grant_entry_v1_t){GTF_permit_access, self, IMAGE >> 12};
	say_number("good grants copied", !copy_from(self, GOOD));
	table[GOOD].flags = 0;
	for (unsigned int i = 0; i < BAD; i++) {
		table[16 + i].frame = bad[i];
		table[16 + i].domid = self;
		table[16 + i].flags = GTF_permit_access;
	}
	for (uint32_t dom = 0; dom <= self; dom++)
		for (uint32_t ref = 0; ref < 64; ref++) {
			struct gnttab_map_grant_ref map = {
				.host_addr = 0x40000000 + (uint64_t)ref * 4096,
				.flags = GNTMAP_host_map,
				.ref = ref,
				.dom = (domid_t)dom,
			};
			struct gnttab_unmap_grant_ref unmap = {.host_addr = map.host_addr};

			copied += !copy_from(dom, ref);
			call3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (uintptr_t)&map,
			      1);
			mapped += !map.status;
			unmap.handle = map.status ? ref : map.handle;
			call3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
			      (uintptr_t)&unmap, 1);
		}
}

/* By frame, not by grant, and about and beyond the ends of pages. */
static uint64_t copies(void)
{
	uint64_t done = 0;

	for (unsigned int i = 0; i < BAD; i++)
		for (uint32_t len = 1; len <= 0x10000; len *= 16) {
			struct gnttab_copy copy = {
				.source = {.u.gmfn = bad[i], .domid = DOMID_SELF},
				.dest = {.u.gmfn = (uintptr_t)page >> 12, .domid = DOMID_SELF},
				.len = (uint16_t)len,
			};

			copy.source.offset = (uint16_t)(len & 1 ? 0xfff : 0);
			copy.dest.offset = (uint16_t)(len & 16 ? 0xffff : 0);
			call3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)&copy, 1);
			done += !copy.status && copy.len;
			copy.source.u.gmfn = copy.dest.u.gmfn;
			copy.source.domid = 0;
			call3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)&copy, 1);
			done += !copy.status;
		}
	return done;
}

static void take(uint64_t gfn, uint32_t order)
{
	xen_pfn_t frame = gfn;
	struct xen_memory_reservation op = {
		.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF};

	set_xen_guest_handle(op.extent_start, &frame);
	taken += call_op(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &op) == 1;
}

static void add(uint32_t space, uint64_t idx, uint64_t gfn)
{
	struct xen_add_to_physmap op = {
		.domid = DOMID_SELF, .space = (uint16_t)space, .idx = idx, .gpfn = gfn};

	added += !call_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &op);
}

/* Its own frames given back, and replaced by pages that can be in one place only. */
static void memory_map(void)
{
	for (uint64_t gfn = FREE_FIRST; gfn < FREE_END; gfn++) {
		if (gfn & 1)
			take(gfn, 0);
		else
			add(gfn & 2 ? XENMAPSPACE_shared_info : XENMAPSPACE_gmfn,
			    gfn & 2 ? gfn & 7 : gfn + 2, gfn);
	}
	for (unsigned int i = 0; i < BAD; i++) {
		for (uint32_t order = 0; order < 64; order += 9)
			take(bad[i], order);
		for (uint32_t space = 0; space < 8; space++)
			add(space, bad[(i + space) % BAD], bad[i]);
	}
}

/* One page shown at places that are 1 GiB apart, each of which takes two page tables: until it is refused. */
static uint64_t scattered(void)
{
	uint64_t before = added, n = 0;

	while (n < SCATTER && added == before + n)
		add(XENMAPSPACE_shared_info, 0, ++n << 18);
	return added - before;
}

/* What was its own until it gave it away. */
static uint64_t freed_grants(uint16_t self)
{
	uint64_t done = 0;

	for (uint32_t gfn = FREE_FIRST + 1; gfn < FREE_END; gfn += 2) {
		table[GOOD] = (grant_entry_v1_t){GTF_permit_access, self, gfn};
		done += !copy_from(self, GOOD);
	}
	return done;
}

void guest_main(void *start_info)
{
	struct xen_add_to_physmap op = {.domid = DOMID_SELF,
					.space = XENMAPSPACE_grant_table,
					.gpfn = (uintptr_t)table >> 12};

	guest_setup(start_info);
	say_number("domain", own_id());
	call_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &op);
	grants(own_id());
	say_number("foreign or bad grants mapped", mapped);
	say_number("foreign or bad grants copied", copied);
	say_number("bad copies", copies());
	memory_map();
	say_number("frames given away", taken);
	say_number("pages added", added);
	say_number("pages scattered", scattered());
	say_number("freed grants copied", freed_grants(own_id()));
	finish();
}
