// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_physdev_op: what the hardware domain tells about PCI. */
#include "hypercall/hypercall.h"
#include "lib/errno.h"

/*
 * Domain 0 owns all hardware and drives it itself, so announcements need no action. Nothing is
 * known by the size of their structures but that the guest has them: the rest is -ENOSYS, which keeps
 * Linux on its native IO-APIC and MSI paths.
 */
static const uint8_t sizes[] = {
	[PHYSDEVOP_pci_mmcfg_reserved] = sizeof(struct physdev_pci_mmcfg_reserved),
	[PHYSDEVOP_pci_device_add] = offsetof(struct physdev_pci_device_add, optarr),
	[PHYSDEVOP_pci_device_remove] = sizeof(struct physdev_pci_device),
};

long hypercall_physdev_op(struct hypercall *hc)
{
	uint32_t cmd = (uint32_t)hc->arg[0];
	uint8_t buf[32];

	if (cmd >= ARRAY_SIZE(sizes) || !sizes[cmd])
		return -ENOSYS;
	return guest_read(buf, hc->arg[1], sizes[cmd]) ? -EFAULT : 0;
}
