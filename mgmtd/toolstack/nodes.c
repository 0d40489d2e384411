/* SPDX-License-Identifier: Apache-2.0 */
#include "nodes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_LEN      256
#define TRANSACTION_TRIES 20
#define CONSOLE_LIMIT     1048576 /* bytes that a console daemon keeps */

#define STATE_NODE "/vm/%s/domus/state"
#define BUILDING   "building"
#define BUILT      "built"

/* A transaction, or none, and the first error in it. */
struct writer {
	struct xs_handle *xs;
	xs_transaction_t tx;
	int rc;
};

static int store_failed(struct ts_error *err, int rc)
{
	return ts_fail(err, TS_EXENSTORE, rc, "xenstore refused a change: %s", strerror(-rc));
}

static void put(struct writer *w, const char *value, const char *path_fmt, ...) TS_PRINTF(3, 4);

static void put(struct writer *w, const char *value, const char *path_fmt, ...)
{
	char path[PATH_MAX_LEN];
	va_list args;

	if (w->rc)
		return;
	va_start(args, path_fmt);
	vsnprintf(path, sizeof(path), path_fmt, args);
	va_end(args);
	if (!xs_write(w->xs, w->tx, path, value, (unsigned int)strlen(value)))
		w->rc = -errno;
}

static void put_number(struct writer *w, uint64_t value, const char *dir, const char *node)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put(w, text, "%s/%s", dir, node);
}

/* A directory or empty node that belongs to @owner; @reader may read it besides. */
static void grant(struct writer *w, const char *path, uint32_t owner, uint32_t reader)
{
	struct xs_permissions perms[] = {
		{.id = owner, .perms = XS_PERM_NONE},
		{.id = reader, .perms = XS_PERM_READ},
	};

	if (!w->rc && !xs_set_permissions(w->xs, w->tx, path, perms, owner == reader ? 1 : 2))
		w->rc = -errno;
}

/* Directories in which the guest itself writes; what is made in them later is its own, too. */
static const char *const guest_dirs[] = {"control", "data"};

static void put_guest_dirs(struct writer *w, const char *dir, uint32_t domid)
{
	char path[PATH_MAX_LEN];

	for (size_t i = 0; i < sizeof(guest_dirs) / sizeof(*guest_dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, guest_dirs[i]);
		put(w, "", "%s", path);
		grant(w, path, domid, domid);
	}
}

static void put_console(struct writer *w, const char *dir, const struct nodes_spec *s)
{
	/* The name of who owns the ring: console-broker takes these only, and xenconsoled leaves them. */
	put(w, "domus", "%s/console/type", dir);
	put_number(w, CONSOLE_LIMIT, dir, "console/limit");
	put_number(w, s->console_gfn, dir, "console/ring-ref");
	put_number(w, s->console_port, dir, "console/port");
}

/* Of the guest's vCPUs, the first @vcpus are to be in use. */
static void put_wanted(struct writer *w, const char *dir, uint64_t memory, uint32_t vcpus,
		       uint32_t vcpus_max)
{
	put_number(w, memory >> 10, dir, "memory/target");
	for (uint32_t n = 0; n < vcpus_max; n++)
		put(w, n < vcpus ? "online" : "offline", "%s/cpu/%" PRIu32 "/availability", dir, n);
}

static void put_domain(struct writer *w, const struct nodes_spec *s)
{
	char dir[64], vm[64], uuid[TS_UUID_STR_LEN];

	ts_uuid_format(s->uuid, uuid);
	snprintf(dir, sizeof(dir), "/local/domain/%" PRIu32, s->domid);
	snprintf(vm, sizeof(vm), "/vm/%s", uuid);
	/* Nodes made below inherit these permissions. */
	put(w, "", "%s", dir);
	grant(w, dir, DOMID_MANAGEMENT, s->domid);
	put(w, uuid, "%s/uuid", vm);
	put(w, s->name, "%s/name", vm);
	put(w, vm, "%s/vm", dir);
	put(w, s->name, "%s/name", dir);
	put_number(w, s->domid, dir, "domid");
	put_number(w, s->memory >> 10, dir, "memory/static-max");
	put_wanted(w, dir, s->memory, s->vcpus, s->vcpus);
	put_number(w, s->store_gfn, dir, "store/ring-ref");
	put_number(w, s->store_port, dir, "store/port");
	put_console(w, dir, s);
	put(w, "", "%s/device", dir);
	put_guest_dirs(w, dir, s->domid);
	put(w, "1", "%s/control/platform-feature-xs_reset_watches", dir);
}

