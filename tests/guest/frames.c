/*
 * Grants of frames that are not this guest's: unmapped, MMIO, hypervisor's and its own special ones, mapped
 * and copied by itself; and every grant of its neighbours.
 */
#include "lib/lib.h"

#include <xen/grant_table.h>
#include <xen/memory.h>

static grant_entry_v1_t table[512] __attribute__((aligned(4096)));
static uint8_t page[4096] __attribute__((aligned(4096)));
static uint64_t mapped, copied;

static const uint64_t bad[] = {0x50000,    0xfee00,     0xfec00,    0xfeffc,    0xfefff,
			       0xfffff,    0x100000,    0x80000000, 1ull << 36, 1ull << 40,
			       1ull << 52, ~0ull >> 12, ~0ull,      0x300};

#define BAD (sizeof(bad) / sizeof(bad[0]))

static void grants(void)
{
	for (unsigned int i = 0; i < BAD; i++) {
		table[16 + i].frame = (uint32_t)bad[i];
		table[16 + i].domid = DOMID_SELF;
		table[16 + i].flags = GTF_permit_access;
	}
	for (uint32_t dom = 0; dom < 40; dom++)
		for (uint32_t ref = 0; ref < 64; ref++) {
			uint16_t id = (uint16_t)(dom == 39 ? DOMID_SELF : dom);
			struct gnttab_map_grant_ref map = {
				.host_addr = 0x40000000 + (uint64_t)ref * 4096,
				.flags = GNTMAP_host_map,
				.ref = ref,
				.dom = id,
			};
			struct gnttab_copy copy = {
				.source = {.u.ref = ref, .domid = id},
				.dest = {.u.gmfn = (uintptr_t)page >> 12, .domid = DOMID_SELF},
				.len = 4096,
				.flags = GNTCOPY_source_gref,
			};
			struct gnttab_unmap_grant_ref unmap = {.host_addr = map.host_addr};

			call3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)&copy, 1);
			copied += !copy.status;
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
	call_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &op);
	grants();
	say_number("foreign or bad grants mapped", mapped);
	say_number("foreign or bad grants copied", copied);
	finish();
}
