/* SPDX-License-Identifier: Apache-2.0 */
#include "mm/heap.h"

/*
 * Eight plain stores a turn: as good as any string instruction on hardware whose limit is the
 * memory, and several times as fast under an emulator that runs those one word at a time.
 */
void page_clear(void *p)
{
	uint64_t *q = p;

	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*q); i += 8) {
		WRITE_ONCE(q[i], 0);
		WRITE_ONCE(q[i + 1], 0);
		WRITE_ONCE(q[i + 2], 0);
		WRITE_ONCE(q[i + 3], 0);
		WRITE_ONCE(q[i + 4], 0);
		WRITE_ONCE(q[i + 5], 0);
		WRITE_ONCE(q[i + 6], 0);
		WRITE_ONCE(q[i + 7], 0);
	}
}
