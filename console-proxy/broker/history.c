// SPDX-License-Identifier: Apache-2.0
#include "history.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define HISTORY_VERSION 1

static const char history_magic[8] = "DOMUSCON";

static_assert(sizeof(struct history_header) == 40, "fixed format");
static_assert(offsetof(struct history_header, total) == 24, "fixed format");

static void history_bind(struct history *h, void *mem, size_t size)
{
	h->header = mem;
	h->ring = (uint8_t *)mem + HISTORY_HEADER_SIZE;
	h->size = size;
}

void history_format(struct history *h, void *mem, size_t size)
{
	history_bind(h, mem, size);
	memset(h->header, 0, sizeof(*h->header));
	memcpy(h->header->magic, history_magic, sizeof(history_magic));
	h->header->version = HISTORY_VERSION;
	h->header->size = size;
}

int history_open(struct history *h, void *mem, size_t size)
{
	const struct history_header *header = mem;

	if (memcmp(header->magic, history_magic, sizeof(history_magic)) ||
	    header->version != HISTORY_VERSION || header->size != size ||
	    header->started > header->total || header->total > INT64_MAX)
		return -EINVAL;
	history_bind(h, mem, size);
	return 0;
}

void history_append(struct history *h, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint64_t total = h->header->total;
	size_t at, first;

	if (len > h->size) {
		total += len - h->size;
		bytes += len - h->size;
		len = h->size;
	}
	at = (size_t)(total % h->size);
	first = len < h->size - at ? len : h->size - at;
	memcpy(h->ring + at, bytes, first);
	memcpy(h->ring, bytes + first, len - first);
	/* A successor that maps the same file sees the bytes no later than the count. */
	__atomic_store_n(&h->header->total, total + len, __ATOMIC_RELEASE);
}

void history_mark_start(struct history *h)
{
	h->header->started = h->header->total;
}

uint64_t history_oldest(const struct history *h)
{
	return h->header->total > h->size ? h->header->total - h->size : 0;
}

uint64_t history_begin(const struct history *h)
{
	uint64_t oldest = history_oldest(h);

	return h->header->started > oldest ? h->header->started : oldest;
}

uint64_t history_end(const struct history *h)
{
	return h->header->total;
}

size_t history_peek(const struct history *h, uint64_t *pos, const uint8_t **data)
{
	uint64_t oldest = history_oldest(h);
	uint64_t left;
	size_t at;

	if (*pos < oldest)
		*pos = oldest;
	at = (size_t)(*pos % h->size);
	left = h->header->total - *pos;
	*data = h->ring + at;
	return left < h->size - at ? (size_t)left : h->size - at;
}
