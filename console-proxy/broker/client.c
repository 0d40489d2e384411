// SPDX-License-Identifier: Apache-2.0
#include "broker.h"

#include "sock.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Most bytes one client gets in one turn. */
#define CLIENT_TURN ((size_t)128 << 10)

void client_destroy(struct client *c)
{
	struct console *console = c->console;

	LIST_REMOVE(c, link);
	c->broker->clients--;
	loop_close(&c->broker->loop, &c->source);
	free(c);
	if (console)
		console_put(console);
}

static bool client_gone(struct client *c)
{
	client_destroy(c);
	return false;
}

static void client_listen(struct client *c, uint32_t events, bool on)
{
	uint32_t now = c->source.events;

	loop_set(&c->broker->loop, &c->source, on ? now | events : now & ~events);
}

void client_resume(struct client *c)
{
	if (!c->held)
		return;
	c->held = false;
	client_listen(c, EPOLLIN, true);
}

static void client_say(struct client *c, const char *text)
{
	c->note_len = (size_t)snprintf(c->note, sizeof(c->note), "%s", text);
	c->note_sent = 0;
}

/* Say how much was overwritten before @c got to it. */
static void client_catch_up(struct client *c)
{
	uint64_t oldest = history_oldest(&c->console->store.history);
	char text[sizeof(c->note)];

	if (c->pos >= oldest)
		return;
	snprintf(text, sizeof(text), "\r\n--- domus: %" PRIu64 " bytes skipped ---\r\n",
		 oldest - c->pos);
	c->pos = oldest;
	client_say(c, text);
}

/* The next bytes to send. Return: how many, 0 when there are none for now. */
static size_t client_next(struct client *c, const void **data)
{
	const uint8_t *piece;
	size_t len;

	if (c->note_sent == c->note_len && c->console)
		client_catch_up(c);
	if (c->note_sent < c->note_len) {
		*data = c->note + c->note_sent;
		return c->note_len - c->note_sent;
	}
	if (!c->console || c->pos >= c->end)
		return 0;
	len = history_peek(&c->console->store.history, &c->pos, &piece);
	*data = piece;
	return len < c->end - c->pos ? len : (size_t)(c->end - c->pos);
}

static void client_sent(struct client *c, size_t len)
{
	if (c->note_sent < c->note_len)
		c->note_sent += len;
	else
		c->pos += len;
}

bool client_pump(struct client *c)
{
	size_t done = 0;
	const void *data;
	size_t len;

	while ((len = client_next(c, &data)) && done < CLIENT_TURN) {
		ssize_t n = send(c->source.fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return client_gone(c);
		client_sent(c, (size_t)n);
		done += (size_t)n;
	}
	client_listen(c, EPOLLOUT, len != 0);
	return !len && c->closing ? client_gone(c) : true;
}

static void client_attach(struct client *c, struct console *console)
{
	LIST_REMOVE(c, link);
	LIST_INSERT_HEAD(&console->clients, c, link);
	c->console = console;
	console->used = util_now_ms();
}

static void client_finish(struct client *c, const char *reply)
{
	client_say(c, reply);
	c->closing = true;
	client_listen(c, EPOLLIN, false);
}

static void client_do_attach(struct client *c, const struct session_request *request)
{
	struct console *console = console_get(c->broker, request->uuid);

	if (!console) {
		client_finish(c, "error no room for another console\n");
		return;
	}
	client_attach(c, console);
	c->writable = request->writable;
	c->pos = history_begin(&console->store.history);
	c->end = UINT64_MAX;
	client_say(c, "ok\n");
}

static void client_do_log(struct client *c, const struct session_request *request)
{
	struct console *console = console_find(c->broker, request->uuid);

	if (!console || console->forgotten) {
		client_finish(c, "error no such console\n");
		return;
	}
	client_attach(c, console);
	c->pos = history_oldest(&console->store.history);
	c->end = history_end(&console->store.history);
	client_finish(c, "ok\n");
}

static void client_do_forget(struct client *c, const struct session_request *request)
{
	struct console *console = console_find(c->broker, request->uuid);

	if (console)
		console_forget(console);
	client_finish(c, "ok\n");
}

static void client_do_ping(struct client *c, const struct session_request *request)
{
	(void)request;
	client_finish(c, "ok\n");
}

static void (*const client_verbs[])(struct client *, const struct session_request *) = {
	[SESSION_ATTACH] = client_do_attach,
	[SESSION_LOG] = client_do_log,
	[SESSION_FORGET] = client_do_forget,
	[SESSION_PING] = client_do_ping,
};

static void client_refuse(struct client *c, const char *why)
{
	char reply[sizeof(c->note)], rest[1024];

	/* Unread bytes would turn the close into a reset, and the reply be lost with it. */
	for (int i = 0; i < 16 && recv(c->source.fd, rest, sizeof(rest), 0) > 0; i++)
		;
	snprintf(reply, sizeof(reply), "error %s\n", why);
	client_finish(c, reply);
}

/* Read the request. Return: false when @c is gone. */
static bool client_ask(struct client *c)
{
	ssize_t n = sock_read_line(c->source.fd, c->line, sizeof(c->line), &c->line_len);
	struct session_request request;
	const char *why;

	if (n == -EAGAIN)
		return true;
	if (n < 0 && n != -EMSGSIZE)
		return client_gone(c);
	if (n == -EMSGSIZE)
		client_refuse(c, "request too long");
	else if (session_parse(c->line, &request, &why))
		client_refuse(c, why);
	else
		client_verbs[request.verb](c, &request);
	return client_pump(c);
}

/* Read what was typed; what nobody may or can take is dropped. Return: false when @c is gone. */
static bool client_type(struct client *c)
{
	struct console *console = c->console;
	bool wanted = c->writable && console->guest;
	size_t room = sizeof(console->input) - console->input_len;
	uint8_t dropped[1024];
	ssize_t n;

	if (wanted && !room) {
		c->held = true;
		client_listen(c, EPOLLIN, false);
		return true;
	}
	n = wanted ? recv(c->source.fd, console->input + console->input_len, room, 0) :
		     recv(c->source.fd, dropped, sizeof(dropped), 0);
	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return client_gone(c);
	if (wanted) {
		console->input_len += (size_t)n;
		console->eager = true;
		console_push_input(console);
	}
	return true;
}

static void client_ready(struct loop_source *source, uint32_t events)
{
	struct client *c = container_of(source, struct client, source);

	/* What is typed comes first: a flood of output must not keep Ctrl-C out. */
	if (events & EPOLLIN && !(c->console ? client_type(c) : client_ask(c)))
		return;
	if (events & EPOLLOUT)
		client_pump(c);
	else if (!(events & EPOLLIN))
		client_destroy(c); /* hung up, and nothing left to read */
}

void client_create(struct broker *b, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c || b->clients >= BROKER_MAX_CLIENTS) {
		free(c);
		close(fd);
		return;
	}
	c->broker = b;
	c->source.fd = fd;
	c->source.ready = client_ready;
	if (loop_add(&b->loop, &c->source, EPOLLIN)) {
		free(c);
		close(fd);
		return;
	}
	LIST_INSERT_HEAD(&b->strangers, c, link);
	b->clients++;
}
