/*
 * Grants of frames that are not this guest's memory, mapped and copied by itself; and every grant of
 * the domains before it.
 */
#include "lib/lib.h"

#include <xen/grant_table.h>
#include <xen/memory.h>

static grant_entry_v1_t table[512] __attribute__((aligned(4096)));
static uint8_t page[4096] __attribute__((aligned(4096)));
static uint64_t mapped, copied;

/* Nothing, local and I/O APIC, beyond memory, and no frame at all. */
static const uint32_t bad[] = {0x50000, 0xfee00, 0xfec00, 0x100000, 0x80000000, ~0u};

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
	finish();
}
