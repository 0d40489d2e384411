/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/**
 * @size bytes of the hypervisor's memory, aligned to 16 (to a page above 2 KiB).
 * Return: NULL when there is none. Context: any; takes the heap and buddy locks.
 */
void *must_check xmalloc(size_t size);

/** As xmalloc(), zeroed. */
void *must_check xzalloc(size_t size);

/** An array of @n zeroed elements of @size bytes; NULL also when the product overflows. */
void *must_check xcalloc(size_t n, size_t size);

/** Free what xmalloc() and friends gave; NULL is fine. A page that empties is freed at once. */
void xfree(void *p);

/** Zero the page at @p, fast. */
void page_clear(void *p);
