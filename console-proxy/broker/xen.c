// SPDX-License-Identifier: Apache-2.0
#include "xen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xenstore.h>

/* Grant reference the builder sets aside for the console page (xen/grant_table.h). */
#define CONSOLE_GRANT GNTTAB_RESERVED_CONSOLE

/* Who serves a console is its type; other toolstacks name other daemons there. */
#define XEN_CONSOLE_TYPE "domus"

struct xen {
	struct xs_handle *store;
	xenevtchn_handle *events;
	xengnttab_handle *grants;
	xenforeignmemory_handle *memory;
};

static int xen_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

static int xen_connect(struct xen *x)
{
	x->store = xs_open(0);
	if (!x->store)
		return -errno;
	x->events = xenevtchn_open(NULL, 0);
	if (!x->events)
		return -errno;
	/* Either way of mapping will do, so neither device is required by itself. */
	x->grants = xengnttab_open(NULL, 0);
	x->memory = xenforeignmemory_open(NULL, 0);
	if (!x->grants && !x->memory)
		return -errno;
	if (!xs_watch(x->store, "@introduceDomain", "domains") ||
	    !xs_watch(x->store, "@releaseDomain", "domains"))
		return -errno;
	return xen_set_nonblocking(xenevtchn_fd(x->events));
}

int xen_open(struct xen **out)
{
	struct xen *x = calloc(1, sizeof(*x));
	int rc;

	if (!x)
		return -ENOMEM;
	rc = xen_connect(x);
	if (rc) {
		xen_close(x);
		return rc;
	}
	*out = x;
	return 0;
}

void xen_close(struct xen *x)
{
	if (!x)
		return;
	if (x->memory)
		xenforeignmemory_close(x->memory);
	if (x->grants)
		xengnttab_close(x->grants);
	if (x->events)
		xenevtchn_close(x->events);
	if (x->store)
		xs_close(x->store);
	free(x);
}

int xen_store_fd(struct xen *x)
{
	return xs_fileno(x->store);
}

int xen_event_fd(struct xen *x)
{
	return xenevtchn_fd(x->events);
}

int xen_store_drain(struct xen *x)
{
	struct pollfd pfd = {.fd = xs_fileno(x->store), .events = POLLIN};
	char **news;

	while ((news = xs_check_watch(x->store)))
		free(news);
	if (poll(&pfd, 1, 0) > 0 && pfd.revents & (POLLHUP | POLLERR | POLLNVAL))
		return -ECONNRESET;
	return 0;
}

size_t xen_list(struct xen *x, uint32_t *domids, size_t max)
{
	unsigned int i, count = 0;
	size_t n = 0;
	char **names;

	names = xs_directory(x->store, XBT_NULL, "/local/domain", &count);
	for (i = 0; names && i < count && n < max; i++) {
		uint64_t domid;

		if (!util_parse_u64(names[i], DOMID_FIRST_RESERVED - 1, &domid) && domid)
			domids[n++] = (uint32_t)domid;
	}
	free(names);
	return n;
}

int xen_alive(struct xen *x, uint32_t domid)
{
	return xs_is_domain_introduced(x->store, domid);
}

static char *xen_read(struct xen *x, uint32_t domid, const char *node)
{
	char path[80];

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, node);
	return xs_read(x->store, XBT_NULL, path, NULL);
}

int xen_describe(struct xen *x, uint32_t domid, struct xen_console *out)
{
	_cleanup_free_ char *type = xen_read(x, domid, "console/type");
	_cleanup_free_ char *gfn = xen_read(x, domid, "console/ring-ref");
	_cleanup_free_ char *port = xen_read(x, domid, "console/port");
	_cleanup_free_ char *vm = xen_read(x, domid, "vm");
	uint64_t gfn_number, port_number;
	const char *uuid;

	if (type && strcmp(type, XEN_CONSOLE_TYPE))
		return -ENOTSUP;
	if (!type || !gfn || !port || !vm)
		return -EAGAIN;
	uuid = strrchr(vm, '/');
	if (!uuid || !util_is_uuid(uuid + 1) ||
	    util_parse_u64(gfn, (uint64_t)1 << 40, &gfn_number) ||
	    util_parse_u64(port, INT32_MAX, &port_number) || !port_number)
		return -EAGAIN;
	strcpy(out->uuid, uuid + 1);
	out->gfn = gfn_number;
	out->port = (uint32_t)port_number;
	return 0;
}

void xen_watch(struct xen *x, uint32_t domid, int on)
{
	char path[48], token[16];
	bool done;

	snprintf(path, sizeof(path), "/local/domain/%u/console", domid);
	snprintf(token, sizeof(token), "console%u", domid);
	done = on ? xs_watch(x->store, path, token) : xs_unwatch(x->store, path, token);
	/* What is refused costs only the late discovery of a foreign tool's domain. */
	(void)done;
}

struct xencons_interface *xen_map(struct xen *x, uint32_t domid, uint64_t gfn, int *granted)
{
	xen_pfn_t frame = gfn;
	void *page = NULL;
	int err = 0;

	if (x->grants)
		page = xengnttab_map_grant_ref(x->grants, domid, CONSOLE_GRANT,
					       PROT_READ | PROT_WRITE);
	*granted = page != NULL;
	if (!page && x->memory)
		page = xenforeignmemory_map(x->memory, domid, PROT_READ | PROT_WRITE, 1, &frame,
					    &err);
	return page;
}

void xen_unmap(struct xen *x, struct xencons_interface *ring, int granted)
{
	if (granted)
		xengnttab_unmap(x->grants, ring, 1);
	else
		xenforeignmemory_unmap(x->memory, ring, 1);
}

int xen_bind(struct xen *x, uint32_t domid, uint32_t port)
{
	int local = xenevtchn_bind_interdomain(x->events, domid, port);

	return local < 0 ? -errno : local;
}

void xen_unbind(struct xen *x, uint32_t local)
{
	xenevtchn_unbind(x->events, local);
}

void xen_notify(struct xen *x, uint32_t local)
{
	xenevtchn_notify(x->events, local);
}

int xen_pending(struct xen *x)
{
	int local = xenevtchn_pending(x->events);

	return local < 0 ? -errno : local;
}

void xen_unmask(struct xen *x, uint32_t local)
{
	xenevtchn_unmask(x->events, local);
}
