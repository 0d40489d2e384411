/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/hypercall.h"
#include "core/vcpu.h"

/** Set up what the calls need. Boot CPU, before any guest. */
void hypercall_init(void);

/** Name of call number @nr, NULL when there is none. */
const char *hypercall_name(unsigned int nr);

/* The calls, one file each; the table is in table.c. */
hypercall_fn hypercall_console_io, hypercall_dm_op, hypercall_domctl, hypercall_hvm_op,
	hypercall_memory_op, hypercall_multicall, hypercall_physdev_op, hypercall_platform_op,
	hypercall_sched_op, hypercall_set_timer_op, hypercall_sysctl, hypercall_vcpu_op,
	hypercall_vm_assist, hypercall_xen_version;
