// SPDX-License-Identifier: Apache-2.0
#include "proxy.h"

#include "sock.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define GATE_TIMEOUT_MS 10000

struct gate {
	LIST_ENTRY(gate) link;
	struct proxy *proxy;
	struct loop_source client;
	struct loop_source service; /* tickets first, then the backend */
	int64_t deadline;
	struct handshake handshake;
	struct grant grant;
	const struct backend *backend;
	size_t head_len, have; /* head[head_len..have) came behind the handshake */
	size_t line_have;
	char head[HANDSHAKE_HEAD_MAX];
	char line[TICKET_REPLY_MAX];
};

static void gate_destroy(struct gate *g)
{
	struct proxy *p = g->proxy;

	loop_close(&p->loop, &g->client);
	loop_close(&p->loop, &g->service);
	LIST_REMOVE(g, link);
	p->gate_count--;
	explicit_bzero(g, sizeof(*g)); /* it held a ticket */
	free(g);
	proxy_update_timer(p);
}

static void gate_refuse(struct gate *g, enum refusal why)
{
	char response[1024], rest[1024];
	size_t len = refusal_format(why, response, sizeof(response));

	util_log("refused user=%s vm=%s code=%s", *g->grant.user ? g->grant.user : "-",
		 *g->grant.vm ? g->grant.vm : "-", refusal_code(why));
	/* One small response always fits a fresh socket; who doesn't read it has lost it. */
	if (send(g->client.fd, response, len, MSG_NOSIGNAL) < 0)
		util_log("refusal not delivered: %s", strerror(errno));
	/* Unread bytes would turn the close into a reset, and the response be lost with it. */
	shutdown(g->client.fd, SHUT_WR);
	for (int i = 0; i < 64 && recv(g->client.fd, rest, sizeof(rest), 0) > 0; i++)
		;
	gate_destroy(g);
}

/* Connect the service socket to @fd and say @request there. Return: 0 or a negative errno. */
static int gate_ask(struct gate *g, int fd, const char *request, size_t len,
		    void (*ready)(struct loop_source *, uint32_t))
{
	g->service.fd = fd;
	g->service.ready = ready;
	g->line_have = 0;
	if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		return -EIO;
	return loop_add(&g->proxy->loop, &g->service, EPOLLIN);
}

static void gate_open(struct gate *g)
{
	struct proxy *p = g->proxy;
	int client = loop_release(&p->loop, &g->client);
	int service = loop_release(&p->loop, &g->service);

	viewer_create(p, client, &g->handshake, g->head + g->head_len, g->have - g->head_len,
		      &g->grant, service);
	gate_destroy(g);
}

static void gate_backend_ready(struct loop_source *source, uint32_t events)
{
	struct gate *g = container_of(source, struct gate, service);
	ssize_t n;

	(void)events;
	n = sock_read_line(source->fd, g->line, BACKEND_LINE_MAX, &g->line_have);
	if (n == -EAGAIN)
		return;
	if (n < 0)
		gate_refuse(g, REFUSAL_BACKEND_DOWN);
	else if (!g->backend->accepts(g->line))
		gate_refuse(g, REFUSAL_BACKEND_REFUSED);
	else
		gate_open(g);
}

static enum refusal gate_check_grant(struct gate *g)
{
	const struct proxy *p = g->proxy;

	g->backend = backend_find(g->grant.kind);
	if (!g->backend)
		return REFUSAL_KIND;
	if (p->viewer_count >= p->max_total)
		return REFUSAL_TOTAL_LIMIT;
	if (viewer_count(p, g->grant.user) >= p->max_per_user)
		return REFUSAL_USER_LIMIT;
	return REFUSAL_NONE;
}

