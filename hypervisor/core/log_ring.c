/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log_ring.h"

#include "arch/x86/cpu/clock.h"

/* What all guests together may write to the log, by hypercall or port: a burst, filled again with time. */
#define GUEST_LOG_BURST  16384ull
#define GUEST_LOG_PER_MS 16u /* bytes */

void log_ring_clear(struct log_ring *r)
{
	r->tail = r->head;
}

void log_ring_write(struct log_ring *r, const char *buf, size_t len)
{
	while (len--)
		r->buf[r->head++ % CONSOLE_RING_SIZE] = *buf++;
	if (r->head - r->tail > CONSOLE_RING_SIZE)
		r->tail = r->head - CONSOLE_RING_SIZE;
}

uint32_t log_ring_read(const struct log_ring *r, char *buf, uint32_t size, bool incremental,
		       uint32_t *index)
{
	uint32_t at = r->tail, n;

	/* Only a position between the oldest and the newest byte is still good. */
	if (incremental && *index - r->tail <= r->head - r->tail)
		at = *index;
	n = min(size, r->head - at);
	for (uint32_t i = 0; i < n; i++)
		buf[i] = r->buf[(at + i) % CONSOLE_RING_SIZE];
	*index = at + n;
	return n;
}

bool log_guest_allowed(size_t len)
{
	static uint64_t budget = GUEST_LOG_BURST, filled; /* bytes; ns of the last filling */
	uint64_t gained = min((now_ns() - filled) / 1000000, GUEST_LOG_BURST);

	if (gained) {
		budget = min(budget + gained * GUEST_LOG_PER_MS, GUEST_LOG_BURST);
		filled = now_ns();
	}
	if (budget < len)
		return false;
	budget -= len;
	return true;
}
