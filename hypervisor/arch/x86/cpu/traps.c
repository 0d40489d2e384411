/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/traps.h"

#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/smp.h"
#include "arch/x86/cpu/symbols.h"
#include "lib/printf.h"

#define GATE_INTERRUPT 0x8e /* present, ring 0, interrupts off */
#define ENTRY_SIZE     16
#define MAX_BACKTRACE  32

struct gate {
	uint16_t offset_lo, selector;
	uint8_t ist, type;
	uint16_t offset_mid;
	uint32_t offset_hi, reserved;
};
static_assert(sizeof(struct gate) == 16, "APM vol. 2, 4.8.4");

struct fixup {
	uint64_t fault, resume;
};

extern const char trap_entries[];
extern const struct fixup ex_table_start[], ex_table_end[];
extern const char image_start[], text_end[];

static struct gate idt[256] __aligned(16);

static const char *const names[] = {
	[X86_TRAP_DE] = "divide error",         [X86_TRAP_DB] = "debug",
	[X86_TRAP_BP] = "breakpoint",           [X86_TRAP_OF] = "overflow",
	[X86_TRAP_BR] = "bound range",          [X86_TRAP_UD] = "invalid opcode",
	[X86_TRAP_NM] = "device not available", [X86_TRAP_DF] = "double fault",
	[X86_TRAP_TS] = "invalid TSS",          [X86_TRAP_NP] = "segment not present",
	[X86_TRAP_SS] = "stack fault",          [X86_TRAP_GP] = "general protection",
	[X86_TRAP_PF] = "page fault",           [X86_TRAP_MF] = "x87 error",
	[X86_TRAP_AC] = "alignment check",      [X86_TRAP_MC] = "machine check",
	[X86_TRAP_XM] = "SIMD error",
};

static void set_gate(unsigned int vector, uint8_t ist)
{
	uint64_t entry = (uintptr_t)trap_entries + vector * ENTRY_SIZE;

	idt[vector] = (struct gate){
		.offset_lo = (uint16_t)entry,
		.selector = SEL_CODE,
		.ist = ist,
		.type = GATE_INTERRUPT,
		.offset_mid = (uint16_t)(entry >> 16),
		.offset_hi = (uint32_t)(entry >> 32),
	};
}

void traps_init(void)
{
	for (unsigned int v = 0; v < 256; v++)
		set_gate(v, 0);
	set_gate(X86_TRAP_NMI, IST_NMI);
	set_gate(X86_TRAP_DF, IST_FAULT);
	set_gate(X86_TRAP_MC, IST_FAULT);
}

void traps_load(void)
{
	struct table_register r = {sizeof(idt) - 1, (uintptr_t)idt};

	__asm__ volatile("lidt %0" ::"m"(r));
}

/* An instruction that may fault says in the exception table where to go on. */
static bool fix_up(struct regs *regs)
{
	for (const struct fixup *f = ex_table_start; f < ex_table_end; f++) {
		if (f->fault != regs->rip)
			continue;
		regs->rip = f->resume;
		return true;
	}
	return false;
}

void trap_handle(struct regs *regs)
{
	const char *name = NULL;

	if (regs->vector >= IRQ_GUEST_FIRST) {
		irq_dispatch((uint8_t)regs->vector);
		return;
	}
	if (regs->vector == X86_TRAP_NMI) {
		smp_nmi();
		/* No more than that: any lock may be held. */
		__atomic_fetch_add(&irq_stray_nmis, 1, __ATOMIC_RELAXED);
		return;
	}
	if (fix_up(regs))
		return;
	if (regs->vector < ARRAY_SIZE(names))
		name = names[regs->vector];
	trap_fatal(regs, name ? name : "unknown exception");
}

static void print_address(uint64_t addr)
{
	uint64_t offset;
	const char *name = symbol_find(addr, &offset);

	printk("  %016lx %s+0x%lx\n", addr, name ? name : "?", name ? offset : 0);
}

void regs_print(const struct regs *r)
{
	uint64_t offset;
	const char *name = symbol_find(r->rip, &offset);

	printk("CPU %u vector %lu error %lx cr2 %016lx cr3 %lx cr4 %lx\n", cpu_id(), r->vector,
	       r->error, read_cr2(), read_cr3(), read_cr4());
	printk("rip %04lx:%016lx %s+0x%lx\n", r->cs, r->rip, name ? name : "?", name ? offset : 0);
	printk("rsp %04lx:%016lx rflags %08lx\n", r->ss, r->rsp, r->rflags);
	printk("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printk("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
	printk("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11, r->r12);
	printk("r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
}

void backtrace_print(uint64_t rip, uint64_t rbp)
{
	uint64_t base = (uintptr_t)this_cpu(), end = base + CPU_STACK_SIZE;

	printk("backtrace:\n");
	print_address(rip);
	for (unsigned int i = 0; i < MAX_BACKTRACE; i++) {
		const uint64_t *frame = (const uint64_t *)rbp;

		if (rbp < base || rbp > end - 16 || rbp % 8)
			return;
		rip = frame[1];
		if (rip < (uintptr_t)image_start || rip >= (uintptr_t)text_end)
			return;
		/* The call, not what follows it: that may be another function already. */
		print_address(rip - 1);
		if (frame[0] <= rbp)
			return;
		rbp = frame[0];
	}
}
