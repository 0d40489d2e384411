/*
 * Fills its memory with a secret ("fill=1"), or looks for one in memory it was given and has not
 * written ("secret found=N" words). From 2 MiB up to "end=N" MiB; the loader's own pages are counted
 * only if they hold the secret.
 */
#include "lib/lib.h"

#define SECRET 0x5ec4e75ec4e7d00dull

void guest_main(void *start_info)
{
	volatile uint64_t *at = (void *)(uintptr_t)IMAGE_END;
	volatile uint64_t *end;
	uint64_t found = 0, words = 0;

	guest_setup(start_info);
	end = (void *)(uintptr_t)(guest_option("end", 8) << 20);
	if (guest_option("fill", 0)) {
		/* The secret is turned, so that the code that looks for it does not hold it. */
		for (; at < end; at++)
			*at = ~SECRET;
		say("filled\n");
	} else {
		for (; at < end; at++, words++)
			found += *at == ~SECRET;
		say_number("words", words);
		say_number("secret found", found);
	}
	finish();
}
