// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_platform_op and physdev_op: what the hardware domain tells and asks about the host. */
#include "arch/x86/cpu/clock.h"
#include "core/op.h"
#include "core/wallclock.h"
#include "hypercall/hypercall.h"

static long set_time(uint64_t sec, uint32_t nsec, uint64_t system_time)
{
	if (nsec >= NS_PER_S || system_time > now_ns())
		return -EINVAL;
	wallclock_set(sec, nsec, system_time);
	return 0;
}

static long op_settime32(struct hypercall *hc)
{
	const struct xenpf_settime32 *op = &hc->platform->u.settime32;

	return set_time(op->secs, op->nsecs, op->system_time);
}

static long op_settime64(struct hypercall *hc)
{
	const struct xenpf_settime64 *op = &hc->platform->u.settime64;

	return op->mbz ? -EINVAL : set_time(op->secs, op->nsecs, op->system_time);
}

static long op_get_cpuinfo(struct hypercall *hc)
{
	struct xenpf_pcpuinfo *info = &hc->platform->u.pcpu_info;
	const struct cpu *c;

	info->max_present = nr_cpus - 1;
	info->flags = XEN_PCPU_FLAGS_INVALID;
	if (info->xen_cpuid >= nr_cpus)
		return 0;
	c = cpu_by_id(info->xen_cpuid);
	info->flags = c->online ? XEN_PCPU_FLAGS_ONLINE : 0;
	info->apic_id = c->apic_id;
	info->acpi_id = c->acpi_id;
	return 0;
}

/* Firmware information, console geometry, ACPI power states and microcode are not here: -ENOSYS. */
#define ROW(fn, how) OP(fn, struct xen_platform_op, how)

static const struct op_row rows[] = {
	[XENPF_settime32] = ROW(op_settime32, 0),
	[XENPF_settime64] = ROW(op_settime64, 0),
	[XENPF_get_cpuinfo] = ROW(op_get_cpuinfo, OP_BACK),
};

long hypercall_platform_op(struct hypercall *hc)
{
	return op_run_versioned(hc, rows, ARRAY_SIZE(rows), sizeof(struct xen_platform_op),
				XENPF_INTERFACE_VERSION);
}

/* ---- PCI ---- */

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
