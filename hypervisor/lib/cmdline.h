/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/**
 * Find the word `@name` or `@name=value` in @cmdline (words apart by blanks; the last one wins).
 *
 * The value goes to @buf as a string, cut to @size; a bare word's value is "".
 * Return: whether the word is there; @buf is untouched when it is not.
 */
bool cmdline_get(const char *cmdline, const char *name, char *buf, size_t size);

/** A byte count `@name=1024M` (suffixes K M G T; none means bytes), else @fallback. */
uint64_t cmdline_size(const char *cmdline, const char *name, uint64_t fallback);

/** An unsigned number `@name=12` or `0x1f`, else @fallback. */
uint64_t cmdline_number(const char *cmdline, const char *name, uint64_t fallback);

/** A switch: bare, 1, on, yes, true; or 0, off, no, false; or `no-@name`. Else @fallback. */
bool cmdline_bool(const char *cmdline, const char *name, bool fallback);

/** Parse the whole of @s as a byte count. Return: 0, or -EINVAL (empty, junk, overflow). */
int must_check parse_size(const char *s, uint64_t *bytes);
