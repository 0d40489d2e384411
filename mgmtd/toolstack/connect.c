/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to the hypervisor and to xenstored, and news of domains. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall.h"
#include "internal.h"

#define ABI_MAJOR 4
#define ABI_MINOR 17

static int check_abi(struct toolstack *ts, struct ts_error *err)
{
	int version = hv_version(ts, XENVER_version, NULL, 0);

	if (version < 0)
		return ts_fail(err, TS_EHYPERVISOR, version, "the hypervisor does not answer: %s",
			       strerror(-version));
	if (version != (ABI_MAJOR << 16 | ABI_MINOR))
		return ts_fail(err, TS_EHYPERVISOR, -EPROTO,
			       "the hypervisor speaks version %d.%d of the ABI, not %d.%d",
			       version >> 16, version & 0xffff, ABI_MAJOR, ABI_MINOR);
	return 0;
}

static int connect_hypervisor(struct toolstack *ts, struct ts_error *err)
{
	ts->call = xencall_open(NULL, 0);
	if (ts->call)
		ts->memory = xenforeignmemory_open(NULL, 0);
	if (!ts->call || !ts->memory)
		return ts_fail(err, TS_EHYPERVISOR, errno ? -errno : -ENODEV,
			       "there is no hypervisor to talk to: %s", strerror(errno));
	return check_abi(ts, err);
}

static int connect_store(struct toolstack *ts, struct ts_error *err)
{
	ts->store = xs_open(0);
	if (ts->store)
		ts->watch = xs_open(0);
	if (!ts->store || !ts->watch)
		return ts_fail(err, TS_EXENSTORE, errno ? -errno : -ENODEV,
			       "xenstored does not answer: %s", strerror(errno));
	if (!xs_watch(ts->watch, "@introduceDomain", "introduce") ||
	    !xs_watch(ts->watch, "@releaseDomain", "release"))
		return ts_fail(err, TS_EXENSTORE, -errno, "xenstored refused a watch: %s",
			       strerror(errno));
	return 0;
}

int toolstack_open(struct toolstack **out, struct ts_error *err)
{
	struct toolstack *ts = calloc(1, sizeof(*ts));
	int rc;

	if (!ts)
		return ts_fail(err, TS_ENOMEM, -ENOMEM, "out of memory");
	pthread_mutex_init(&ts->lock, NULL);
	rc = connect_hypervisor(ts, err);
	if (!rc)
		rc = connect_store(ts, err);
	if (rc) {
		toolstack_close(ts);
		return rc;
	}
	*out = ts;
	return 0;
}

void toolstack_close(struct toolstack *ts)
{
	if (!ts)
		return;
	if (ts->watch)
		xs_close(ts->watch);
	if (ts->store)
		xs_close(ts->store);
	if (ts->memory)
		xenforeignmemory_close(ts->memory);
	if (ts->call)
		xencall_close(ts->call);
	pthread_mutex_destroy(&ts->lock);
	free(ts);
}

int toolstack_ping(struct toolstack *ts, struct ts_error *err)
{
	TS_CLEANUP(ts_free) char *root = NULL;
	int rc = check_abi(ts, err);

	if (rc)
		return rc;
	root = xs_read(ts->store, XBT_NULL, "/", NULL);
	if (!root)
		return ts_fail(err, TS_EXENSTORE, -errno, "xenstored does not answer: %s",
			       strerror(errno));
	return 0;
}

int ts_watch_fd(struct toolstack *ts)
{
	return xs_fileno(ts->watch);
}

int ts_watch_read(struct toolstack *ts)
{
	int count = 0;

	for (;;) {
		TS_CLEANUP(ts_free) char **event = xs_check_watch(ts->watch);

		if (!event)
			return errno == EAGAIN ? count : -errno;
		count++;
	}
}
