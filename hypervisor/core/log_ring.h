/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/console.h"

/** The last CONSOLE_RING_SIZE bytes of the log; all zero is empty. The user serialises. */
struct log_ring {
	uint32_t head, tail; /* positions, free-running: the next byte written, the oldest kept */
	char buf[CONSOLE_RING_SIZE];
};

void log_ring_write(struct log_ring *r, const char *buf, size_t len);
void log_ring_clear(struct log_ring *r);

/** See console_read_ring(). */
uint32_t log_ring_read(const struct log_ring *r, char *buf, uint32_t size, bool incremental,
		       uint32_t *index);

/** Take @len bytes of what guests may write to the log; false if it is used up. Context: the console's lock is held. */
bool log_guest_allowed(size_t len);
