/*
 * The local APIC's registers, each offset in each size, with boundary values; its timer with every divisor;
 * messages of every kind to itself and among processors that start, stop and leave the page for the MSRs
 * meanwhile. "wrong=N" counts what a processor would not have done.
 */
#include "lib/lib.h"

#include <stdbool.h>

#define BASE_MSR  0x1bu
#define BASE_BSP  (1u << 8)
#define X2APIC    (1u << 10)
#define ENABLED   (1u << 11)
#define MASKED    (1u << 16)
#define PERIODIC  (1u << 17)
#define NOWHERE   0xfee01000u
#define IO_APIC   0xfec00000u
#define HALT_PAGE 0x9000u /* where a start-up interrupt of a storm leads: stop */

enum { ID = 0x20, VERSION = 0x30, TPR = 0x80, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0 };
enum { ISR = 0x100, IRR = 0x200, ESR = 0x280, ICR = 0x300, ICR2 = 0x310, LVT = 0x320 };
enum { ERROR = 0x370, INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0 };
enum { FIXED = 0, LOWEST = 1 << 8, NMI = 4 << 8, INIT = 5 << 8, STARTUP = 6 << 8 };

static uint64_t wrong;

static void expect(const char *what, uint64_t at, uint64_t got, uint64_t wanted)
{
	if (got == wanted || wrong++ > 20)
		return;
	say(what);
	say_number("  at", at);
	say_number("  gave", got);
	say_number("  should", wanted);
}

/* ---- registers ---- */

static struct {
	uint64_t at, value;
	unsigned int size;
} now;

static void load(void *arg)
{
	(void)arg;
	switch (now.size) {
	case 1: now.value = *(volatile uint8_t *)now.at; break;
	case 2: now.value = *(volatile uint16_t *)now.at; break;
	case 4: now.value = *(volatile uint32_t *)now.at; break;
	default: now.value = *(volatile uint64_t *)now.at;
	}
}

static void store(void *arg)
{
	(void)arg;
	switch (now.size) {
	case 1: *(volatile uint8_t *)now.at = (uint8_t)now.value; break;
	case 2: *(volatile uint16_t *)now.at = (uint16_t)now.value; break;
	case 4: *(volatile uint32_t *)now.at = (uint32_t)now.value; break;
	default: *(volatile uint64_t *)now.at = now.value;
	}
}

static uint64_t load_at(uint64_t at, unsigned int size)
{
	now.at = at;
	now.size = size;
	expect("a load faulted", at, (uint64_t)probe(load, 0), 0);
	return now.value;
}

static void store_at(uint64_t at, unsigned int size, uint64_t value)
{
	now.at = at;
	now.size = size;
	now.value = value;
	expect("a store faulted", at, (uint64_t)probe(store, 0), 0);
}

/* What of ones written is kept; of all others nothing is. */
static const struct {
	uint32_t reg, kept;
} writable[] = {
	{TPR, 0xff},        {LDR, 0xff000000}, {DFR, 0xffffffff}, {SVR, 0x1ff},
	{ICR2, 0xff000000}, {0x320, 0x300ff},  {0x330, 0x107ff},  {0x340, 0x107ff},
	{0x350, 0x1a7ff},   {0x360, 0x1a7ff},  {ERROR, 0x100ff},  {INITIAL, ~0u},
	{DIVIDE, 0xb},
};

#define WRITABLE (sizeof(writable) / sizeof(writable[0]))

static void quiet(void)
{
	*lapic(SVR) = 0x1ff;
	for (unsigned int reg = LVT; reg <= ERROR; reg += 0x10)
		*lapic(reg) = MASKED;
	*lapic(INITIAL) = 0;
	*lapic(TPR) = 0x1f; /* vectors below 32 are exceptions here */
	*lapic(LDR) = 0;
	*lapic(DFR) = ~0u;
}

