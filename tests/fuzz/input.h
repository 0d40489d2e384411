/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libFuzzer calls; each target has one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. Reads beyond its end give zeroes. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline void input_bytes(struct input *in, void *to, size_t len)
{
	size_t n = len < in->left ? len : in->left;

	memset(to, 0, len);
	memcpy(to, in->at, n);
	in->at += n;
	in->left -= n;
}

/** The next @len bytes (at most 8) as a little-endian number. */
static inline uint64_t input_number(struct input *in, size_t len)
{
	uint64_t v = 0;

	input_bytes(in, &v, len);
	return v;
}

/** Stop here, as a crash, unless @cond holds. */
#define INSIST(cond)                                                                       \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                           \
		}                                                                          \
	} while (0)

/** The window of memory that a parser may read: @size bytes at address @base. */
struct window {
	uint64_t base;
	const uint8_t *data;
	size_t size;
	void *copy; /* of the last read, exactly as long, so that a read beyond it is seen */
};

static inline const void *window_read(struct window *w, uint64_t pa, size_t len)
{
	if (pa < w->base || len > w->size || pa - w->base > w->size - len)
		return NULL;
	free(w->copy);
	w->copy = malloc(len ? len : 1);
	memcpy(w->copy, w->data + (pa - w->base), len);
	return w->copy;
}

static inline void window_close(struct window *w)
{
	free(w->copy);
	w->copy = NULL;
}

#endif
