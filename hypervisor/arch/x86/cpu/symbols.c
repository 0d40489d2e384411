/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/symbols.h"

extern const char image_start[], text_end[];

const char *symbol_find(uint64_t addr, uint64_t *offset)
{
	uint32_t lo = 0, hi = symbol_count;
	uint64_t at;

	*offset = 0;
	if (addr < (uintptr_t)image_start || addr >= (uintptr_t)text_end || !hi)
		return NULL;
	at = addr - (uintptr_t)image_start;
	if (at < symbol_table[0].offset)
		return NULL;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (symbol_table[mid].offset <= at)
			lo = mid;
		else
			hi = mid;
	}
	*offset = at - symbol_table[lo].offset;
	return symbol_names + symbol_table[lo].name;
}
