/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/hypercall.h"
#include "core/vcpu.h"

/** Install the dispatcher and the VIRQ hooks of console and domains. Boot CPU, before any guest.
 * @cmdline: the hypervisor's own, kept by pointer, for XENVER_commandline. */
void hypercall_init(const char *cmdline);

/** Name of call number @nr, NULL when there is none. */
const char *hypercall_name(unsigned int nr);

/* The calls, one file each; the table is in table.c. */
long hypercall_console_io(struct hypercall *hc);
long hypercall_dm_op(struct hypercall *hc);
long hypercall_domctl(struct hypercall *hc);
long hypercall_hvm_op(struct hypercall *hc);
long hypercall_memory_op(struct hypercall *hc);
long hypercall_multicall(struct hypercall *hc);
long hypercall_physdev_op(struct hypercall *hc);
long hypercall_platform_op(struct hypercall *hc);
long hypercall_sched_op(struct hypercall *hc);
long hypercall_set_timer_op(struct hypercall *hc);
long hypercall_sysctl(struct hypercall *hc);
long hypercall_vcpu_op(struct hypercall *hc);
long hypercall_vm_assist(struct hypercall *hc);
long hypercall_xen_version(struct hypercall *hc);

/** What XENVER_commandline answers. */
void version_set_commandline(const char *cmdline);
