/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paravirtual devices: the two xenstore directories by which a frontend in a guest and a backend
 * in the management kernel find each other (xen/io/xenbus.h), and their way up and down.
 *
 * The frontend's directory belongs to the guest, which may write anything into it or remove it:
 * nothing in it is ever read here. What is known of a device is what its backend's directory says,
 * and only the management domain writes there. So no state is kept in this process: after a
 * restart of it, device_list() finds what there is.
 */
#ifndef DOMUS_TOOLSTACK_DEVICE_H
#define DOMUS_TOOLSTACK_DEVICE_H

#include "internal.h"

/** Which device; all functions here take it. */
struct device {
	const char *type; /* "vbd", "vif": also the name of the backend's kind */
	uint32_t domid;   /* the guest's */
	uint32_t id;      /* unique among the guest's devices of this type */
};

/** A node of a device's directory; arrays of them end with a NULL name. */
struct device_node {
	const char *name;
	const char *value; /* NULL: this node is left out */
};

/**
 * Make both directories in one transaction, when the kernel is done with the last device of this name (it is
 * given 10 s); the backend sees the device at once, the guest when it runs. Written besides @back and @front:
 * frontend, frontend-id, online, state; and backend, backend-id, state.
 * Return: 0, or -EEXIST when there is such a device, -ETIMEDOUT, or TS_EXENSTORE; nothing is left then.
 */
TS_MUST_CHECK int device_add(struct toolstack *ts, const struct device *d,
			     const struct device_node *back, const struct device_node *front,
			     struct ts_error *err);

/** Write a node into the backend's directory, as for what is known only once the backend is up. */
TS_MUST_CHECK int device_set(struct toolstack *ts, const struct device *d, const char *name,
			     const char *value, struct ts_error *err);
/** Read a node of the backend's directory. Return: to be freed with free(), or NULL. */
char *device_get(struct toolstack *ts, const struct device *d, const char *name);

/** The backend's state (enum xenbus_state), or XenbusStateUnknown when there is none. */
unsigned int device_state(struct toolstack *ts, const struct device *d);

/**
 * Wait until the backend's state is one of @states (bits of 1u << XenbusState...), at most
 * @timeout_ms. A device that is gone has XenbusStateUnknown.
 * Return: 0 or -ETIMEDOUT (TS_ETIMEDOUT).
 */
TS_MUST_CHECK int device_wait(struct toolstack *ts, const struct device *d, unsigned int states,
			      unsigned int timeout_ms, struct ts_error *err);

/**
 * Ask the guest to let go of it (Closing), wait @timeout_ms for Closed, and remove both
 * directories. A guest that does not answer keeps the device (TS_ETIMEDOUT, and it goes on
 * working), unless @force: then it is taken away.
 * Return: 0 also when there is no such device.
 */
TS_MUST_CHECK int device_remove(struct toolstack *ts, const struct device *d,
				unsigned int timeout_ms, bool force, struct ts_error *err);

/**
 * Take all devices of a domain away, for when it is dead: as long as a backend has its pages
 * mapped, the domain stays. Waits for nothing. Called by ts_domain_destroy().
 */
void device_remove_all(struct toolstack *ts, uint32_t domid);

/**
 * Ids of the devices of @type that a domain has.
 * @ids: to be freed with free(). Return: 0 or -ENOMEM.
 */
TS_MUST_CHECK int device_list(struct toolstack *ts, const char *type, uint32_t domid,
			      uint32_t **ids, size_t *count);

#endif
