/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xenbus.h>

#define PATH_LEN          160
#define TRANSACTION_TRIES 20
#define POLL_NS           10000000L
#define LAST_POLLS        1000

/* Kinds of backends there are. */
static const char *const types[] = {"vbd", "vif"};

static int store_failed(struct ts_error *err, int rc)
{
	return ts_fail(err, TS_EXENSTORE, rc, "xenstore refused a change: %s", strerror(-rc));
}

static void back_path(char out[PATH_LEN], const struct device *d)
{
	snprintf(out, PATH_LEN, "/local/domain/%u/backend/%s/%" PRIu32 "/%" PRIu32,
		 DOMID_MANAGEMENT, d->type, d->domid, d->id);
}

static void front_path(char out[PATH_LEN], const struct device *d)
{
	snprintf(out, PATH_LEN, "/local/domain/%" PRIu32 "/device/%s/%" PRIu32, d->domid, d->type,
		 d->id);
}

static int put(struct toolstack *ts, xs_transaction_t tx, const char *dir, const char *name,
	       const char *value)
{
	char path[PATH_LEN + 64];

	snprintf(path, sizeof(path), "%s%s%s", dir, name[0] ? "/" : "", name);
	return xs_write(ts->store, tx, path, value, (unsigned int)strlen(value)) ? 0 : -errno;
}

/* A directory of @owner's that @reader may read; nodes made in it later inherit that. */
static int put_dir(struct toolstack *ts, xs_transaction_t tx, const char *dir, uint32_t owner,
		   uint32_t reader)
{
	struct xs_permissions perms[] = {
		{.id = owner, .perms = XS_PERM_NONE},
		{.id = reader, .perms = XS_PERM_READ},
	};
	int rc = put(ts, tx, dir, "", "");

	if (!rc && !xs_set_permissions(ts->store, tx, dir, perms, 2))
		rc = -errno;
	return rc;
}

static int put_all(struct toolstack *ts, xs_transaction_t tx, const char *dir,
		   const struct device_node *nodes)
{
	int rc = 0;

	for (; nodes && nodes->name && !rc; nodes++)
		if (nodes->value)
			rc = put(ts, tx, dir, nodes->name, nodes->value);
	return rc;
}

static bool exists(struct toolstack *ts, xs_transaction_t tx, const char *path)
{
	TS_CLEANUP(ts_free) char *value = xs_read(ts->store, tx, path, NULL);

	return value != NULL;
}

static int add(struct toolstack *ts, xs_transaction_t tx, const struct device *d,
	       const struct device_node *back, const struct device_node *front)
{
	char back_dir[PATH_LEN], front_dir[PATH_LEN], domid[16];
	const struct device_node back_common[] = {
		{"frontend", front_dir}, {"frontend-id", domid}, {"online", "1"},
		{"state", "1"},          {NULL, NULL},
	};
	const struct device_node front_common[] = {
		{"backend", back_dir}, {"backend-id", "0"}, {"state", "1"}, {NULL, NULL}};
	int rc;

	back_path(back_dir, d);
	front_path(front_dir, d);
	snprintf(domid, sizeof(domid), "%" PRIu32, d->domid);
	if (exists(ts, tx, back_dir))
		return -EEXIST;
	rc = put_dir(ts, tx, front_dir, d->domid, DOMID_MANAGEMENT);
	if (!rc)
		rc = put_all(ts, tx, front_dir, front);
	if (!rc)
		rc = put_all(ts, tx, front_dir, front_common);
	if (!rc)
		rc = put_dir(ts, tx, back_dir, DOMID_MANAGEMENT, d->domid);
	if (!rc)
		rc = put_all(ts, tx, back_dir, back);
	return rc ? rc : put_all(ts, tx, back_dir, back_common);
}

static int remove_both(struct toolstack *ts, xs_transaction_t tx, const struct device *d)
{
	char path[PATH_LEN];

	back_path(path, d);
	if (!xs_rm(ts->store, tx, path) && errno != ENOENT)
		return -errno;
	front_path(path, d);
	return xs_rm(ts->store, tx, path) || errno == ENOENT ? 0 : -errno;
}

/*
 * The kernel takes a device away some time after its nodes are gone. Were there new ones by then, it would
 * take them for the old one's, or write the old one's last state into them.
 */
static int wait_for_last(struct toolstack *ts, const struct device *d, struct ts_error *err)
{
	char device[PATH_LEN], dir[PATH_LEN];

	snprintf(device, sizeof(device), "/sys/devices/%s-%" PRIu32 "-%" PRIu32, d->type, d->domid,
		 d->id);
	back_path(dir, d);
	for (int i = 0; !access(device, F_OK) && !exists(ts, XBT_NULL, dir); i++) {
		if (i == LAST_POLLS)
			return ts_fail(err, TS_ETIMEDOUT, -ETIMEDOUT,
				       "the last such device of domain %" PRIu32
				       " does not go away",
				       d->domid);
		nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
	}
	return 0;
}

