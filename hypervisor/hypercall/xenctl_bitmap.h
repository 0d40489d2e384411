/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/xen.h"
#include "lib/types.h"

/** Read the low 64 bits of a guest's bitmap; bits beyond its length are 0. Return: 0, -EFAULT. */
int must_check xenctl_bitmap_read(const struct xenctl_bitmap *map, uint64_t *bits);
/** Write @bits to a guest's bitmap, cut or filled with zeros to its length. Return: 0, -EFAULT. */
int must_check xenctl_bitmap_write(const struct xenctl_bitmap *map, uint64_t bits);