static void registers(void)
{
	static const uint32_t values[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x55555555};

	for (unsigned int size = 1; size <= 8; size *= 2)
		for (uint64_t at = LAPIC; at < LAPIC + 4096; at++)
			load_at(at, size);
	for (unsigned int i = 0; i < WRITABLE; i++) {
		uint64_t at = LAPIC + writable[i].reg;

		for (unsigned int n = 0; n < 6; n++) {
			uint64_t before;

			store_at(at, 4, values[n]);
			before = *lapic(writable[i].reg);
			if (values[n] == ~0u)
				expect("register", at, before, writable[i].kept);
			/* Parts of a register are not written. */
			for (unsigned int part = 1; part < 4; part++) {
				store_at(at + part, 1, ~0ull);
				store_at(at + part, 4, ~0ull);
				store_at(at, 1 + part % 2, ~values[n]);
			}
			expect("part of a register", at, *lapic(writable[i].reg), before);
		}
		quiet();
	}
	for (uint32_t reg = 0; reg < 4096; reg += 0x10) {
		uint32_t before = *lapic(reg);

		for (unsigned int n = 0; n < 6 && reg != ICR; n++)
			store_at(LAPIC + reg, n & 1 ? 8 : 4, values[n]);
		quiet();
		if (reg == ID || reg == VERSION || (reg >= ISR && reg < ESR) || reg > DIVIDE)
			expect("read-only register", reg, *lapic(reg), before);
	}
	say("registers\n");
}

/* A guest has no IO-APIC: ones are read there, and behind the local one. */
static void nothing(void)
{
	for (unsigned int size = 1; size <= 8; size *= 2)
		for (uint64_t at = 0; at < 0x50; at++) {
			store_at(IO_APIC + at, size, 0x10);
			expect("IO-APIC", at, load_at(IO_APIC + at, size),
			       ~0ull >> (64 - 8 * size));
			store_at(NOWHERE + at, size, 0x10);
			expect("behind it", at, load_at(NOWHERE + at, size),
			       ~0ull >> (64 - 8 * size));
		}
	say("no others\n");
}

/* ---- messages to itself ---- */

static void let_in(void)
{
	__asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}

static unsigned int bits(uint32_t reg)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 8; i++)
		for (uint32_t word = *lapic(reg + i * 0x10); word; word &= word - 1)
			n++;
	return n;
}

/* Each vector, in each way that reaches this processor: all are requested, and taken once. */
static void vectors(void)
{
	static const uint32_t ways[] = {0x40000, FIXED, LOWEST, 0x80000, 0xffffffff};
	uint64_t before;

	*lapic(LDR) = 1u << 24;
	for (unsigned int way = 0; ways[way] != ~0u; way++) {
		before = this_cpu()->interrupts;
		*lapic(ESR) = 0;
		for (unsigned int vector = 0; vector < 256; vector++) {
			*lapic(ICR2) = (way & 1 ? 0u : 1u) << 24;
			*lapic(ICR) = ways[way] | (way == 2 ? 1u << 11 : 0) | vector;
		}
		*lapic(ESR) = 0;
		expect("illegal vectors", way, *lapic(ESR) & 0x20, 0x20);
		expect("requested", way, bits(IRR), 240);
		let_in();
		while (bits(IRR) > 16)
			let_in();
		expect("taken", way, this_cpu()->interrupts - before, 224);
		expect("in service", way, bits(ISR), 0);
	}
	quiet();
	say("vectors\n");
}

/* All other kinds: an NMI comes at once, the rest is nothing to a guest. INIT and start-up: storm(). */
static void kinds(void)
{
	for (unsigned int kind = 0; kind < 8; kind++)
		for (unsigned int other = 0; other < 64; other++) {
			uint64_t before = this_cpu()->interrupts;
			/* Level, trigger, logical, destination: only this one. */
			uint32_t icr = kind << 8 | (other & 3) << 14 | (other & 4) << 9;
			uint32_t to = other & 8 ? 1u << 18 : 0;

			if (kind == 0 || kind == 1 || kind == 5)
				continue;
			*lapic(LDR) = 1u << 24;
			*lapic(ICR2) = (icr >> 11 & 1) << 24;
			*lapic(ICR) = icr | to | (other & 0x30) << 2 | 2;
			/* Linux, and the manuals, know no NMI to oneself by shorthand. */
			expect("NMI", icr | to, this_cpu()->interrupts - before, kind == 4 && !to);
		}
	say("kinds\n");
}

/* ---- timer ---- */

/* Wait for @n interrupts, at most so many yields; a processor of 4 GHz takes seconds for them. */
static bool wait_interrupts(uint64_t since, uint64_t n)
{
	for (unsigned int i = 0; i < 2000000; i++) {
		if (this_cpu()->interrupts - since >= n)
			return true;
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		let_in();
	}
	return false;
}

