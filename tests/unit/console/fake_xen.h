/* SPDX-License-Identifier: Apache-2.0 */
/* Xen as the broker sees it, played by a test. */
#ifndef FAKE_XEN_H
#define FAKE_XEN_H

#include <stdbool.h>

#include "xen.h"

#define FAKE_DOMAINS 64

struct fake_domain {
	bool listed, alive, ready, watched, mapped, bound;
	bool pending, masked; /* of its port */
	int refuse_map;
	unsigned int notified;
	char uuid[UUID_TEXT_SIZE];
	struct xencons_interface page;
};

struct xen {
	int store_fd, event_fd; /* eventfds */
	bool lost;
	struct fake_domain domain[FAKE_DOMAINS]; /* its port is its index */
};

struct xen *fake_xen_create(void);
void fake_xen_destroy(struct xen *x);

/** Domain @domid appears. Without @ready its console nodes are still missing. */
void fake_xen_start(struct xen *x, uint32_t domid, const char *uuid, bool ready);
void fake_xen_complete(struct xen *x, uint32_t domid);
void fake_xen_stop(struct xen *x, uint32_t domid);
void fake_xen_lose_store(struct xen *x);

/** The guest writes to its console as far as there is room. Return: bytes written. */
size_t fake_guest_say(struct xen *x, uint32_t domid, const void *data, size_t len);
/** The guest reads what was typed. Return: bytes read. */
size_t fake_guest_hear(struct xen *x, uint32_t domid, void *data, size_t size);
void fake_guest_kick(struct xen *x, uint32_t domid);

#endif
