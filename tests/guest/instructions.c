/*
 * Instructions where they hurt: across pages of which the second is missing, over each other, registers
 * set to what no processor takes, and jumps and returns to nowhere. Says how often something came of it
 * that a processor would not do.
 */
#include "lib/window.h"

#include <stdbool.h>

#define CODE     2u /* the page of the window at whose end the code begins */
#define BOUNDARY (WINDOW + (CODE + 1) * 4096)
#define NOWHERE  0x50000000u

/* Vectors and one, as probe() has them. */
enum { NONE = 0, BP = 4, UD = 7, GP = 14, PF = 15 };

#define LONGEST 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66

/* RAX and RCX are 0, RDX is a port, RSI and RDI are memory. */
static const struct snippet {
	uint8_t result, len, bytes[16];
} snippets[] = {
	{NONE, 2, {0x0f, 0xa2}},             /* CPUID */
	{NONE, 1, {0xec}},                   /* IN, OUT, INS, OUTS */
	{NONE, 2, {0xe4, 0x80}},             /**/
	{NONE, 2, {0x66, 0xef}},             /**/
	{NONE, 3, {0x66, 0xf3, 0x6d}},       /**/
	{NONE, 2, {0x67, 0x6e}},             /**/
	{NONE, 2, {0xf3, 0x90}},             /* PAUSE */
	{NONE, 3, {0x0f, 0x01, 0xd9}},       /* VMMCALL, VMCALL */
	{NONE, 3, {0x0f, 0x01, 0xc1}},       /**/
	{NONE, 2, {0x0f, 0x08}},             /* INVD, WBINVD */
	{NONE, 2, {0x0f, 0x09}},             /**/
	{NONE, 4, {0x44, 0x0f, 0x22, 0xc0}}, /* MOV to CR8, from DR7, to DR0 */
	{NONE, 3, {0x0f, 0x21, 0xf8}},       /**/
	{NONE, 3, {0x0f, 0x23, 0xc0}},       /**/
	{NONE, 2, {0xcd, 0x80}},             /* INT, INT3 */
	{BP, 1, {0xcc}},                     /**/
	{GP, 2, {0x0f, 0x32}},               /* RDMSR, WRMSR of what is not there */
	{GP, 2, {0x0f, 0x30}},               /**/
	{GP, 2, {0x0f, 0x33}},               /* RDPMC */
	{UD, 3, {0x0f, 0x01, 0xd8}},         /* VMRUN and its like */
	{UD, 3, {0x0f, 0x01, 0xda}},         /**/
	{UD, 3, {0x0f, 0x01, 0xdb}},         /**/
	{UD, 3, {0x0f, 0x01, 0xdc}},         /**/
	{UD, 3, {0x0f, 0x01, 0xdd}},         /**/
	{UD, 3, {0x0f, 0x01, 0xde}},         /**/
	{UD, 3, {0x0f, 0x01, 0xdf}},         /**/
	{UD, 3, {0x0f, 0x01, 0xc8}},         /* MONITOR, MWAIT */
	{UD, 3, {0x0f, 0x01, 0xc9}},         /**/
	{UD, 2, {0x0f, 0xaa}},               /* RSM */
	{UD, 3, {0x0f, 0x01, 0xd1}},         /* XSETBV and SYSCALL, not switched on; SYSENTER */
	{UD, 2, {0x0f, 0x05}},               /**/
	{UD, 2, {0x0f, 0x34}},               /**/
	{UD, 2, {0x0f, 0x0b}},               /* UD2 */
	/* The local APIC read, written, and a bit of it set. */
	{NONE, 9, {0xa1, 0x30, 0, 0xe0, 0xfe}},
	{NONE, 8, {0x67, 0x8b, 0x04, 0x25, 0x30, 0, 0xe0, 0xfe}},
	{NONE, 12, {0x67, 0xc7, 0x04, 0x25, 0x80, 0, 0xe0, 0xfe}},
	{NONE, 11, {0x67, 0xf0, 0x0f, 0xba, 0x2c, 0x25, 0x80, 0x03, 0xe0, 0xfe, 3}},
	/* The same as others with other prefixes: not for over_each_other(). */
	{NONE, 3, {0x66, 0x0f, 0xa2}},
	{NONE, 15, {LONGEST, 0x0f, 0xa2}},
	{GP, 16, {LONGEST, 0x66, 0x0f, 0xa2}},
};

