/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_CPU_SYMBOLS_H
#define ARCH_X86_CPU_SYMBOLS_H

#include "lib/types.h"

/**
 * The function that holds @addr. Return: its name, with the distance in @offset, or NULL.
 * The table is made from the first link and linked in by the second.
 */
const char *symbol_find(uint64_t addr, uint64_t *offset);

#endif
