// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#include <string.h>

static uint32_t ring_load(const XENCONS_RING_IDX *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void ring_store(XENCONS_RING_IDX *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

/* Bytes from @index to the end of the array: the first of at most two pieces. */
static size_t ring_piece(uint32_t index, size_t size, size_t len)
{
	size_t left = size - (index & (size - 1));

	return len < left ? len : left;
}

size_t ring_take_output(struct xencons_interface *ring, uint8_t buf[RING_OUT_SIZE], int *broken)
{
	uint32_t prod = ring_load(&ring->out_prod);
	uint32_t cons = ring_load(&ring->out_cons);
	size_t len = prod - cons;
	size_t first = ring_piece(cons, RING_OUT_SIZE, len);

	*broken = len > RING_OUT_SIZE;
	if (*broken)
		len = 0;
	if (len) {
		memcpy(buf, &ring->out[MASK_XENCONS_IDX(cons, ring->out)], first);
		memcpy(buf + first, ring->out, len - first);
	}
	if (prod != cons)
		ring_store(&ring->out_cons, prod);
	return len;
}

size_t ring_put_input(struct xencons_interface *ring, const uint8_t *data, size_t len)
{
	uint32_t cons = ring_load(&ring->in_cons);
	uint32_t prod = ring_load(&ring->in_prod);
	size_t used = prod - cons;
	size_t first;

	if (used >= RING_IN_SIZE)
		return 0;
	if (len > RING_IN_SIZE - used)
		len = RING_IN_SIZE - used;
	if (!len)
		return 0;
	first = ring_piece(prod, RING_IN_SIZE, len);
	memcpy(&ring->in[MASK_XENCONS_IDX(prod, ring->in)], data, first);
	memcpy(ring->in, data + first, len - first);
	ring_store(&ring->in_prod, prod + (uint32_t)len);
	return len;
}
