/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last bytes a console has said, in a ring over memory the caller gives. Positions count bytes
 * since the console's first word and never wrap, so a reader is just a position: however slow it
 * is, it holds nobody up and only loses what has been overwritten.
 *
 * The memory may be a file mapping: what it holds is checked before it is believed.
 */
#ifndef BROKER_HISTORY_H
#define BROKER_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "util.h"

#define HISTORY_HEADER_SIZE 4096

/* First bytes of the memory; the ring itself begins at HISTORY_HEADER_SIZE. Version 1. */
struct history_header {
	char magic[8];
	uint32_t version;
	uint32_t domid;   /* domain that spoke last; history itself does not use it */
	uint64_t size;    /* bytes of the ring */
	uint64_t total;   /* bytes ever written */
	uint64_t started; /* position where the guest's present start begins */
};

struct history {
	struct history_header *header;
	uint8_t *ring;
	size_t size;
};

/** Begin an empty history in @mem, which has HISTORY_HEADER_SIZE + @size bytes. */
void history_format(struct history *h, void *mem, size_t size);

/**
 * Go on with the history found in @mem.
 * Return: 0, or -EINVAL when there is none of this @size there (@h is untouched).
 */
must_check int history_open(struct history *h, void *mem, size_t size);

/** Append; only the last bytes of what exceeds the ring are kept. */
void history_append(struct history *h, const void *data, size_t len);

/** What is said from here on belongs to a new start of the guest. */
void history_mark_start(struct history *h);

/** Position of the oldest byte that is still there. */
uint64_t history_oldest(const struct history *h);

/** Where one who attaches begins: the guest's present start, or the oldest byte since. */
uint64_t history_begin(const struct history *h);

/** Position behind the newest byte. */
uint64_t history_end(const struct history *h);

/**
 * The next contiguous bytes from @pos on, which first jumps to the oldest byte if it lags behind.
 * @data stays valid until the next append. The caller moves @pos by what it used.
 * Return: length of the piece, 0 at the end.
 */
size_t history_peek(const struct history *h, uint64_t *pos, const uint8_t **data);

#endif
