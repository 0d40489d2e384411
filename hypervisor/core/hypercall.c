// SPDX-License-Identifier: Apache-2.0
#include "core/hypercall.h"

#include "arch/x86/cpu/irq.h"
#include "core/softirq.h"

long (*hypercall_dispatch)(struct hypercall *hc);

bool preempt_check(void)
{
	irq_window();
	return softirq_pending();
}
