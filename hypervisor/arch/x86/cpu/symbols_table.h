/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/* Functions by rising address; each entry's name is at names + name. Made by symbols.py. */
struct symbol {
	uint32_t offset; /* from image_start */
	uint32_t name;
};

extern const struct symbol symbol_table[];
extern const uint32_t symbol_count;
extern const char symbol_names[];