int nodes_write(struct toolstack *ts, const struct nodes_spec *spec, struct ts_error *err)
{
	for (unsigned int i = 0; i < TRANSACTION_TRIES; i++) {
		struct writer w = {.xs = ts->store, .tx = xs_transaction_start(ts->store)};

		if (w.tx == XBT_NULL)
			return store_failed(err, -errno);
		put_domain(&w, spec);
		if (w.rc) {
			xs_transaction_end(w.xs, w.tx, true);
			return store_failed(err, w.rc);
		}
		if (xs_transaction_end(w.xs, w.tx, false))
			return 0;
		if (errno != EAGAIN)
			return store_failed(err, -errno);
	}
	return store_failed(err, -EAGAIN);
}

static int mark(struct toolstack *ts, const uint8_t *uuid, const char *state, struct ts_error *err)
{
	struct writer w = {.xs = ts->store, .tx = XBT_NULL};
	char text[TS_UUID_STR_LEN];

	ts_uuid_format(uuid, text);
	put(&w, state, STATE_NODE, text);
	return w.rc ? store_failed(err, w.rc) : 0;
}

int nodes_mark_building(struct toolstack *ts, const uint8_t uuid[TS_UUID_LEN], struct ts_error *err)
{
	return mark(ts, uuid, BUILDING, err);
}

int nodes_mark_built(struct toolstack *ts, const uint8_t uuid[TS_UUID_LEN], struct ts_error *err)
{
	return mark(ts, uuid, BUILT, err);
}

bool nodes_building(struct toolstack *ts, const uint8_t uuid[TS_UUID_LEN])
{
	char path[PATH_MAX_LEN], text[TS_UUID_STR_LEN];
	TS_CLEANUP(ts_free) char *state = NULL;

	ts_uuid_format(uuid, text);
	snprintf(path, sizeof(path), STATE_NODE, text);
	state = xs_read(ts->store, XBT_NULL, path, NULL);
	return state && strcmp(state, BUILDING) == 0;
}

int nodes_introduce(struct toolstack *ts, const struct nodes_spec *spec, struct ts_error *err)
{
	if (!xs_introduce_domain(ts->store, spec->domid, spec->store_gfn, spec->store_port))
		return store_failed(err, -errno);
	return 0;
}

void nodes_remove(struct toolstack *ts, uint32_t domid, const uint8_t *uuid)
{
	char path[PATH_MAX_LEN], text[TS_UUID_STR_LEN];

	if (domid != TS_DOMID_NONE) {
		snprintf(path, sizeof(path), "/local/domain/%" PRIu32, domid);
		xs_rm(ts->store, XBT_NULL, path);
	}
	if (uuid) {
		ts_uuid_format(uuid, text);
		snprintf(path, sizeof(path), "/vm/%s", text);
		xs_rm(ts->store, XBT_NULL, path);
	}
}

void nodes_sweep(struct toolstack *ts, bool (*keep)(void *opaque, const uint8_t *uuid),
		 void *opaque)
{
	TS_CLEANUP(ts_free) char **names = NULL;
	uint8_t uuid[TS_UUID_LEN];
	unsigned int count = 0;

	names = xs_directory(ts->store, XBT_NULL, "/vm", &count);
	for (unsigned int i = 0; names && i < count; i++)
		if (ts_uuid_parse(names[i], uuid) && !keep(opaque, uuid))
			nodes_remove(ts, TS_DOMID_NONE, uuid);
}

int nodes_tune(struct toolstack *ts, uint32_t domid, uint64_t memory, uint32_t vcpus,
	       uint32_t vcpus_max, struct ts_error *err)
{
	struct writer w = {.xs = ts->store, .tx = XBT_NULL};
	char dir[64];

	snprintf(dir, sizeof(dir), "/local/domain/%" PRIu32, domid);
	put_wanted(&w, dir, memory, vcpus, vcpus_max);
	return w.rc ? store_failed(err, w.rc) : 0;
}

int nodes_request(struct toolstack *ts, uint32_t domid, const char *request, struct ts_error *err)
{
	char path[PATH_MAX_LEN];

	snprintf(path, sizeof(path), "/local/domain/%" PRIu32 "/control/shutdown", domid);
	if (!xs_write(ts->store, XBT_NULL, path, request, (unsigned int)strlen(request)))
		return store_failed(err, -errno);
	return 0;
}
