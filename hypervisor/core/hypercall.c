// SPDX-License-Identifier: Apache-2.0
#include "core/hypercall.h"

#include "arch/x86/cpu/irq.h"
#include "core/softirq.h"

hypercall_fn *hypercall_dispatch;

bool preempt_check(void)
{
	irq_window();
	return softirq_pending();
}
