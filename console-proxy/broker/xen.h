/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything the broker asks of Xen. xen.c answers with the libraries, the unit tests with a fake,
 * so nothing above this line needs a hypervisor.
 */
#ifndef BROKER_XEN_H
#define BROKER_XEN_H

#include <stddef.h>
#include <stdint.h>
#include <xen/io/console.h>

#include "util.h"

struct xen;

/* A domain's console as xenstore describes it. */
struct xen_console {
	char uuid[UUID_TEXT_SIZE];
	uint64_t gfn;
	uint32_t port;
};

/** Connect to xenstore and the event channel device. Return: 0 or a negative errno. */
must_check int xen_open(struct xen **out);
void xen_close(struct xen *x);

/** Readable when xenstore has news. */
int xen_store_fd(struct xen *x);
/** Readable when an event is pending. */
int xen_event_fd(struct xen *x);

/** Swallow all news. Return: 0, or -ECONNRESET when xenstored is gone. */
must_check int xen_store_drain(struct xen *x);

/** Domain ids known to xenstore, domain 0 left out, at most @max. Return: how many. */
size_t xen_list(struct xen *x, uint32_t *domids, size_t max);

/** True while xenstored serves @domid: false once it is dead, whatever its nodes say. */
int xen_alive(struct xen *x, uint32_t domid);

/**
 * Read the console nodes of @domid.
 * Return: 0, -EAGAIN while they are incomplete, -ENOTSUP when another daemon serves it.
 */
must_check int xen_describe(struct xen *x, uint32_t domid, struct xen_console *out);

/** Make changes of the console nodes of @domid news, or stop it. */
void xen_watch(struct xen *x, uint32_t domid, int on);

/** Map the console page of @domid. Return: the page or NULL. */
struct xencons_interface *xen_map(struct xen *x, uint32_t domid, uint64_t gfn, int *granted);
void xen_unmap(struct xen *x, struct xencons_interface *ring, int granted);

/** Bind to @port of @domid. Return: the local port or a negative errno. */
must_check int xen_bind(struct xen *x, uint32_t domid, uint32_t port);
void xen_unbind(struct xen *x, uint32_t local);
void xen_notify(struct xen *x, uint32_t local);

/** Take one pending event. Return: its local port, now masked, or a negative errno. */
must_check int xen_pending(struct xen *x);
void xen_unmask(struct xen *x, uint32_t local);

#endif