static void timer(void)
{
	static const uint32_t counts[] = {1, 2, 0x7fffffff, 0x80000000, 0xffffffff};

	for (uint32_t divide = 0; divide < 16; divide++)
		for (uint32_t mode = 0; mode < 4; mode++) {
			uint64_t before;

			let_in();
			before = this_cpu()->interrupts;
			*lapic(LVT) = mode << 17 | 0x60;
			*lapic(DIVIDE) = divide;
			*lapic(INITIAL) = 1;
			/* Of modes that are none bit 17 counts. */
			expect("timer", divide << 4 | mode,
			       wait_interrupts(before, mode & 1 ? 3 : 1), 1);
			for (unsigned int i = 0; i < 5; i++) {
				*lapic(INITIAL) = counts[i];
				expect("count", divide, *lapic(CURRENT) > counts[i], 0);
				*lapic(DIVIDE) = (uint32_t)next_random();
				*lapic(CURRENT) = 1;
				*lapic(LVT) = (uint32_t)next_random() & 0x70000;
				expect("count", divide, *lapic(CURRENT) > counts[i], 0);
				*lapic(LVT) = mode << 17 | 0x60;
			}
			*lapic(INITIAL) = 0;
			expect("stopped", divide, *lapic(CURRENT), 0);
		}
	quiet();
	say("timer\n");
}

/* ---- MSRs ---- */

static void read_msr(void *arg)
{
	uint32_t low, high;

	(void)arg;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"((uint32_t)now.at));
	now.value = (uint64_t)high << 32 | low;
}

static void write_msr(void *arg)
{
	(void)arg;
	__asm__ volatile("wrmsr"
			 :
			 : "c"((uint32_t)now.at), "a"((uint32_t)now.value),
			   "d"((uint32_t)(now.value >> 32)));
}

/* Return: whether it was taken. */
static bool set_msr(uint32_t index, uint64_t value)
{
	now.at = index;
	now.value = value;
	return !probe(write_msr, 0);
}

static uint64_t get_msr(uint32_t index)
{
	now.at = index;
	now.value = ~0ull;
	probe(read_msr, 0);
	return now.value;
}

/* From the page to the MSRs and back: only by the ways there are. */
static void mode(uint64_t base, bool legal)
{
	uint64_t before = get_msr(BASE_MSR);

	expect("mode", base, set_msr(BASE_MSR, LAPIC | (before & BASE_BSP) | base), legal);
	if (!legal)
		expect("mode of before", base, get_msr(BASE_MSR), before);
}

static void msrs(void)
{
	uint64_t bsp = get_msr(BASE_MSR) & BASE_BSP;

	for (unsigned int bit = 0; bit < 64; bit++)
		if (bit != 8 && bit != 10 && bit != 11)
			expect("base", bit,
			       set_msr(BASE_MSR, (LAPIC | bsp | ENABLED) ^ 1ull << bit), 0);
	mode(X2APIC, false);
	mode(ENABLED | X2APIC, true);
	expect("page of the MSRs", 0, *lapic(VERSION), ~0u);
	for (unsigned int i = 0; i < 0x100; i++) {
		uint64_t before = get_msr(0x800 + i);

		for (unsigned int bit = 0; bit < 64 && i != 0x30; bit++) {
			set_msr(0x800 + i, 1ull << bit);
			set_msr(0x800 + i, ~(1ull << bit));
		}
		set_msr(0x800 + i, before);
	}
	/* To itself, and to nobody: every kind but INIT. */
	for (uint64_t icr = 0; icr < 0x100000; icr += 0x41)
		if ((icr & 0x700) != INIT)
			set_msr(0x830, (icr & ~0x80000ull) | (icr & 1 ? 0x12345ull << 32 : 0));
	expect("reserved bits", 0x830, set_msr(0x830, 1u << 12), 0);
	mode(ENABLED, false);
	mode(0, true);
	expect("page when switched off", 0, *lapic(VERSION), ~0u);
	mode(X2APIC, false);
	mode(ENABLED | X2APIC, false);
	mode(ENABLED, true);
	expect("page", 0, *lapic(VERSION) & 0xff, 0x14);
	quiet();
	say("msrs\n");
}

/* ---- among processors ---- */

static unsigned int cpus, rounds;
static volatile unsigned int storming;          /* the round that runs, 0: none */
static volatile unsigned int resting[MAX_CPUS]; /* the round after which each rests */

