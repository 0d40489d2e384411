/* See window.h. */
#include "window.h"

#define PRESENT 3u /* and writable */

extern uint64_t level2[]; /* boot.S: 2 MiB each */
void execute_code(struct regs *r);

static uint64_t entries[512] __attribute__((aligned(4096)));
static uint8_t frames[WINDOW_PAGES][4096] __attribute__((aligned(4096)));
uint64_t execute_at;

uint8_t *window_frame(unsigned int page)
{
	return frames[page];
}

void window_map(unsigned int page, uint64_t at)
{
	level2[WINDOW >> 21] = (uintptr_t)entries | PRESENT;
	entries[page] = at ? at | PRESENT : 0;
	__asm__ volatile("invlpg (%0)" : : "r"((uintptr_t)WINDOW + page * 4096ul) : "memory");
}

static void run(void *r)
{
	execute_code(r);
}

int execute(struct regs *r, uint64_t at)
{
	execute_at = at;
	return probe(run, r);
}

void say_bytes(const char *name, const uint8_t *bytes, unsigned int n)
{
	static const char digits[] = "0123456789abcdef";
	char text[4] = {' '};

	say(name);
	say(":");
	for (unsigned int i = 0; i < n; i++) {
		text[1] = digits[bytes[i] >> 4];
		text[2] = digits[bytes[i] & 15];
		say(text);
	}
	say("\n");
}
