/*
 * Instructions on the local APIC, which the hypervisor carries out, beside the same ones on memory that
 * holds the same, which the processor does: every operation the decoder takes, with any prefixes,
 * registers and way of addressing. "calls=N" of them, drawn from "seed=N"; tells each that differs.
 */
#include "lib/window.h"

#include <stdbool.h>

#define DATA    0u /* page of the window: the APIC, or memory */
#define NEXT    1u /* the page behind it */
#define VERSION 0x30
#define INITIAL 0x380 /* the timer's: any value can be written */
#define FS_BASE 0x1230u

#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101

/* CF, PF, AF, ZF, SF, OF; logic leaves AF open, bit tests all but CF. */
enum flags { ARITH = 0x8d5, LOGIC = 0x8c5, BIT = 1, STATUS = ARITH };

enum { UNDEFINED = 7 }; /* the vector and one */

enum kind { MODRM, GROUP, MOFFS, STRING };

static const struct op {
	uint8_t map, first, count, step; /* opcodes first, first + step, … */
	uint8_t kind, immediate;         /* bytes, 4: as the operand size says */
	uint8_t group;                   /* bits of ModRM.reg that are an operation */
	uint16_t flags;                  /* that are defined */
} ops[] = {
	{0, 0x00, 4, 1, MODRM, 0, 0, ARITH},    {0, 0x08, 4, 1, MODRM, 0, 0, LOGIC},
	{0, 0x10, 4, 1, MODRM, 0, 0, ARITH},    {0, 0x18, 4, 1, MODRM, 0, 0, ARITH},
	{0, 0x20, 4, 1, MODRM, 0, 0, LOGIC},    {0, 0x28, 4, 1, MODRM, 0, 0, ARITH},
	{0, 0x30, 4, 1, MODRM, 0, 0, LOGIC},    {0, 0x38, 4, 1, MODRM, 0, 0, ARITH},
	{0, 0x63, 1, 1, MODRM, 0, 0, ARITH},    {0, 0x80, 1, 1, GROUP, 1, 0xad, ARITH},
	{0, 0x81, 1, 1, GROUP, 4, 0xad, ARITH}, {0, 0x83, 1, 1, GROUP, 1, 0xad, ARITH},
	{0, 0x80, 1, 1, GROUP, 1, 0x52, LOGIC}, {0, 0x81, 1, 1, GROUP, 4, 0x52, LOGIC},
	{0, 0x83, 1, 1, GROUP, 1, 0x52, LOGIC}, {0, 0x84, 2, 1, MODRM, 0, 0, LOGIC},
	{0, 0x86, 6, 1, MODRM, 0, 0, ARITH},    {0, 0xa0, 4, 1, MOFFS, 0, 0, ARITH},
	{0, 0xa4, 2, 1, STRING, 0, 0, ARITH},   {0, 0xaa, 4, 1, STRING, 0, 0, ARITH},
	{0, 0x6c, 4, 1, STRING, 0, 0, ARITH},   {0, 0xc6, 1, 1, GROUP, 1, 1, ARITH},
	{0, 0xc7, 1, 1, GROUP, 4, 1, ARITH},    {0, 0xf6, 1, 1, GROUP, 1, 1, LOGIC},
	{0, 0xf7, 1, 1, GROUP, 4, 1, LOGIC},    {0, 0xf6, 2, 1, GROUP, 0, 0xc, ARITH},
	{0, 0xfe, 2, 1, GROUP, 0, 3, ARITH},    {1, 0xa3, 4, 8, MODRM, 0, 0, BIT},
	{1, 0xba, 1, 1, GROUP, 1, 0xf0, BIT},   {1, 0xb6, 2, 1, MODRM, 0, 0, ARITH},
	{1, 0xbe, 2, 1, MODRM, 0, 0, ARITH},
};

/* One instruction, and what it finds. */
struct trial {
	const struct op *op;
	uint8_t bytes[32];
	unsigned int len;
	uint8_t opcode, rex;
	bool word, addr32, lock, rep;
	uint8_t segment;   /* prefix, or 0 */
	unsigned int at;   /* offset in the page */
	unsigned int size; /* of the operand, bytes */
	struct regs in;
};

static uint8_t code[64] __attribute__((aligned(64)));

static unsigned int pick(unsigned int n)
{
	return (unsigned int)(next_random() >> 20) % n;
}

static void put(struct trial *t, uint64_t value, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		t->bytes[t->len++] = (uint8_t)(value >> 8 * i);
}

static void prefixes(struct trial *t)
{
	static const uint8_t segments[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};

	if ((t->word = !pick(4)))
		put(t, 0x66, 1);
	if ((t->addr32 = !pick(4)))
		put(t, 0x67, 1);
	if ((t->rep = !pick(t->op->kind == STRING ? 2 : 8)))
		put(t, pick(2) ? 0xf3 : 0xf2, 1);
	if ((t->lock = !pick(8)))
		put(t, 0xf0, 1);
	if (!pick(3))
		put(t, t->segment = segments[pick(6)], 1);
	if (pick(2))
		put(t, t->rex = (uint8_t)(0x40 | pick(16)), 1);
}

