// SPDX-License-Identifier: Apache-2.0
#include "hypercall/xenctl_bitmap.h"

#include "core/guest.h"
#include "lib/errno.h"

/* No guest has more CPUs or nodes to name; what lies beyond in its buffer is left alone. */
#define MAX_BYTES 1024u

static uint32_t bytes_of(const struct xenctl_bitmap *map)
{
	return map->nr_bits / 8 + (map->nr_bits % 8 != 0);
}

int xenctl_bitmap_read(const struct xenctl_bitmap *map, uint64_t *bits)
{
	uint64_t b = 0;

	if (guest_read(&b, handle_gva(map->bitmap), min(bytes_of(map), (uint32_t)sizeof(b))))
		return -EFAULT;
	if (map->nr_bits < 64)
		b &= (1ULL << map->nr_bits) - 1;
	*bits = b;
	return 0;
}

int xenctl_bitmap_write(const struct xenctl_bitmap *map, uint64_t bits)
{
	uint32_t bytes = min(bytes_of(map), MAX_BYTES), n = min(bytes, (uint32_t)sizeof(bits));

	if (map->nr_bits < 64)
		bits &= (1ULL << map->nr_bits) - 1;
	if (guest_write(handle_gva(map->bitmap), &bits, n))
		return -EFAULT;
	return bytes > n && guest_clear(handle_gva(map->bitmap) + n, bytes - n) ? -EFAULT : 0;
}
