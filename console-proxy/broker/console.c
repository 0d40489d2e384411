// SPDX-License-Identifier: Apache-2.0
#include "broker.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * Linux hands its console out in pieces of 16 bytes. Each would cost every viewer a frame and a TLS
 * record, so output that keeps coming is gathered for a moment.
 */
#define CONSOLE_GATHER_MS    4
#define CONSOLE_GATHER_BYTES 8192

struct console *console_find(struct broker *b, const char *uuid)
{
	struct console *c;

	LIST_FOREACH(c, &b->consoles, link)
	{
		if (!strcmp(c->uuid, uuid))
			return c;
	}
	return NULL;
}

static bool console_idle(const struct console *c)
{
	return !c->guest && LIST_EMPTY(&c->clients);
}

/* Make room: the console nobody has used for longest goes. */
static void console_evict(struct broker *b)
{
	struct console *c, *oldest = NULL;

	LIST_FOREACH(c, &b->consoles, link)
	{
		if (console_idle(c) && (!oldest || c->used < oldest->used))
			oldest = c;
	}
	if (oldest) {
		store_remove(b->dirfd, oldest->uuid);
		console_destroy(oldest);
	}
}

struct console *console_get(struct broker *b, const char *uuid)
{
	struct console *c = console_find(b, uuid);

	if (c && !c->forgotten)
		return c;
	if (c)
		return NULL;
	if (b->console_count >= BROKER_MAX_CONSOLES)
		console_evict(b);
	if (b->console_count >= BROKER_MAX_CONSOLES)
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c || store_open(&c->store, b->dirfd, uuid, b->limit)) {
		free(c);
		return NULL;
	}
	c->broker = b;
	strcpy(c->uuid, uuid);
	LIST_INIT(&c->clients);
	LIST_INSERT_HEAD(&b->consoles, c, link);
	b->console_count++;
	c->used = util_now_ms();
	return c;
}

void console_destroy(struct console *c)
{
	while (!LIST_EMPTY(&c->clients))
		client_destroy(LIST_FIRST(&c->clients));
	LIST_REMOVE(c, link);
	c->broker->console_count--;
	store_close(&c->store);
	free(c);
}

void console_put(struct console *c)
{
	bool empty = !history_end(&c->store.history);

	c->used = util_now_ms();
	if (!console_idle(c) || (!empty && !c->forgotten))
		return;
	if (empty)
		store_remove(c->broker->dirfd, c->uuid);
	console_destroy(c);
}

void console_forget(struct console *c)
{
	struct client *client, *next;

	store_remove(c->broker->dirfd, c->uuid);
	c->forgotten = true;
	for (client = LIST_FIRST(&c->clients); client; client = next) {
		next = LIST_NEXT(client, link);
		LIST_REMOVE(client, link);
		client->console = NULL;
		LIST_INSERT_HEAD(&c->broker->strangers, client, link);
		client_destroy(client);
	}
	console_put(c);
}

int64_t console_deadline(const struct console *c)
{
	return c->dirty ? c->flushed + CONSOLE_GATHER_MS : INT64_MAX;
}

void console_flush(struct console *c, int64_t now)
{
	struct client *client, *next;

	c->flushed = now;
	c->dirty = c->eager = false;
	for (client = LIST_FIRST(&c->clients); client; client = next) {
		next = LIST_NEXT(client, link);
		/* One who waits for its socket is called by the loop. */
		if (!(client->source.events & EPOLLOUT))
			client_pump(client);
	}
}

static bool console_may_gather(const struct console *c, int64_t now)
{
	const struct client *client;

	if (c->eager || now - c->flushed >= CONSOLE_GATHER_MS)
		return false;
	LIST_FOREACH(client, &c->clients, link)
	{
		if (history_end(&c->store.history) - client->pos >= CONSOLE_GATHER_BYTES)
			return false;
	}
	return true;
}

void console_output(struct console *c, const void *data, size_t len)
{
	int64_t now = util_now_ms();

	store_append(&c->store, data, len);
	if (console_may_gather(c, now))
		c->dirty = true;
	else
		console_flush(c, now);
}

void console_notice(struct console *c, const char *text)
{
	char line[128], when[32];
	time_t now = time(NULL);
	struct tm tm;
	int len;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	len = snprintf(line, sizeof(line), "\r\n--- domus: %s, %s ---\r\n", text, when);
	console_output(c, line, (size_t)len);
}

void console_push_input(struct console *c)
{
	struct client *client;
	size_t n = c->input_len;

	if (c->guest)
		n = ring_put_input(c->guest->ring, c->input, c->input_len);
	if (!n)
		return;
	if (c->guest)
		xen_notify(c->broker->xen, c->guest->port);
	c->input_len -= n;
	memmove(c->input, c->input + n, c->input_len);
	LIST_FOREACH(client, &c->clients, link)
	client_resume(client);
}
