// SPDX-License-Identifier: Apache-2.0
#include "broker.h"

#include "sock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

/* Bounds of one turn, so that no kind of work starves another. */
#define TURN_EVENTS  32
#define TURN_ACCEPTS 8
#define MAX_DOMAINS  1024

static struct guest *broker_guest(struct broker *b, uint32_t domid)
{
	struct guest *g;

	LIST_FOREACH(g, &b->guests, link)
	{
		if (g->domid == domid)
			return g;
	}
	return NULL;
}

/* Bring the guests in line with what xenstore knows. */
static void broker_scan(struct broker *b)
{
	static uint32_t domids[MAX_DOMAINS];
	struct guest *g, *next;
	size_t i, count;

	for (g = LIST_FIRST(&b->guests); g; g = next) {
		next = LIST_NEXT(g, link);
		if (!xen_alive(b->xen, g->domid))
			guest_destroy(g);
	}
	count = xen_list(b->xen, domids, ARRAY_SIZE(domids));
	for (i = 0; i < count; i++) {
		g = broker_guest(b, domids[i]);
		if (g && !g->console)
			guest_retry(g);
		else if (!g && xen_alive(b->xen, domids[i]))
			guest_discover(b, domids[i]);
	}
}

static void broker_news(struct loop_source *source, uint32_t events)
{
	struct broker *b = container_of(source, struct broker, news);

	if (xen_store_drain(b->xen) || events & (EPOLLHUP | EPOLLERR)) {
		b->lost = true;
		return;
	}
	broker_scan(b);
}

static void broker_events(struct loop_source *source, uint32_t events)
{
	struct broker *b = container_of(source, struct broker, events);
	struct guest *g;
	int i, port;

	(void)events;
	for (i = 0; i < TURN_EVENTS; i++) {
		port = xen_pending(b->xen);
		if (port < 0)
			return;
		LIST_FOREACH(g, &b->guests, link)
		{
			if (g->console && g->port == (uint32_t)port) {
				guest_service(g);
				break;
			}
		}
	}
}

static void broker_accept(struct loop_source *source, uint32_t events)
{
	struct broker *b = container_of(source, struct broker, listener);
	int i, fd;

	(void)events;
	for (i = 0; i < TURN_ACCEPTS; i++) {
		fd = sock_accept(source->fd);
		if (fd < 0)
			return;
		client_create(b, fd);
	}
}

/* Take up the histories an earlier broker has left. */
static void broker_restore(struct broker *b)
{
	const struct dirent *entry;
	DIR *dir;
	int fd;

	fd = b->dirfd < 0 ? -1 : fcntl(b->dirfd, F_DUPFD_CLOEXEC, 0);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		util_closep(&fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (util_is_uuid(entry->d_name) && !console_get(b, entry->d_name))
			util_log("history %s cannot be taken up", entry->d_name);
	}
	closedir(dir);
}

static int broker_watch(struct broker *b, struct loop_source *source, int fd,
			void (*ready)(struct loop_source *, uint32_t))
{
	source->fd = fd;
	source->ready = ready;
	return loop_add(&b->loop, source, EPOLLIN);
}

int broker_init(struct broker *b, struct xen *xen, const char *socket, const char *group, int dirfd,
		size_t limit)
{
	int rc, fd;

	*b = (struct broker){.xen = xen, .dirfd = dirfd, .limit = limit};
	b->listener.fd = -1;
	rc = loop_init(&b->loop);
	if (rc)
		return rc;
	broker_restore(b);
	rc = broker_watch(b, &b->news, xen_store_fd(xen), broker_news);
	if (!rc)
		rc = broker_watch(b, &b->events, xen_event_fd(xen), broker_events);
	if (rc)
		return rc;
	broker_scan(b);
	fd = sock_listen(socket, group);
	return fd < 0 ? fd : broker_watch(b, &b->listener, fd, broker_accept);
}

void broker_fini(struct broker *b)
{
	while (!LIST_EMPTY(&b->strangers))
		client_destroy(LIST_FIRST(&b->strangers));
	while (!LIST_EMPTY(&b->guests))
		guest_destroy(LIST_FIRST(&b->guests));
	while (!LIST_EMPTY(&b->consoles))
		console_destroy(LIST_FIRST(&b->consoles));
	loop_close(&b->loop, &b->listener);
	loop_fini(&b->loop);
	util_closep(&b->dirfd);
}

static int64_t broker_deadline(const struct broker *b)
{
	int64_t first = INT64_MAX;
	const struct console *c;
	const struct guest *g;

	LIST_FOREACH(c, &b->consoles, link)
	{
		if (console_deadline(c) < first)
			first = console_deadline(c);
	}
	LIST_FOREACH(g, &b->guests, link)
	{
		if (guest_deadline(g) < first)
			first = guest_deadline(g);
	}
	return first;
}

static void broker_tick(struct broker *b, int64_t now)
{
	struct console *c, *next;
	struct guest *g;

	LIST_FOREACH(g, &b->guests, link)
	{
		if (guest_deadline(g) <= now)
			guest_service(g);
	}
	for (c = LIST_FIRST(&b->consoles); c; c = next) {
		next = LIST_NEXT(c, link);
		if (console_deadline(c) <= now)
			console_flush(c, now);
	}
}

int broker_turn(struct broker *b, int timeout_ms)
{
	int64_t deadline = broker_deadline(b);
	int rc;

	if (deadline != INT64_MAX) {
		int64_t left = deadline - util_now_ms();

		left = left < 0 ? 0 : left;
		if (timeout_ms < 0 || left < timeout_ms)
			timeout_ms = (int)left;
	}
	rc = loop_turn(&b->loop, timeout_ms);
	broker_tick(b, util_now_ms());
	if (b->lost)
		return -ECONNRESET;
	return rc < 0 ? rc : 0;
}