#define SNIPPETS (sizeof(snippets) / sizeof(snippets[0]))
#define PLAIN    (SNIPPETS - 3)

static uint64_t wrong;

static void expect(const char *what, const uint8_t *bytes, unsigned int n, int got, int wanted)
{
	if (got == wanted)
		return;
	if (wrong++ > 20) /* enough to see why */
		return;
	say_bytes(what, bytes, n);
	say_number("  gave", (uint64_t)got);
	say_number("  should", (uint64_t)wanted);
}

/* ---- code across and over pages ---- */

/* With @before bytes of it before the boundary, and a return after it. */
static int run_snippet(const struct snippet *s, unsigned int before)
{
	static uint8_t space[64];
	uint8_t *first = window_frame(CODE) + 4096 - before;
	struct regs r = {.flags = 2};

	for (unsigned int i = 0; i <= s->len; i++)
		*(i < before ? first + i : window_frame(CODE + 1) + i - before) =
			i < s->len ? s->bytes[i] : 0xc3;
	r.r[RDX] = 0x80;
	r.r[RSI] = r.r[RDI] = (uintptr_t)space;
	return execute(&r, BOUNDARY - before);
}

static void across_pages(void)
{
	static const struct {
		const char *name;
		uint64_t at;
		int result;
	} second[] = {
		{"into a page that is missing", 0, PF},
		{"into a page without memory", NOWHERE, GP},
		{"into the APIC", LAPIC, GP},
	};

	for (const struct snippet *s = snippets; s < snippets + SNIPPETS; s++)
		for (unsigned int n = 1; n <= s->len; n++) {
			window_map(CODE + 1, (uintptr_t)window_frame(CODE + 1));
			expect("across pages", s->bytes, s->len, run_snippet(s, n), s->result);
			for (unsigned int i = 0; i < 3; i++) {
				/* All of it before the boundary: what comes next is missing. */
				bool first = n == s->len && s->result;

				window_map(CODE + 1, second[i].at);
				expect(second[i].name, s->bytes, s->len, run_snippet(s, n),
				       first ? s->result : second[i].result);
			}
		}
	window_map(CODE + 1, (uintptr_t)window_frame(CODE + 1));
	say("across pages\n");
}

/* One after the other at the same place, across the boundary. */
static void over_each_other(unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds; i++) {
		const struct snippet *s = &snippets[next_random() % PLAIN];

		expect("rewritten", s->bytes, s->len, run_snippet(s, 1), s->result);
	}
	say("rewritten\n");
}

/* ---- registers ---- */

/* Instructions with RAX (and for MSRs RDX and RCX): read, write. */
static const struct reg {
	const char *name;
	uint8_t read[4], write[4];
	uint64_t leave;  /* bits that change the ground it stands on, or end it: fatal.c */
	uint64_t refuse; /* bits that must not be taken */
} registers[] = {
	{"CR0", {0x0f, 0x20, 0xc0, 0xc3}, {0x0f, 0x22, 0xc0, 0xc3}, -1ull << 32 | 0xa0000001, 0},
	{"CR3", {0x0f, 0x20, 0xd8, 0xc3}, {0x0f, 0x22, 0xd8, 0xc3}, ~0xfffull, 0},
	{"CR4", {0x0f, 0x20, 0xe0, 0xc3}, {0x0f, 0x22, 0xe0, 0xc3}, ~0x3507dfull, 0},
	{"DR6", {0x0f, 0x21, 0xf0, 0xc3}, {0x0f, 0x23, 0xf0, 0xc3}, -1ull << 32, 0},
	{"DR7", {0x0f, 0x21, 0xf8, 0xc3}, {0x0f, 0x23, 0xf8, 0xc3}, -1ull << 32 | 1u << 13, 0},
	{"EFER", {0x0f, 0x32, 0xc3}, {0x0f, 0x30, 0xc3}, 0, ~0x4c01ull},
};

