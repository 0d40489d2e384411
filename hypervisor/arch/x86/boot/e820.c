/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/boot/boot_info.h"

/* Physical addresses beyond this can't be: also keeps every sum below from wrapping. */
#define E820_LIMIT (1ULL << 52)

void boot_e820_add(struct boot_info *info, uint64_t addr, uint64_t size, uint32_t type)
{
	if (addr >= E820_LIMIT || !size || info->nr_e820 == BOOT_MAX_E820)
		return;
	info->e820[info->nr_e820++] = (struct e820_range){
		.addr = addr,
		.size = min(size, E820_LIMIT - addr),
		.type = type,
	};
}

/* RAM yields to everything; of the rest the firmware's own ranges matter most. They are numbered so. */
static uint32_t type_rank(uint32_t type)
{
	return type && type <= E820_NVS ? type : E820_NVS + 1;
}

/* The next address after @at where a range begins or ends. */
static uint64_t next_edge(const struct boot_info *in, uint64_t at)
{
	uint64_t edge = E820_LIMIT;

	for_each_e820(in, e) {
		uint64_t start = e->addr, end = start + e->size;

		if (start > at)
			edge = min(edge, start);
		if (end > at)
			edge = min(edge, end);
	}
	return edge;
}

/* The type that wins at address @at, or 0 where nothing is. */
static uint32_t type_at(const struct boot_info *in, uint64_t at)
{
	uint32_t type = 0;

	for_each_e820(in, e) {
		if (at < e->addr || at - e->addr >= e->size)
			continue;
		if (!type || type_rank(e->type) > type_rank(type))
			type = e->type;
	}
	return type;
}

bool e820_append(struct e820_range *map, uint32_t *nr, struct e820_range r)
{
	struct e820_range *last = *nr ? &map[*nr - 1] : NULL;

	if (last && last->type == r.type && last->addr + last->size == r.addr) {
		last->size += r.size;
		return true;
	}
	if (*nr == BOOT_MAX_E820)
		return false;
	map[(*nr)++] = r;
	return true;
}

void boot_e820_sanitise(struct boot_info *info)
{
	static struct e820_range out[BOOT_MAX_E820];
	uint32_t n = 0, kept = 0;

	for (uint64_t at = 0, edge; at < E820_LIMIT; at = edge) {
		uint32_t type = type_at(info, at);

		edge = next_edge(info, at);
		if (type)
			e820_append(out, &n, (struct e820_range){at, edge - at, type});
	}
	for (uint32_t i = 0; i < n; i++) {
		struct e820_range e = out[i];

		if (e.type == E820_RAM) {
			uint64_t start = ALIGN_UP(e.addr, PAGE_SIZE);
			uint64_t end = ALIGN_DOWN(e.addr + e.size, PAGE_SIZE);

			if (start >= end)
				continue;
			e.addr = start;
			e.size = end - start;
		}
		info->e820[kept++] = e;
	}
	info->nr_e820 = kept;
}
