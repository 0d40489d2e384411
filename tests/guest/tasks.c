/*
 * Hardware task switches, by gate, call, jump and return, in 32-bit mode: "way=0" in order, else to a task
 * that is not where it should be.
 */
#include "lib/lib.h"

#define NOWHERE 0x50000000u

enum { CODE32 = 0x18, DATA = 0x10, FIRST = 0x20, SECOND = 0x28, GATE = 0x40 };

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct tss {
	uint32_t link, stacks[6], cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt, map;
};

void change_tasks(void);
extern char second_task[];

static struct tss tasks[2];
static uint32_t stack[256];
static uint64_t idt[GATE + 1];
/* As boot.S has them, and: the two tasks, a gate to the second. */
static uint64_t descriptors[] = {
	0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff, 0, 0, 0x0000850000280000,
};
const struct table tasks_gdt = {sizeof(descriptors) - 1, (uintptr_t)descriptors};
const struct table tasks_idt = {sizeof(idt) - 1, (uintptr_t)idt};
uint64_t tasks_rsp;
volatile uint32_t switches;

__asm__(".text\n\t.code64\n"
	"change_tasks:\n\t"
	"pushq %rbx\n\tpushq %rbp\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"
	"movq %rsp, tasks_rsp\n\t"
	"lgdt tasks_gdt\n\t"
	"pushq $0x18\n\tpushq $1f\n\tlretq\n\t"
	".code32\n"
	"1:\tmovw $16, %ax\n\t"
	"movw %ax, %ds\n\tmovw %ax, %es\n\tmovw %ax, %ss\n\tmovw %ax, %fs\n\tmovw %ax, %gs\n\t"
	"movl %cr0, %eax\n\tandl $0x7fffffff, %eax\n\tmovl %eax, %cr0\n\t" /* paging off */
	"movl $0xc0000080, %ecx\n\trdmsr\n\tandl $~0x100, %eax\n\twrmsr\n\t"
	"lidtl tasks_idt\n\t"
	"movw $0x20, %ax\n\tltr %ax\n\t"
	"int $0x40\n\t"
	"lcall $0x28, $0\n\t"
	"ljmp $0x30, $0\n\t"
	"movl tasks_rsp, %esp\n\t"
	"subl $64, %esp\n\t"
	"call long_mode_on\n\t"
	"ljmp $8, $2f\n\t"
	".code64\n"
	"2:\tmovq tasks_rsp, %rsp\n\t"
	"popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n\t"
	"ret\n\t"
	".code32\n"
	"second_task:\n\t"
	"incl switches\n\t"
	"cmpl $3, switches\n\t"
	"je 3f\n\t"
	"iret\n\t"
	"jmp second_task\n"
	"3:\tljmp $0x20, $0\n\t"
	"jmp second_task\n\t"
	".code64\n");

static uint64_t descriptor(uint64_t at, uint64_t limit, uint64_t type)
{
	return limit | (at & 0xffffff) << 16 | type << 40 | (at >> 24 & 0xff) << 56;
}

static const struct {
	uint64_t at; /* 0: where it is */
	uint16_t limit;
	uint8_t type;
} ways[] = {
	{0, sizeof(struct tss) - 1, 0x89}, /* in order */
	{0, 0x40, 0x89},                   /* too short, in use, absent, none */
	{0, sizeof(struct tss) - 1, 0x8b}, /**/
	{0, sizeof(struct tss) - 1, 0x09}, /**/
	{0, sizeof(struct tss) - 1, 0x8f}, /**/
	{NOWHERE, 0xffff, 0x89},           /* where no memory is; the local APIC */
	{LAPIC, 0xffff, 0x89},             /**/
};

void guest_main(void *start_info)
{
	unsigned int way;
	struct table before;

	guest_setup(start_info);
	way = (unsigned int)guest_option("way", 0) % (sizeof(ways) / sizeof(ways[0]));
	tasks[1] = (struct tss){.eip = (uint32_t)(uintptr_t)second_task,
				.esp = (uint32_t)(uintptr_t)(stack + 256),
				.eflags = 2,
				.cs = CODE32,
				.ss = DATA,
				.ds = DATA,
				.es = DATA,
				.fs = DATA,
				.gs = DATA,
				.map = sizeof(struct tss) << 16};
	descriptors[FIRST / 8] = descriptor((uintptr_t)&tasks[0], sizeof(struct tss) - 1, 0x89);
	descriptors[SECOND / 8] = descriptor(ways[way].at ? ways[way].at : (uintptr_t)&tasks[1],
					     ways[way].limit, ways[way].type);
	idt[GATE] = 0x0000850000000000 | (uint64_t)SECOND << 16;
	__asm__ volatile("sidt %0" : "=m"(before));
	change_tasks();
	__asm__ volatile("lidt %0" : : "m"(before));
	say_number("switches", switches);
	finish();
}