static int access_register(const struct reg *reg, bool write, uint64_t *value)
{
	struct regs r = {.flags = 2};
	uint8_t *at = window_frame(0);
	bool msr = reg->read[1] == 0x32;
	int result;

	for (unsigned int i = 0; i < 4; i++)
		at[i] = write ? reg->write[i] : reg->read[i];
	r.r[RCX] = 0xc0000080;
	r.r[RAX] = *value;
	r.r[RDX] = *value >> 32;
	result = execute(&r, WINDOW);
	if (!write)
		*value = msr ? (uint32_t)r.r[RAX] | r.r[RDX] << 32 : r.r[RAX];
	return result;
}

static void one_bit(const struct reg *reg, uint64_t was, unsigned int bit)
{
	static const struct snippet cpuid = {NONE, 2, {0x0f, 0xa2}};
	uint64_t value = was ^ 1ull << bit;
	uint8_t number = (uint8_t)bit;
	int result = access_register(reg, true, &value);

	if (!result && (reg->refuse >> bit & 1))
		expect(reg->name, &number, 1, result, GP);
	if (result)
		expect(reg->name, &number, 1, result, GP);
	expect(reg->name, &number, 1, run_snippet(&cpuid, 1), NONE); /* out, and in again */
	access_register(reg, true, &was);
}

static void control_registers(void)
{
	for (unsigned int i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		const struct reg *reg = &registers[i];
		uint64_t was = 0;

		say(reg->name);
		say("\n");
		access_register(reg, false, &was);
		for (unsigned int bit = 0; bit < 64; bit++)
			if (!(reg->leave >> bit & 1))
				one_bit(reg, was, bit);
	}
	say("registers\n");
}

/* ---- jumps, returns, selectors ---- */

struct tss {
	uint32_t reserved;
	uint64_t stacks[3];
	uint32_t rest[19];
} __attribute__((packed));

static struct tss tss;

/* Null; 64-bit code, data, 32-bit code; the same for users; a TSS; an LDT; a call gate to nowhere. */
static uint64_t descriptors[] = {
	0,
	0x00af9b000000ffff,
	0x00cf93000000ffff,
	0x00cf9b000000ffff,
	0x00affb000000ffff,
	0x00cff3000000ffff,
	0x00cffb000000ffff,
	0x0000890000000067,
	0,
	0x0000820000000fff,
	0,
	0x1234ec0000085678,
	0x0000000080000000,
};

#define TSS 7

static void load_descriptors(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) table = {sizeof(descriptors) - 1, (uintptr_t)descriptors};
	uint64_t at = (uintptr_t)&tss;

	/* Exceptions of users: on this stack, and where struct cpu is found. */
	tss.stacks[0] = (uintptr_t)this_cpu() + STACK / 4;
	descriptors[TSS] |= (at & 0xffffff) << 16 | (at >> 24 & 0xff) << 56;
	__asm__ volatile("lgdt %0\n\tltr %w1" : : "m"(table), "r"(TSS * 8));
}

static uint64_t selector(void)
{
	uint64_t r = next_random();

	return r & 1 ? (r >> 8) % (sizeof(descriptors) + 8) : (uint16_t)(r >> 8);
}

