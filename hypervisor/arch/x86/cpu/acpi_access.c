/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/acpi.h"

#include "arch/x86/boot/boot_info.h"
#include "arch/x86/mm/map.h"

static bool in_direct_map(paddr_t pa, size_t size)
{
	for_each_e820(&boot_info, e) {
		if (e->type != E820_RAM && e->type != E820_ACPI && e->type != E820_NVS)
			continue;
		if (pa >= e->addr && size <= e->size && pa - e->addr <= e->size - size)
			return true;
	}
	return false;
}

const void *acpi_access(paddr_t pa, size_t size)
{
	if (in_direct_map(pa, size))
		return phys_to_virt(pa);
	return firmware_map(pa, size);
}