static void gate_connect_backend(struct gate *g)
{
	char request[BACKEND_LINE_MAX];
	size_t len;
	int fd = g->backend->connect(&g->proxy->backend, &g->grant);

	if (fd < 0) {
		util_log("backend %s: %s", g->grant.kind, strerror(-fd));
		gate_refuse(g, REFUSAL_BACKEND_DOWN);
		return;
	}
	if (!g->backend->request) {
		g->service.fd = fd;
		gate_open(g);
		return;
	}
	len = g->backend->request(&g->grant, request, sizeof(request));
	if (gate_ask(g, fd, request, len, gate_backend_ready))
		gate_refuse(g, REFUSAL_BACKEND_DOWN);
}

static void gate_ticket_ready(struct loop_source *source, uint32_t events)
{
	struct gate *g = container_of(source, struct gate, service);
	enum refusal why;
	ssize_t n;
	int rc;

	(void)events;
	n = sock_read_line(source->fd, g->line, sizeof(g->line), &g->line_have);
	if (n == -EAGAIN)
		return;
	loop_close(&g->proxy->loop, source);
	rc = n < 0 ? (int)n : ticket_parse(g->line, &g->grant);
	if (rc) {
		gate_refuse(g, rc == -EACCES ? REFUSAL_TICKET : REFUSAL_TICKETS_DOWN);
		return;
	}
	why = gate_check_grant(g);
	if (why)
		gate_refuse(g, why);
	else
		gate_connect_backend(g);
}

static void gate_redeem(struct gate *g)
{
	char request[HANDSHAKE_TICKET_MAX + 16];
	int fd = sock_connect(g->proxy->tickets);
	int len;

	if (fd < 0) {
		util_log("%s: %s", g->proxy->tickets, strerror(-fd));
		gate_refuse(g, REFUSAL_TICKETS_DOWN);
		return;
	}
	/* From here on we only care whether the client is still there. */
	loop_set(&g->proxy->loop, &g->client, 0);
	len = snprintf(request, sizeof(request), "redeem %s\n", g->handshake.ticket);
	if (gate_ask(g, fd, request, (size_t)len, gate_ticket_ready))
		gate_refuse(g, REFUSAL_TICKETS_DOWN);
}

static void gate_head(struct gate *g)
{
	enum refusal why;

	g->head_len = handshake_head_length(g->head, g->have);
	if (!g->head_len) {
		if (g->have == sizeof(g->head))
			gate_refuse(g, REFUSAL_TOO_LARGE);
		return;
	}
	why = handshake_parse(g->head, g->head_len, &g->handshake);
	if (why)
		gate_refuse(g, why);
	else
		gate_redeem(g);
}

static void gate_client_ready(struct loop_source *source, uint32_t events)
{
	struct gate *g = container_of(source, struct gate, client);
	ssize_t n;

	if (!(events & EPOLLIN)) {
		gate_destroy(g);
		return;
	}
	n = recv(source->fd, g->head + g->have, sizeof(g->head) - g->have, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		gate_destroy(g);
		return;
	}
	g->have += (size_t)n;
	gate_head(g);
}

void gate_create(struct proxy *p, int fd)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g) {
		close(fd);
		return;
	}
	g->proxy = p;
	g->client.fd = fd;
	g->client.ready = gate_client_ready;
	g->service.fd = -1;
	g->deadline = util_now_ms() + GATE_TIMEOUT_MS;
	LIST_INSERT_HEAD(&p->gates, g, link);
	p->gate_count++;
	proxy_update_timer(p);
	if (p->gate_count > PROXY_MAX_GATES)
		gate_refuse(g, REFUSAL_TOTAL_LIMIT);
	else if (loop_add(&p->loop, &g->client, EPOLLIN))
		gate_destroy(g);
}

void gate_tick(struct proxy *p, int64_t now_ms)
{
	struct gate *g, *next;

	for (g = LIST_FIRST(&p->gates); g; g = next) {
		next = LIST_NEXT(g, link);
		if (g->deadline <= now_ms)
			gate_refuse(g, g->service.fd < 0 ? REFUSAL_SLOW : REFUSAL_BACKEND_DOWN);
	}
}

void gate_destroy_all(struct proxy *p)
{
	while (!LIST_EMPTY(&p->gates))
		gate_destroy(LIST_FIRST(&p->gates));
}
