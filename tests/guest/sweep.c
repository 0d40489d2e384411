/* Every MSR in reach (read, and what was read written back), every CPUID leaf. */
#include "lib/lib.h"

static struct {
	uint32_t index;
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

static void msrs(void)
{
	static const uint32_t ranges[][2] = {
		{0, 0x3fff},
		{0x40000000, 0x40000fff},
		{0xc0000000, 0xc0003fff},
		{0xc0010000, 0xc0013fff},
	};
	uint64_t readable = 0, writable = 0, absent = 0;

	for (unsigned int i = 0; i < 4; i++)
		for (now.index = ranges[i][0]; now.index <= ranges[i][1]; now.index++) {
			if (probe(read_msr, 0)) {
				absent++;
				now.value = ~0ull; /* and garbage there */
				probe(write_msr, 0);
				continue;
			}
			readable++;
			writable += !probe(write_msr, 0);
		}
	say_number("msrs readable", readable);
	say_number("msrs writable", writable);
	say_number("msrs absent", absent);
}

static void leaves(void)
{
	static const uint32_t first[] = {0, 0x40000000, 0x80000000, 0xc0000000, 0xfffff000};
	uint64_t filled = 0;

	for (unsigned int i = 0; i < 5; i++)
		for (uint32_t n = 0; n < 0x400; n++)
			for (uint32_t sub = 0; sub < 8; sub++) {
				uint32_t a = first[i] + n, b, c = sub, d;

				__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
				filled += (a | b | c | d) != 0;
			}
	say_number("leaves", filled);
}

void guest_main(void *start_info)
{
	guest_setup(start_info);
	leaves();
	msrs();
	finish();
}
