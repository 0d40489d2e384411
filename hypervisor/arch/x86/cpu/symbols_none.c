/* SPDX-License-Identifier: Apache-2.0 */
/* The first link's symbol table: empty. */
#include "arch/x86/cpu/symbols.h"

const uint32_t symbol_count __attribute__((section(".symbol_table"))) = 0;
const struct symbol symbol_table[] __attribute__((section(".symbol_table"))) = {{0, 0}};
const char symbol_names[] __attribute__((section(".symbol_table"))) = "";
