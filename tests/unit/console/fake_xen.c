// SPDX-License-Identifier: Apache-2.0
#include "fake_xen.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

static void raise_fd(int fd)
{
	eventfd_write(fd, 1);
}

struct xen *fake_xen_create(void)
{
	struct xen *x = calloc(1, sizeof(*x));

	x->store_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	x->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return x;
}

void fake_xen_destroy(struct xen *x)
{
	close(x->store_fd);
	close(x->event_fd);
	free(x);
}

void fake_xen_start(struct xen *x, uint32_t domid, const char *uuid, bool ready)
{
	struct fake_domain *d = &x->domain[domid];

	memset(d, 0, sizeof(*d));
	d->listed = d->alive = true;
	d->ready = ready;
	strcpy(d->uuid, uuid);
	raise_fd(x->store_fd);
}

void fake_xen_complete(struct xen *x, uint32_t domid)
{
	x->domain[domid].ready = true;
	if (x->domain[domid].watched)
		raise_fd(x->store_fd);
}

void fake_xen_stop(struct xen *x, uint32_t domid)
{
	x->domain[domid].alive = false;
	raise_fd(x->store_fd);
}

void fake_xen_lose_store(struct xen *x)
{
	x->lost = true;
	raise_fd(x->store_fd);
}

void fake_guest_kick(struct xen *x, uint32_t domid)
{
	x->domain[domid].pending = true;
	raise_fd(x->event_fd);
}

size_t fake_guest_say(struct xen *x, uint32_t domid, const void *data, size_t len)
{
	struct xencons_interface *ring = &x->domain[domid].page;
	const char *bytes = data;
	size_t n = 0;

	while (n < len && ring->out_prod - ring->out_cons < sizeof(ring->out)) {
		ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = bytes[n++];
		ring->out_prod++;
	}
	fake_guest_kick(x, domid);
	return n;
}

size_t fake_guest_hear(struct xen *x, uint32_t domid, void *data, size_t size)
{
	struct xencons_interface *ring = &x->domain[domid].page;
	char *bytes = data;
	size_t n = 0;

	while (n < size && ring->in_cons != ring->in_prod) {
		bytes[n++] = ring->in[MASK_XENCONS_IDX(ring->in_cons, ring->in)];
		ring->in_cons++;
	}
	fake_guest_kick(x, domid);
	return n;
}

int xen_open(struct xen **out)
{
	*out = fake_xen_create();
	return 0;
}

void xen_close(struct xen *x)
{
	fake_xen_destroy(x);
}

int xen_store_fd(struct xen *x)
{
	return x->store_fd;
}

int xen_event_fd(struct xen *x)
{
	return x->event_fd;
}

int xen_store_drain(struct xen *x)
{
	eventfd_t value;

	eventfd_read(x->store_fd, &value);
	return x->lost ? -ECONNRESET : 0;
}

size_t xen_list(struct xen *x, uint32_t *domids, size_t max)
{
	size_t n = 0;

	for (uint32_t i = 1; i < FAKE_DOMAINS && n < max; i++) {
		if (x->domain[i].listed)
			domids[n++] = i;
	}
	return n;
}

int xen_alive(struct xen *x, uint32_t domid)
{
	return x->domain[domid].alive;
}

int xen_describe(struct xen *x, uint32_t domid, struct xen_console *out)
{
	if (!x->domain[domid].ready)
		return -EAGAIN;
	strcpy(out->uuid, x->domain[domid].uuid);
	out->gfn = 0xfefff;
	out->port = domid;
	return 0;
}

void xen_watch(struct xen *x, uint32_t domid, int on)
{
	x->domain[domid].watched = on;
}

struct xencons_interface *xen_map(struct xen *x, uint32_t domid, uint64_t gfn, int *granted)
{
	(void)gfn;
	*granted = 1;
	if (x->domain[domid].refuse_map)
		return NULL;
	x->domain[domid].mapped = true;
	return &x->domain[domid].page;
}

void xen_unmap(struct xen *x, struct xencons_interface *ring, int granted)
{
	(void)granted;
	for (size_t i = 0; i < FAKE_DOMAINS; i++) {
		if (&x->domain[i].page == ring)
			x->domain[i].mapped = false;
	}
}

int xen_bind(struct xen *x, uint32_t domid, uint32_t port)
{
	x->domain[domid].bound = true;
	return (int)port;
}

void xen_unbind(struct xen *x, uint32_t local)
{
	x->domain[local].bound = false;
}

void xen_notify(struct xen *x, uint32_t local)
{
	x->domain[local].notified++;
}

int xen_pending(struct xen *x)
{
	eventfd_t value;

	for (int i = 0; i < FAKE_DOMAINS; i++) {
		struct fake_domain *d = &x->domain[i];

		if (d->bound && d->pending && !d->masked) {
			d->pending = false;
			d->masked = true;
			return i;
		}
	}
	eventfd_read(x->event_fd, &value);
	return -EAGAIN;
}

void xen_unmask(struct xen *x, uint32_t local)
{
	x->domain[local].masked = false;
	if (x->domain[local].pending)
		raise_fd(x->event_fd);
}
