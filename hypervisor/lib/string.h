/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* The C library's functions of these names; ours in the image, libc's in hosted tests. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/**
 * Copy the string @src into @dst of @size bytes, always terminated.
 * Return: the length of @src, which is >= @size when it was cut.
 */
size_t strlcpy(char *dst, const char *src, size_t size);

/** Copy @len bytes that need no terminator into @dst of @size bytes as a string, cut to fit. */
void str_from_bytes(char *dst, size_t size, const char *src, size_t len);
