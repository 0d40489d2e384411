/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/**
 * The function that holds @addr. Return: its name, with the distance in @offset, or NULL.
 * The table is made from the first link and linked in by the second.
 */
const char *symbol_find(uint64_t addr, uint64_t *offset);

/* Functions by rising address; each entry's name is at names + name. Made by symbols.py. */
struct symbol {
	uint32_t offset; /* from image_start */
	uint32_t name;
};

extern const struct symbol symbol_table[];
extern const uint32_t symbol_count;
extern const char symbol_names[];
