/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>

#include "lib/types.h"

/**
 * Format into @buf of @size bytes, always terminated when @size > 0.
 *
 * Knows %d %u %x %c %s %% with the flags '-', '0' (to 32 digits at the most) and '#', a width, for %s a
 * precision (or '*'), and the lengths l, ll and z. Return: the length the whole text has, as C99's vsnprintf. Context: any.
 */
int format_va(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);

/* format_va() under the C library's names; libc's own in hosted tests. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/* Levels: put first in the format, as printk(LOG_ERR "..."). Without one a line is between the last two. */
#define LOG_ERR   "<0>"
#define LOG_WARN  "<1>"
#define LOG_DEBUG "<3>"

/**
 * Log a line to the ring and, by level, to the serial port; core/console.c's. Context: any, after
 * console_init(); takes the console's lock.
 */
void printk(const char *fmt, ...) __printf(1, 2);
void vprintk(const char *fmt, va_list ap) __printf(1, 0);
