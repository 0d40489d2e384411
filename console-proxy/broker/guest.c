// SPDX-License-Identifier: Apache-2.0
#include "broker.h"

#include <errno.h>
#include <string.h>

/* What one guest may take of us in a slice; above it, it waits for the next one. */
#define SLICE_MS     100
#define SLICE_EVENTS 4000
#define SLICE_BYTES  (1u << 20)

static void guest_drain(struct guest *g)
{
	uint8_t buf[RING_OUT_SIZE];
	int broken;
	size_t n = ring_take_output(g->ring, buf, &broken);

	if (broken && !g->complained) {
		util_log("domain %u broke its console ring; output was dropped", g->domid);
		g->complained = true;
	}
	if (n) {
		xen_notify(g->broker->xen, g->port);
		g->slice_bytes += (uint32_t)n;
		console_output(g->console, buf, n);
	}
}

int64_t guest_deadline(const struct guest *g)
{
	return g->deferred ? g->slice + SLICE_MS : INT64_MAX;
}

void guest_service(struct guest *g)
{
	int64_t now = util_now_ms();

	if (now - g->slice >= SLICE_MS) {
		g->slice = now;
		g->slice_events = g->slice_bytes = 0;
	}
	g->slice_events++;
	guest_drain(g);
	if (g->console->input_len)
		console_push_input(g->console);
	g->deferred = g->slice_events >= SLICE_EVENTS || g->slice_bytes >= SLICE_BYTES;
	if (!g->deferred)
		xen_unmask(g->broker->xen, g->port);
}

static struct guest *guest_create(struct broker *b, uint32_t domid)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->broker = b;
	g->domid = domid;
	LIST_INSERT_HEAD(&b->guests, g, link);
	return g;
}

static void guest_release(struct guest *g)
{
	LIST_REMOVE(g, link);
	free(g);
}

/* Map and bind what @where names. */
static int guest_connect(struct guest *g, const struct xen_console *where)
{
	struct xen *xen = g->broker->xen;
	int port;

	g->ring = xen_map(xen, g->domid, where->gfn, &g->granted);
	if (!g->ring)
		return -EFAULT;
	port = xen_bind(xen, g->domid, where->port);
	if (port < 0) {
		xen_unmap(xen, g->ring, g->granted);
		g->ring = NULL;
		return port;
	}
	g->port = (uint32_t)port;
	return 0;
}

/* From here on @g speaks on @c. A broker that was restarted just goes on. */
static void guest_attach(struct guest *g, struct console *c)
{
	struct history *history = &c->store.history;

	if (c->guest)
		guest_destroy(c->guest);
	c->guest = g;
	g->console = c;
	if (history->header->domid != g->domid) {
		history->header->domid = g->domid;
		history_mark_start(history);
		console_notice(c, "guest started");
	}
	/* What was said before the port was bound raised no event. */
	guest_service(g);
}

static int guest_start(struct guest *g, const struct xen_console *where)
{
	struct console *c = console_get(g->broker, where->uuid);
	int rc;

	if (!c)
		return -ENOMEM;
	rc = guest_connect(g, where);
	if (rc) {
		console_put(c);
		return rc;
	}
	guest_attach(g, c);
	util_log("domain %u speaks on console %s", g->domid, c->uuid);
	return 0;
}

/* Start @g if xenstore says enough. Return: 0, -EAGAIN, or another error: it is of no use. */
static int guest_try(struct guest *g)
{
	struct xen_console where;
	int rc = xen_describe(g->broker->xen, g->domid, &where);

	if (!rc)
		rc = guest_start(g, &where);
	if (rc && rc != -EAGAIN && rc != -ENOTSUP)
		util_log("console of domain %u: %s", g->domid, strerror(-rc));
	return rc;
}

void guest_discover(struct broker *b, uint32_t domid)
{
	struct guest *g = guest_create(b, domid);
	int rc;

	if (!g)
		return;
	rc = guest_try(g);
	if (rc == -EAGAIN)
		xen_watch(b->xen, domid, 1);
	else if (rc)
		guest_release(g);
}

void guest_retry(struct guest *g)
{
	int rc = guest_try(g);

	if (rc == -EAGAIN)
		return;
	xen_watch(g->broker->xen, g->domid, 0);
	if (rc)
		guest_release(g);
}

void guest_destroy(struct guest *g)
{
	struct console *c = g->console;

	if (!c) {
		xen_watch(g->broker->xen, g->domid, 0);
		guest_release(g);
		return;
	}
	guest_drain(g);
	xen_unmap(g->broker->xen, g->ring, g->granted);
	xen_unbind(g->broker->xen, g->port);
	c->guest = NULL;
	c->store.history.header->domid = 0;
	util_log("domain %u left console %s", g->domid, c->uuid);
	guest_release(g);
	console_notice(c, "guest stopped");
	console_push_input(c); /* to nobody: typed bytes are not for its next start */
	console_put(c);
}
