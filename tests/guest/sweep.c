/* Every MSR in reach (read, and what was read written back), every CPUID leaf, every I/O port. */
#include "lib/lib.h"

#include <stdbool.h>

#define MSR_TSC            0x10u
#define MSR_APIC_BASE      0x1bu
#define MSR_PRED_CMD       0x49u
#define MSR_HYPERCALL_PAGE 0x40000000u

static struct {
	uint32_t index;
	uint32_t size;
	uint64_t value;
} now;

static void read_msr(void *arg)
{
	uint32_t low, high;

	(void)arg;
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(now.index));
	now.value = (uint64_t)high << 32 | low;
}

static void write_msr(void *arg)
{
	(void)arg;
	__asm__ volatile("wrmsr"
			 :
			 : "c"(now.index), "a"((uint32_t)now.value),
			   "d"((uint32_t)(now.value >> 32)));
}

/*
 * Each bit of an MSR that exists changed, all bits and none, and again what it held. Return: whether that is
 * what it holds then.
 */
static bool boundaries(void)
{
	const uint64_t was = now.value;

	for (unsigned int i = 0; i < 66; i++) {
		now.value = i < 64 ? was ^ 1ull << i : i == 64 ? 0 : ~0ull;
		probe(write_msr, 0);
	}
	if (now.index == MSR_APIC_BASE) { /* from the MSRs to the page only by way of off */
		now.value = was & ~0xc00ull;
		probe(write_msr, 0);
	}
	now.value = was;
	probe(write_msr, 0);
	return now.index == MSR_TSC || (!probe(read_msr, 0) && now.value == was);
}

/* Those that cannot be read: a page of hypercalls to where memory is, and is not; barriers. */
static void written_only(void)
{
	static const uint64_t values[] = {0,          0x1000,     0x8001,     0xfee00000,
					  0xfec00000, 0x50000000, 1ull << 40, 1ull << 52,
					  1ull << 63, ~0xfffull};

	for (unsigned int i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		now.index = MSR_HYPERCALL_PAGE;
		now.value = values[i];
		if (!probe(write_msr, 0))
			say_number("hypercall page", values[i]);
		now.index = MSR_PRED_CMD;
		now.value = values[i];
		probe(write_msr, 0);
	}
}

static void msrs(void)
{
	static const uint32_t ranges[][2] = {
		{0, 0x3fff},
		{0x40000000, 0x40000fff},
		{0xc0000000, 0xc0003fff},
		{0xc0010000, 0xc0013fff},
	};
	uint64_t readable = 0, writable = 0, absent = 0, changed = 0;

	for (unsigned int i = 0; i < 4; i++) {
		uint32_t first = 0;

		/* One more than the range, to tell where the last row of those that exist ends. */
		for (now.index = ranges[i][0]; now.index <= ranges[i][1] + 1; now.index++) {
			bool exists = !probe(read_msr, 0);

			if (exists && !first)
				first = now.index;
			if (!exists && first) {
				say_number("msr", first);
				say_number("to", now.index - 1);
				first = 0;
			}
			if (exists) {
				readable++;
				writable += !probe(write_msr, 0);
				changed += !boundaries();
			} else {
				absent++;
				now.value = ~0ull; /* and garbage there */
				if (!probe(write_msr, 0))
					say_number("msr that is only written", now.index);
			}
		}
	}
	say_number("msrs readable", readable);
	say_number("msrs writable", writable);
	say_number("msrs absent", absent);
	written_only();
	say_number("msrs changed", changed);
}

static uint32_t cpuid(uint32_t leaf, uint32_t sub)
{
	uint32_t a = leaf, b, c = sub, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return a | b | c | d;
}

/* Each leaf that says anything is told, and everywhere else leaves are tried at random. */
static void leaves(void)
{
	static const uint32_t first[] = {0, 0x40000000, 0x80000000, 0xc0000000, 0xfffff000};

	for (unsigned int i = 0; i < 5; i++)
		for (uint32_t n = 0; n < 0x400; n++) {
			uint32_t any = 0;

			for (uint32_t sub = 0; sub < 8; sub++)
				any |= cpuid(first[i] + n, sub);
			if (any)
				say_number("leaf", first[i] + n);
		}
	for (unsigned int i = 0; i < 20000; i++) {
		uint32_t leaf = (uint32_t)next_random();

		if ((leaf & 0x3fffffff) >= 0x400 && cpuid(leaf, (uint32_t)next_random()))
			say_number("leaf", leaf);
	}
	say("leaves tried\n");
}

static uint64_t answering; /* ports that do not read as ones */

static void port_in(void *arg)
{
	uint32_t v;
	uint16_t port = (uint16_t)now.index;

	(void)arg;
	v = 0;
	if (now.size == 1)
		__asm__ volatile("inb %%dx, %%al" : "+a"(v) : "d"(port));
	else if (now.size == 2)
		__asm__ volatile("inw %%dx, %%ax" : "+a"(v) : "d"(port));
	else
		__asm__ volatile("inl %%dx, %%eax" : "+a"(v) : "d"(port));
	answering += v != ~0u >> (32 - 8 * now.size);
}

static void port_out(void *arg)
{
	uint16_t port = (uint16_t)now.index;
	uint32_t v = 0xa5a5a5a5;

	(void)arg;
	if (now.size == 1)
		__asm__ volatile("outb %%al, %%dx" : : "a"(v), "d"(port));
	else if (now.size == 2)
		__asm__ volatile("outw %%ax, %%dx" : : "a"(v), "d"(port));
	else
		__asm__ volatile("outl %%eax, %%dx" : : "a"(v), "d"(port));
}

static void strings(void *arg)
{
	static uint8_t space[8192];
	uint64_t n = 4096;
	void *at = space;

	(void)arg;
	__asm__ volatile("rep insb" : "+D"(at), "+c"(n) : "d"((uint16_t)now.index) : "memory");
}

static void ports(void)
{
	uint64_t faults = 0;

	for (now.size = 1; now.size <= 4; now.size *= 2)
		for (now.index = 0; now.index < 0x10000; now.index += now.size)
			faults += !!probe(port_in, 0) + !!probe(port_out, 0);
	for (now.index = 0; now.index < 0x10000; now.index += 0x1555)
		faults += !!probe(strings, 0);
	say_number("ports faulting", faults);
	say_number("ports answering", answering);
}

void guest_main(void *start_info)
{
	guest_setup(start_info);
	leaves();
	msrs();
	ports();
	finish();
}
