// SPDX-License-Identifier: Apache-2.0
#include "core/machine.h"

#include "abi/xen.h"
#include "arch/x86/cpu/reset.h"
#include "arch/x86/cpu/smp.h"
#include "core/console.h"
#include "core/panic.h"

void machine_shutdown_by_hwdom(uint8_t code)
{
	switch (code) {
	case SHUTDOWN_poweroff:
		printk("Domain 0 halted: stopping the machine\n");
		smp_stop_others();
		machine_halt();
	case SHUTDOWN_reboot:
		printk("Domain 0 rebooted: restarting the machine\n");
		smp_stop_others();
		machine_reboot();
	default: panic("Domain 0 crashed (shutdown code %u)", code);
	}
}
