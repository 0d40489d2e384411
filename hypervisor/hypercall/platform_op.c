// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_platform_op: the host's clock and CPUs, for the hardware domain. */
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "core/guest.h"
#include "core/wallclock.h"
#include "hypercall/hypercall.h"
#include "lib/errno.h"

#define NS_PER_S 1000000000u

static long set_time(uint64_t sec, uint32_t nsec, uint64_t system_time)
{
	if (nsec >= NS_PER_S || system_time > now_ns())
		return -EINVAL;
	wallclock_set(sec, nsec, system_time);
	return 0;
}

static long op_settime32(struct xen_platform_op *op)
{
	return set_time(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
}

static long op_settime64(struct xen_platform_op *op)
{
	if (op->u.settime64.mbz)
		return -EINVAL;
	return set_time(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
}

static long op_get_cpuinfo(struct xen_platform_op *op)
{
	struct xenpf_pcpuinfo *info = &op->u.pcpu_info;
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
static const struct {
	long (*fn)(struct xen_platform_op *op);
	bool copy_back;
} rows[] = {
	[XENPF_settime32] = {op_settime32, false},
	[XENPF_settime64] = {op_settime64, false},
	[XENPF_get_cpuinfo] = {op_get_cpuinfo, true},
};

long hypercall_platform_op(struct hypercall *hc)
{
	struct xen_platform_op op;
	long rc;

	if (guest_read_ptr(&op, hc->arg[0]))
		return -EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd >= ARRAY_SIZE(rows) || !rows[op.cmd].fn)
		return -ENOSYS;
	rc = rows[op.cmd].fn(&op);
	if (!rc && rows[op.cmd].copy_back && guest_write_ptr(hc->arg[0], &op))
		rc = -EFAULT;
	return rc;
}
