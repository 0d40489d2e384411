/*
 * A guest that calls every hypercall number many times with random arguments, some of them
 * pointers to random bytes, and then triple-faults.
 */
#include "guest.h"

enum { NUMBERS = 64, ROUNDS = 400, BUFFER = 8192 };

static uint64_t buffer[BUFFER / sizeof(uint64_t)];
static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Small numbers reach the sub-operations, pointers their structures, the rest nothing. */
static uint64_t argument(void)
{
	uint64_t r = next_random();

	switch (r & 7) {
	case 0:
	case 1:
	case 2: return (r >> 8) & 63;
	case 3:
	case 4: return (uint64_t)(uintptr_t)buffer + ((r >> 8) & 0xff8);
	case 5: return 0x7ff0; /* DOMID_SELF */
	case 6: return (r >> 8) & 0xffffffff;
	default: return next_random();
	}
}

static void scribble(void)
{
	for (unsigned int i = 0; i < BUFFER / sizeof(uint64_t); i++) {
		uint64_t r = next_random();

		buffer[i] = (r & 1) ? r >> 8 & 0xff : r;
	}
}

/* sched_op and its old form end this domain or put it to sleep, which would end the test early. */
static int skipped(unsigned int nr)
{
	return nr == 6 || nr == 29;
}

void guest_main(void *start_info)
{
	(void)start_info;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		scribble();
		for (unsigned int nr = 0; nr < NUMBERS; nr++) {
			uint64_t a[5] = {argument(), argument(), argument(), argument(),
					 argument()};

			if (!skipped(nr))
				hypercall(nr, a);
		}
	}
	/* Those two by their harmless sub-operations only: yield, and a poll that is already over. */
	hypercall(29, (uint64_t[5]){0, 0, 0, 0, 0});
	hypercall(29, (uint64_t[5]){99, (uint64_t)(uintptr_t)buffer, 0, 0, 0});
	triple_fault();
}