/* Any message to any but the first processor; those that start one lead to HALT_PAGE. */
static void message(bool x2apic)
{
	uint64_t r = next_random();
	uint32_t icr = (uint32_t)(r & 0xcf00) | (uint32_t)(r >> 32 & 0xff);
	uint32_t to = 1 + (uint32_t)(r >> 16) % (cpus - 1);

	if ((icr & 0x700) == INIT && (r >> 40 & 15)) /* else nobody lives long */
		icr ^= INIT ^ NMI;
	if ((icr & 0x700) == STARTUP)
		icr = STARTUP | HALT_PAGE >> 12;
	if ((icr & 0x700) < 0x200)
		icr |= 32;
	if (icr & 0x800) /* logical: one or several */
		to = (uint32_t)(r >> 24) & 0xe;
	if (x2apic) {
		set_msr(0x830, (uint64_t)(icr & 0x800 ? to << to : to * 2) << 32 | icr);
	} else {
		*lapic(ICR2) = (icr & 0x800 ? to : to * 2) << 24;
		*lapic(ICR) = icr;
	}
}

/* Others are started again while they run, the start right behind the INIT: none of the two is lost. */
static void spin(unsigned int id)
{
	(void)id;
	for (;;)
		__asm__ volatile("pause");
}

static void restarts(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		start_cpu(1 + i % (cpus - 1), spin);
	say_number("restarts", n);
}

/* From whichever it is in. */
static void change_mode(bool x2apic)
{
	set_msr(BASE_MSR, LAPIC);
	set_msr(BASE_MSR, LAPIC | ENABLED);
	*lapic(SVR) = 0x1ff;
	*lapic(TPR) = 0x1f;
	*lapic(LDR) = 1u << this_cpu()->id << 24;
	if (x2apic)
		set_msr(BASE_MSR, LAPIC | ENABLED | X2APIC);
}

static void storm(unsigned int id)
{
	unsigned int round;

	while (!(round = __atomic_load_n(&storming, __ATOMIC_ACQUIRE)))
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	for (unsigned int i = 0; i < rounds && storming; i++) {
		bool x2apic = i >> 5 & 1;

		if (!(i & 31))
			change_mode(x2apic);
		message(x2apic);
		if (x2apic)
			continue;
		*lapic(LVT) = PERIODIC | 0x70;
		*lapic(INITIAL) = i & 3;
		let_in();
	}
	resting[id] = round;
	for (;;)
		call3(__HYPERVISOR_vcpu_op, VCPUOP_down, id, 0);
}

static bool runs(unsigned int id, unsigned int round)
{
	return resting[id] != round && call3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, id, 0) == 1;
}

/* What a start-up interrupt of a storm leads to, and an NMI in 16-bit mode: CLI, HLT; IRET. */
static void halt_page(void)
{
	static const uint8_t code[] = {0xfa, 0xf4, 0xeb, 0xfc, 0xcf};

	memcpy((void *)(uintptr_t)HALT_PAGE, code, sizeof(code));
	for (volatile uint32_t *at = 0; at < (uint32_t *)1024; at++)
		*at = HALT_PAGE + 4;
}

static void storms(unsigned int n)
{
	uint64_t started = 0;

	halt_page();
	for (unsigned int round = 1; round <= n; round++) {
		for (unsigned int id = 1; id < cpus; id++)
			start_cpu(id, storm);
		started += cpus - 1;
		__atomic_store_n(&storming, round, __ATOMIC_RELEASE);
		for (unsigned int id = 1; id < cpus; id++)
			while (runs(id, round))
				call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		__atomic_store_n(&storming, 0, __ATOMIC_RELEASE);
	}
	say_number("processors started", started);
}

/* The first one goes down by its own INIT, and the second starts it again. */
static void end(unsigned int id)
{
	(void)id;
	say_number("wrong", wrong);
	finish();
}

static void starter(unsigned int id)
{
	(void)id;
	while (call3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 0, 0) != 0)
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	change_mode(false); /* an INIT leaves it in the one that a storm ended in */
	start_cpu(0, end);
	for (;;)
		call3(__HYPERVISOR_vcpu_op, VCPUOP_down, 1, 0);
}

void guest_main(void *start_info)
{
	guest_setup(start_info);
	cpus = (unsigned int)guest_option("vcpus", 2);
	rounds = (unsigned int)guest_option("rounds", 1000);
	quiet();
	registers();
	nothing();
	vectors();
	kinds();
	timer();
	msrs();
	restarts((unsigned int)guest_option("restarts", 300));
	storms((unsigned int)guest_option("storms", 10));
	start_cpu(1, starter);
	*lapic(ICR2) = 0;
	*lapic(ICR) = INIT | 1u << 14;
	spin(0);
}