static bool byte_operation(const struct trial *t)
{
	return !t->op->map && !(t->opcode & 1);
}

static uint64_t target(const struct trial *t)
{
	uint64_t at = WINDOW + t->at;

	return at - (t->segment == 0x64 || t->segment == 0x65 ? FS_BASE : 0);
}

/* In a register that addresses with 32 bits, the others are rubbish. */
static uint64_t address(const struct trial *t, uint64_t at)
{
	return t->addr32 ? (uint32_t)at | next_random() << 32 : at;
}

static void displace(struct trial *t, unsigned int n, int64_t *disp)
{
	uint64_t r = next_random();

	*disp = n == 1 ? (int8_t)r : n == 4 ? (int32_t)r : 0;
	put(t, r, n);
}

/* SIB: base and index, where they differ and are no stack pointers. Return: false if they are. */
static bool scaled(struct trial *t, unsigned int mod)
{
	unsigned int base = pick(8), index = pick(8), scale = pick(4);
	unsigned int b = base | (t->rex & 1 ? 8 : 0), i = index | (t->rex & 2 ? 8 : 0);
	int64_t disp;
	uint64_t part = 0;

	if (b == i || (b == RSP && !(mod == 0 && base == 5)))
		return false;
	put(t, scale << 6 | index << 3 | base, 1);
	if (mod == 0 && base == 5) { /* no base: what the index leaves is the displacement */
		if (i != RSP)
			t->in.r[i] = part = pick(4096);
		put(t, target(t) - (part << scale), 4);
		return true;
	}
	displace(t, mod == 1 ? 1 : mod == 2 ? 4 : 0, &disp);
	if (i != RSP)
		part = t->in.r[i] << scale;
	t->in.r[b] = address(t, target(t) - part - (uint64_t)disp);
	return true;
}

static unsigned int immediate_size(const struct trial *t)
{
	return t->op->immediate == 4 ? (t->size < 4 ? t->size : 4) : t->op->immediate;
}

static bool modrm(struct trial *t)
{
	unsigned int mod = pick(3), rm = pick(8), reg = pick(8);
	unsigned int b = rm | (t->rex & 1 ? 8 : 0), r = reg | (t->rex & 4 ? 8 : 0);
	int64_t disp;

	if (t->op->kind == GROUP && !(t->op->group >> reg & 1))
		return false;
	if (t->op->kind == MODRM && r == RSP)
		return false;
	put(t, mod << 6 | reg << 3 | rm, 1);
	if (t->op->flags == BIT && t->op->kind == MODRM)
		t->in.r[r] = pick(32);
	if (rm == 4) {
		if (!scaled(t, mod))
			return false;
	} else if (mod == 0 && rm == 5) { /* from the next instruction */
		put(t, target(t) - ((uintptr_t)code + t->len + 4 + immediate_size(t)), 4);
	} else {
		displace(t, mod == 1 ? 1 : mod == 2 ? 4 : 0, &disp);
		t->in.r[b] = address(t, target(t) - (uint64_t)disp);
	}
	/* A bit's number that is an address too would be far away. */
	return !(t->op->flags == BIT && t->op->kind == MODRM && t->in.r[r] > 31);
}

static bool string(struct trial *t)
{
	uint64_t other = WINDOW + NEXT * 4096 + 2048;
	bool reads = t->opcode >= 0xac || t->opcode == 0x6e || t->opcode == 0x6f;
	bool both = t->opcode == 0xa4 || t->opcode == 0xa5, from = reads || (both && pick(2));
	uint64_t base = target(t);

	t->in.r[RCX] = t->rep ? pick(3) : next_random();
	if (t->rep && t->addr32)
		t->in.r[RCX] |= next_random() << 32;
	t->in.r[RDX] = 0x80;
	/* The destination has no segment to choose. */
	t->in.r[RSI] = address(t, from ? base : other - (WINDOW + t->at - base));
	t->in.r[RDI] = address(t, from ? other : WINDOW + t->at);
	t->in.flags |= pick(2) << 10;
	return true;
}

/* Return: false if it came out as one that cannot be tried. */
static bool make(struct trial *t)
{
	static const unsigned int places[] = {VERSION,     INITIAL,     INITIAL, INITIAL,
					      INITIAL + 1, INITIAL + 2, 0xffc,   0xffd};
	const struct op *op = &ops[pick(sizeof(ops) / sizeof(ops[0]))];

	*t = (struct trial){.op = op, .opcode = (uint8_t)(op->first + op->step * pick(op->count))};
	for (unsigned int i = 0; i < 16; i++)
		t->in.r[i] = next_random() >> (next_random() & 63);
	t->in.flags = 2 | (next_random() & STATUS);
	t->at = op->kind == STRING ? VERSION : places[pick(8)];
	prefixes(t);
	t->size = byte_operation(t) ? 1 : t->rex & 8 ? 8 : t->word ? 2 : 4;
	if (op->map)
		put(t, 0x0f, 1);
	put(t, t->opcode, 1);
	switch (op->kind) {
	case MOFFS: put(t, target(t), t->addr32 ? 4 : 8); break;
	case STRING:
		if (!string(t))
			return false;
		break;
	default:
		if (!modrm(t))
			return false;
	}
	put(t, next_random(), immediate_size(t));
	/* What is atomic and not aligned QEMU's processor does in another way, and loses the flags if it faults. */
	if ((t->lock || (!op->map && t->opcode == 0x87)) && t->at % t->size)
		return false;
	return t->len <= 15;
}

