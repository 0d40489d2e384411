/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/cpu.h"

#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/cpuid.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/traps.h"
#include "lib/printf.h"
#include "lib/string.h"

#define STACK_CANARY 0x6d6f6475732d6876ULL
/* Types 0-7 as after reset: WB WT UC- UC, twice. PCD with PWT is uncached, as ptab.c has it. */
#define PAT_DEFAULT  0x0007040600070406ULL

static_assert(sizeof(struct cpu) <= 0x800, "stack.h leaves it this much");
static_assert(offsetof(struct cpu, in_guest) == 0, "assembly clears it through the stack's base");

/* APM vol. 2, 12.2.5. */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* IST n is ist[n - 1] */
	uint64_t reserved2;
	uint16_t reserved3, iomap;
} __packed;
static_assert(sizeof(struct tss) == 104, "APM vol. 2, 12.2.5");

struct tables {
	uint64_t gdt[5];
	struct tss tss;
};

uint32_t nr_cpus;
static struct cpu *cpus[MAX_CPUS];
static struct tables tables[MAX_CPUS];

struct cpu *cpu_by_id(uint32_t id)
{
	return cpus[id];
}

static uint64_t *canary_of(struct cpu *c)
{
	return (uint64_t *)((uintptr_t)c + CPU_STACK_CANARY);
}

void cpu_register(struct cpu *c, uint32_t id, uint32_t apic_id, uint32_t acpi_id)
{
	BUG_ON(id >= MAX_CPUS);
	c->id = id;
	c->apic_id = apic_id;
	c->acpi_id = acpi_id;
	c->timer_armed = ~0ULL;
	c->stack_top = (uintptr_t)c + CPU_STACK_SIZE;
	*canary_of(c) = STACK_CANARY;
	cpus[id] = c;
}

bool cpu_stack_overflowed(void)
{
	return *canary_of(this_cpu()) != STACK_CANARY;
}

static void load_gdt(struct tables *t)
{
	struct table_register r = {.limit = sizeof(t->gdt) - 1, .base = (uintptr_t)t->gdt};

	__asm__ volatile("lgdt %0\n\t"
			 "push %1\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "lretq\n"
			 "1:	mov %2, %%ds\n\t"
			 "mov %2, %%es\n\t"
			 "mov %2, %%ss\n\t"
			 :
			 : "m"(r), "i"(SEL_CODE), "r"(SEL_DATA)
			 : "rax", "memory");
}

static void load_tables(struct cpu *c)
{
	struct tables *t = &tables[c->id];
	uint64_t base = (uintptr_t)&t->tss;

	memset(t, 0, sizeof(*t));
	t->tss.rsp[0] = c->stack_top;
	t->tss.ist[IST_NMI - 1] = (uintptr_t)c + CPU_STACK_NMI;
	t->tss.ist[IST_FAULT - 1] = (uintptr_t)c + CPU_STACK_FAULT;
	t->tss.iomap = sizeof(t->tss);
	t->gdt[SEL_CODE / 8] = 0x00af9b000000ffffULL;
	t->gdt[SEL_DATA / 8] = 0x00cf93000000ffffULL;
	/* A 64-bit TSS descriptor: present, type 9. */
	t->gdt[SEL_TSS / 8] = (sizeof(t->tss) - 1) | (base & 0xffffff) << 16 | 0x89ULL << 40 |
			      (base >> 24 & 0xff) << 56;
	t->gdt[SEL_TSS / 8 + 1] = base >> 32;
	load_gdt(t);
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS));
}

static void set_control_registers(void)
{
	union cpuid f1 = cpuid_raw(1, 0), f7 = {0};
	uint64_t cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_MCE | X86_CR4_OSFXSR |
		       X86_CR4_OSXMMEXCPT;

	if (cpuid_raw(0, 0).eax >= 7)
		f7 = cpuid_raw(7, 0);
	if (f1.ecx & BIT(26))
		cr4 |= X86_CR4_OSXSAVE;
	if (f7.ebx & BIT(7))
		cr4 |= X86_CR4_SMEP;
	if (f7.ebx & BIT(20))
		cr4 |= X86_CR4_SMAP;
	write_cr0(X86_CR0_PG | X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_PE);
	write_cr4(cr4);
	wrmsr(MSR_PAT, PAT_DEFAULT);
}

void cpu_init(void)
{
	load_tables(this_cpu());
	traps_load();
	set_control_registers();
	this_cpu()->online = 1;
}

void cpu_spare(void)
{
	struct cpu *c = this_cpu();

	cpu_register(c, SPARE_CPU, c->apic_id, c->acpi_id);
	cpu_init();
	nr_cpus = 0;
}

void cpu_describe(char *buf, size_t size)
{
	union cpuid v = cpuid_raw(0, 0);
	uint32_t vendor[4] = {v.ebx, v.edx, v.ecx, 0};
	uint32_t brand[13] = {0};
	const char *name;

	if (cpuid_raw(0x80000000, 0).eax >= 0x80000004)
		for (uint32_t i = 0; i < 3; i++) {
			union cpuid r = cpuid_raw(0x80000002 + i, 0);

			memcpy(&brand[i * 4], &r, sizeof(r));
		}
	for (name = (const char *)brand; *name == ' '; name++)
		;
	snprintf(buf, size, "%s %s", (const char *)vendor, name);
}
