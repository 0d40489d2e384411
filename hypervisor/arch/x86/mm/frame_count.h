/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/* How many entries of a page table are in use, kept in its frame's record; mm/frames.c has these. */

/** @table has just been allocated and is empty. */
void table_count_init(mfn_t table);

/** @table is about to be freed. */
void table_count_fini(mfn_t table);

/** @n entries more (or fewer) are in use. */
void table_count_add(mfn_t table, int n);

/** Whether no entry is in use. */
bool table_count_empty(mfn_t table);