/* What a trial left: registers, memory behind the page, and the register of the APIC it may write. */
struct outcome {
	int vector;
	struct regs out;
	uint64_t next[8];
	uint32_t word;
};

/* What the APIC's registers hold that are read here; only the timer's initial count changes. */
static uint32_t first[0x80 / 4];

static void fill(uint64_t value)
{
	uint8_t *memory = window_frame(DATA), *next = window_frame(NEXT);

	memset(memory, 0, 4096);
	memcpy(memory, first, sizeof(first));
	*(uint32_t *)(uintptr_t)(memory + INITIAL) = (uint32_t)value;
	*lapic(INITIAL) = (uint32_t)value;
	for (unsigned int i = 0; i < 16; i++)
		next[i] = (uint8_t)(value >> (i & 7));
	memset(next + 2048 - 32, 0x5a, 64);
}

static void perform(const struct trial *t, uint64_t page, struct outcome *o)
{
	const uint8_t *next = window_frame(NEXT);

	for (unsigned int i = 0; i < t->len; i++)
		code[i] = t->bytes[i];
	code[t->len] = 0xc3;
	window_map(DATA, page);
	o->out = t->in;
	o->vector = execute(&o->out, (uintptr_t)code);
	o->out.flags &= t->op->flags;
	memcpy(o->next, next + 2048 - 32, sizeof(o->next));
	o->word = page == LAPIC ? *lapic(INITIAL) :
				  *(uint32_t *)(uintptr_t)(window_frame(DATA) + INITIAL);
}

static bool differ(const struct trial *t, const struct outcome *a, const struct outcome *b)
{
	bool bad = a->vector != b->vector || a->out.flags != b->out.flags;

	for (unsigned int i = 0; i < 16; i++)
		bad |= a->out.r[i] != b->out.r[i];
	for (unsigned int i = 0; i < 8; i++)
		bad |= a->next[i] != b->next[i];
	/* Registers of the APIC are written whole or not at all. */
	if (t->at == INITIAL && t->size == 4)
		bad |= a->word != b->word;
	return bad;
}

/* LOCK where it may not be: an undefined instruction, which QEMU's processor lets pass, or finds late. */
static bool lock_refused(const struct trial *t, const struct outcome *apic)
{
	return t->lock && apic->vector == UNDEFINED;
}

static void tell(const struct trial *t, const struct outcome *memory, const struct outcome *apic)
{
	say_bytes("differs", t->bytes, t->len);
	say_number(" at", t->at);
	say_number(" vector on memory", (uint64_t)memory->vector);
	say_number(" vector on the APIC", (uint64_t)apic->vector);
	say_number(" flags before", t->in.flags);
	say_number(" flags on memory", memory->out.flags);
	say_number(" flags on the APIC", apic->out.flags);
	say_number(" word on memory", memory->word);
	say_number(" word on the APIC", apic->word);
	for (unsigned int i = 0; i < 16; i++)
		if (memory->out.r[i] != apic->out.r[i]) {
			say_number(" register", i);
			say_number("  before", t->in.r[i]);
			say_number("  on memory", memory->out.r[i]);
			say_number("  on the APIC", apic->out.r[i]);
		}
}

static void set_base(uint32_t msr)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"(FS_BASE), "d"(0));
}

void guest_main(void *start_info)
{
	uint64_t calls, tried = 0, differences = 0, faults = 0;

	guest_setup(start_info);
	calls = guest_option("calls", 4000);
	set_base(MSR_FS_BASE);
	set_base(MSR_GS_BASE);
	*lapic(0x320) = 0x10000; /* the timer is masked */
	for (unsigned int i = 0; i < sizeof(first); i += 4)
		first[i / 4] = *lapic(i);
	while (tried < calls) {
		struct trial t;
		struct outcome memory, apic;
		uint64_t value = next_random();

		if (!make(&t))
			continue;
		tried++;
		/* Now and then nothing is behind the page. */
		window_map(NEXT, pick(16) ? (uintptr_t)window_frame(NEXT) : 0);
		fill(value);
		perform(&t, (uintptr_t)window_frame(DATA), &memory);
		fill(value);
		perform(&t, LAPIC, &apic);
		faults += !!memory.vector;
		if (!lock_refused(&t, &apic) && differ(&t, &memory, &apic) && differences++ < 20)
			tell(&t, &memory, &apic);
	}
	say_number("instructions tried", tried);
	say_number("faults", faults);
	say_number("differences", differences);
	finish();
}
