/* SPDX-License-Identifier: Apache-2.0 */
#include "core/panic.h"

#include "abi/xen.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/reset.h"
#include "arch/x86/cpu/smp.h"
#include "arch/x86/cpu/traps.h"
#include "core/console.h"
#include "lib/cmdline.h"

#define DEFAULT_DELAY 5u

static uint64_t reboot_delay = DEFAULT_DELAY; /* seconds, 0: stay */
static uint32_t panicking;

void panic_configure(const char *cmdline)
{
	reboot_delay = cmdline_number(cmdline, "reboot", DEFAULT_DELAY);
}

/* A panic inside a panic says so and stops: nothing can be trusted any more. */
static void enter(void)
{
	irq_disable();
	console_force();
	if (!__atomic_fetch_add(&panicking, 1, __ATOMIC_SEQ_CST)) {
		smp_stop_others();
		printk(LOG_ERR "*** PANIC ***\n");
		return;
	}
	printk(LOG_ERR "panic while in panic\n");
	for (;;)
		cpu_stop();
}

static void __noreturn leave(uint64_t rip, uint64_t rbp)
{
	backtrace_print(rip, rbp);
	if (!reboot_delay) {
		printk(LOG_ERR "halted\n");
		machine_halt();
	}
	printk(LOG_ERR "reset in %lu seconds\n", reboot_delay);
	delay_ns(reboot_delay * NS_PER_S);
	machine_reboot();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	enter();
	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
	leave((uintptr_t)__builtin_return_address(0) - 1,
	      *(const uint64_t *)__builtin_frame_address(0));
}

void trap_fatal(const struct regs *regs, const char *name)
{
	enter();
	printk(LOG_ERR "%s on CPU %u\n", name, cpu_id());
	regs_print(regs);
	leave(regs->rip, regs->rbp);
}

void bug_at(const char *file, int line, const char *what)
{
	panic(LOG_ERR "BUG at %s:%d: %s\n", file, line, what);
}

void machine_shutdown_by_hwdom(uint8_t code)
{
	switch (code) {
	case SHUTDOWN_poweroff: printk("Domain 0 halted: stopping the machine\n"); machine_halt();
	case SHUTDOWN_reboot:
		printk("Domain 0 rebooted: restarting the machine\n");
		machine_reboot();
	default: panic("Domain 0 crashed (shutdown code %u)", code);
	}
}
