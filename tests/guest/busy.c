// SPDX-License-Identifier: Apache-2.0
/* Harmless, and never idle: all processors count, the first says now and then how far it has got. */
#include "lib/lib.h"

#define WORK   20000u
#define REPORT (1u << 28) /* ticks of the TSC */

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Mostly its own, now and then a hypercall. */
static void piece_of_work(void)
{
	for (volatile unsigned int i = 0; i < WORK; i++)
		;
	call_op(__HYPERVISOR_xen_version, 0, 0);
}

static void worker(unsigned int id)
{
	(void)id;
	for (;;)
		piece_of_work();
}

void guest_main(void *start_info)
{
	guest_setup(start_info);
	start_cpus((unsigned int)guest_option("vcpus", 1), worker);
	say("begun\n");
	for (;;) {
		uint64_t begun = ticks(), now, done = 0;

		do {
			piece_of_work();
			done++;
			now = ticks();
		} while (now - begun < REPORT);
		say_number("rate", done * REPORT / (now - begun));
	}
}