/* Mostly where an undefined instruction is. */
static uint64_t target(void)
{
	static const uint64_t odd[] = {1ull << 47, -1ull << 47, ~0ull,      1,
				       NOWHERE,    LAPIC,       WINDOW + 1, 0xfffull << 47};
	uint64_t r = next_random();

	return r & 1 ? WINDOW : odd[(r >> 1) % 8];
}

static uint64_t frame[6];

static void do_iret(void *arg)
{
	uint64_t *f = frame, sp;

	(void)arg;
	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
	f[0] = target();
	f[1] = selector();
	f[2] = next_random() & 0x250dd5; /* no interrupts; a nested task would be refused at once */
	/* On the stack that exceptions go on with, unless it is a user's. */
	f[3] = (f[1] & 3) == 3 ? next_random() : sp - 512;
	f[4] = selector();
	__asm__ volatile("push 32(%0)\n\tpush 24(%0)\n\tpush 16(%0)\n\tpush 8(%0)\n\tpush (%0)\n\t"
			 "iretq"
			 :
			 : "r"(f)
			 : "memory");
}

static void do_far_jump(void *arg)
{
	(void)arg;
	frame[0] = target();
	frame[1] = selector();
	__asm__ volatile("rex.W ljmp *(%0)" : : "r"(frame) : "memory");
}

static void do_far_return(void *arg)
{
	(void)arg;
	__asm__ volatile("push %0\n\tpush %1\n\tlretq" : : "r"(selector() & ~3ull), "r"(target()));
}

static void do_near_jump(void *arg)
{
	(void)arg;
	__asm__ volatile("jmp *%0" : : "r"(target()));
}

static void do_segments(void *arg)
{
	uint64_t n = selector();

	(void)arg;
	__asm__ volatile("mov %w0, %%fs" : : "r"(n));
	__asm__ volatile("mov %w0, %%ds" : : "r"(n));
	__asm__ volatile("lldt %w0" : : "r"(n));
	__asm__ volatile("mov %w0, %%ss\n\tud2" : : "r"(n));
}

static void do_load(void *arg)
{
	volatile uint64_t *at = (void *)(uintptr_t)((next_random() & ~7ull) | 1ull << 50);

	(void)arg;
	*at = *(volatile uint64_t *)(uintptr_t)(1ull << 47);
}

static void do_task_switch(void *arg)
{
	(void)arg;
	frame[0] = 0;
	frame[1] = TSS * 8;
	__asm__ volatile("ljmpl *(%0)" : : "r"((uint8_t *)frame + 4) : "memory");
}

static void garbage(unsigned int rounds)
{
	static void (*const things[])(void *) = {do_iret,       do_far_jump, do_far_return,
						 do_near_jump,  do_segments, do_load,
						 do_task_switch};
	uint64_t vectors = 0;

	load_descriptors();
	for (volatile uint8_t *at = 0; at < (uint8_t *)AP_PAGE; at++)
		*at = 0xcc; /* where 32-bit code gets whose target had more */
	memset(window_frame(0), 0xcc, 4096);
	window_frame(0)[0] = 0x0f; /* UD2 */
	window_frame(0)[1] = 0x0b;
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int n = i % (sizeof(things) / sizeof(things[0]));
		uint8_t name = (uint8_t)n;
		int result = probe(things[n], 0);

		__asm__ volatile("mov %w0, %%ds\n\tmov %w0, %%es\n\tmov %w0, %%ss" : : "r"(16));
		if (!result)
			expect("garbage that worked", &name, 1, result, GP);
		vectors |= 1ull << result;
	}
	say_number("vectors of garbage", vectors);
}

void guest_main(void *start_info)
{
	unsigned int rounds;

	guest_setup(start_info);
	rounds = (unsigned int)guest_option("rounds", 2000);
	for (unsigned int i = 0; i < WINDOW_PAGES; i++)
		window_map(i, (uintptr_t)window_frame(i));
	across_pages();
	over_each_other(rounds);
	control_registers();
	garbage(rounds);
	say_number("instructions wrong", wrong);
	finish();
}
