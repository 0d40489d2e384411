/* A guest that sets a watchdog and never feeds it. */
#include "guest.h"

#define SCHED_OP 29
#define WATCHDOG 6

void guest_main(void *start_info)
{
	static const struct {
		uint32_t id, seconds;
	} arm = {0, 1};
	const uint64_t args[5] = {WATCHDOG, (uintptr_t)&arm};

	(void)start_info;
	if (hypercall(SCHED_OP, args) != 1)
		triple_fault();
	for (;;)
		;
}
