/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/xen.h"
#include "lib/types.h"

/* Record types (public hvm/save.h hides the numbers in types' sizes). */
enum {
	SAVE_END = HVM_SAVE_CODE(END),
	SAVE_HEADER = HVM_SAVE_CODE(HEADER),
	SAVE_CPU = HVM_SAVE_CODE(CPU),
	SAVE_MTRR = HVM_SAVE_CODE(MTRR),
};
static_assert(HVM_SAVE_LENGTH(CPU) == 0x408, "abi.md, trap 21");

/**
 * The record at *@at of the @size bytes at @buf: *@desc is its descriptor and *@at moves to its data.
 * Return: false when there is none whole.
 */
bool save_next(const void *buf, size_t size, size_t *at, struct hvm_save_descriptor *desc);

/**
 * Check every record of @buf: known type, exact length, instance below @nr_vcpus, values a guest may
 * be entered with. Return: 0 or -EINVAL. Pure.
 */
int must_check hvm_save_check(const void *buf, size_t size, unsigned int nr_vcpus);
