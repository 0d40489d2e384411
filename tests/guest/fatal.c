/* What ends a guest, each in its own way: "way=N". It must end this one alone, and be told as what it is. */
#include "lib/lib.h"

#define NOWHERE 0x50000000u

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

static uint64_t cr0(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

/* Then out to the hypervisor, and in again with it. */
static void leave(void)
{
	uint32_t a = 0, c = 0;

	__asm__ volatile("cpuid" : "+a"(a), "+c"(c) : : "ebx", "edx");
}

static void not_write_through(void)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"((cr0() | 1u << 29) & ~(1ull << 30)));
	leave();
}

static void long_mode_without_pae(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 & ~0x20ull));
	leave();
}

static void reserved_bit_of_cr4(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 1u << 30));
	leave();
}

static void page_tables_too_high(void)
{
	uint64_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3 | 1ull << 55));
	leave();
}

static void high_half_of_dr7(void)
{
	__asm__ volatile("mov %0, %%dr7" : : "r"(1ull << 40 | 0x400));
	leave();
}

static void high_half_of_dr6(void)
{
	__asm__ volatile("mov %0, %%dr6" : : "r"(1ull << 40));
	leave();
}

static void paging_without_protection(void)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0() & ~1ull));
	leave();
}

static void page_tables_nowhere(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"((uint64_t)NOWHERE));
}

static void page_tables_in_the_apic(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"((uint64_t)LAPIC));
}

static void interrupts_in_the_apic(void)
{
	const struct table table = {0xfff, LAPIC};

	__asm__ volatile("lidt %0\n\tud2" : : "m"(table));
}

static void interrupts_nowhere(void)
{
	const struct table table = {0xfff, NOWHERE};

	__asm__ volatile("lidt %0\n\tud2" : : "m"(table));
}

static void stack_in_the_apic(void)
{
	__asm__ volatile("mov %0, %%rsp\n\tpush %%rax" : : "r"((uint64_t)LAPIC + 0x400));
}

static void descriptors_in_the_apic(void)
{
	const struct table table = {0xfff, LAPIC};
	const struct table none = {0, 0};

	__asm__ volatile("lidt %1\n\tlgdt %0\n\tmov %w2, %%ds" : : "m"(table), "m"(none), "r"(16));
}

static void (*const ways[])(void) = {
	not_write_through,         long_mode_without_pae, reserved_bit_of_cr4,
	page_tables_too_high,      high_half_of_dr7,      high_half_of_dr6,
	paging_without_protection, page_tables_nowhere,   page_tables_in_the_apic,
	interrupts_in_the_apic,    interrupts_nowhere,    stack_in_the_apic,
	descriptors_in_the_apic,
};

void guest_main(void *start_info)
{
	guest_setup(start_info);
	ways[guest_option("way", 0) % (sizeof(ways) / sizeof(ways[0]))]();
	say("survived\n");
	finish();
}