int device_add(struct toolstack *ts, const struct device *d, const struct device_node *back,
	       const struct device_node *front, struct ts_error *err)
{
	int last = wait_for_last(ts, d, err);

	if (last)
		return last;
	for (unsigned int i = 0; i < TRANSACTION_TRIES; i++) {
		xs_transaction_t tx = xs_transaction_start(ts->store);
		int rc = tx == XBT_NULL ? -errno : add(ts, tx, d, back, front);

		if (rc) {
			if (tx != XBT_NULL)
				xs_transaction_end(ts->store, tx, true);
			return rc == -EEXIST ?
				       ts_fail(err, TS_EEXIST, rc,
					       "domain %" PRIu32 " has such a device", d->domid) :
				       store_failed(err, rc);
		}
		if (xs_transaction_end(ts->store, tx, false))
			return 0;
		if (errno != EAGAIN)
			return store_failed(err, -errno);
	}
	return store_failed(err, -EAGAIN);
}

int device_set(struct toolstack *ts, const struct device *d, const char *name, const char *value,
	       struct ts_error *err)
{
	char dir[PATH_LEN];
	int rc;

	back_path(dir, d);
	rc = put(ts, XBT_NULL, dir, name, value);
	return rc ? store_failed(err, rc) : 0;
}

char *device_get(struct toolstack *ts, const struct device *d, const char *name)
{
	char dir[PATH_LEN], path[PATH_LEN + 64];

	back_path(dir, d);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return xs_read(ts->store, XBT_NULL, path, NULL);
}

unsigned int device_state(struct toolstack *ts, const struct device *d)
{
	TS_CLEANUP(ts_free) char *text = device_get(ts, d, "state");
	unsigned long state = text ? strtoul(text, NULL, 10) : XenbusStateUnknown;

	return state > XenbusStateReconfigured ? XenbusStateUnknown : (unsigned int)state;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

int device_wait(struct toolstack *ts, const struct device *d, unsigned int states,
		unsigned int timeout_ms, struct ts_error *err)
{
	int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		if (states & 1u << device_state(ts, d))
			return 0;
		if (now_ms() >= deadline)
			return ts_fail(err, TS_ETIMEDOUT, -ETIMEDOUT,
				       "%s %" PRIu32 " of domain %" PRIu32 " is in state %u",
				       d->type, d->id, d->domid, device_state(ts, d));
		nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
	}
}

/* Say that it is to go (or, after all, to stay). */
static int set_online(struct toolstack *ts, const struct device *d, bool online)
{
	char dir[PATH_LEN];
	int rc;

	back_path(dir, d);
	rc = put(ts, XBT_NULL, dir, "online", online ? "1" : "0");
	if (!rc)
		rc = put(ts, XBT_NULL, dir, "state", online ? "4" : "5");
	return rc;
}

int device_remove(struct toolstack *ts, const struct device *d, unsigned int timeout_ms, bool force,
		  struct ts_error *err)
{
	const unsigned int closed = 1u << XenbusStateClosed | 1u << XenbusStateUnknown;
	unsigned int before = device_state(ts, d);
	int rc = 0;

	if (before == XenbusStateConnected && timeout_ms) {
		rc = set_online(ts, d, false);
		if (rc)
			return store_failed(err, rc);
		rc = device_wait(ts, d, closed, timeout_ms, err);
	}
	if (rc && !force) {
		if (set_online(ts, d, true))
			return store_failed(err, -EIO);
		return ts_fail(err, TS_ETIMEDOUT, -ETIMEDOUT,
			       "the guest does not let go of the device");
	}
	rc = remove_both(ts, XBT_NULL, d);
	return rc ? store_failed(err, rc) : 0;
}

int device_list(struct toolstack *ts, const char *type, uint32_t domid, uint32_t **ids,
		size_t *count)
{
	TS_CLEANUP(ts_free) char **names = NULL;
	unsigned int n = 0;
	char path[PATH_LEN];
	uint32_t *list;

	snprintf(path, sizeof(path), "/local/domain/%u/backend/%s/%" PRIu32, DOMID_MANAGEMENT, type,
		 domid);
	names = xs_directory(ts->store, XBT_NULL, path, &n);
	if (!names)
		n = 0;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (unsigned int i = 0; i < n; i++)
		list[i] = (uint32_t)strtoul(names[i], NULL, 10);
	*ids = list;
	*count = n;
	return 0;
}

void device_remove_all(struct toolstack *ts, uint32_t domid)
{
	char path[PATH_LEN];

	/* The frontends first: a backend that loses its peer closes, one in the midst of it, too. */
	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/device", domid);
	xs_rm(ts->store, XBT_NULL, path);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/backend/%s/%" PRIu32,
			 DOMID_MANAGEMENT, types[i], domid);
		if (exists(ts, XBT_NULL, path))
			xs_rm(ts->store, XBT_NULL, path);
	}
}
