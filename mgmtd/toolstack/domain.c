/* SPDX-License-Identifier: Apache-2.0 */
#include "domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"
#include "hypercall.h"
#include "layout.h"
#include "nodes.h"

#define LIST_BATCH      256
#define GONE_TIMEOUT_NS (60 * 1000000000ll)
#define POLL_FIRST_NS   200000l
#define POLL_LONGEST_NS 20000000l

static int no_domain(struct ts_error *err, uint32_t domid)
{
	return ts_fail(err, TS_ENODOM, -ESRCH, "there is no domain %u", domid);
}

static int refused(struct ts_error *err, uint32_t domid, const char *what, int rc)
{
	if (rc == -ESRCH)
		return no_domain(err, domid);
	return ts_fail(err, TS_EHYPERVISOR, rc, "the hypervisor refused to %s domain %u: %s", what,
		       domid, strerror(-rc));
}

/* Domain 0 and the special ids are nobody's business here. */
static int check_domid(uint32_t domid, struct ts_error *err)
{
	if (domid == DOMID_MANAGEMENT || domid >= DOMID_FIRST_RESERVED)
		return no_domain(err, domid);
	return 0;
}

void domain_set_built(struct toolstack *ts, uint32_t domid, bool built)
{
	uint8_t bit = (uint8_t)(1 << domid % 8);

	if (domid >= DOMID_COUNT)
		return;
	pthread_mutex_lock(&ts->lock);
	if (built)
		ts->built[domid / 8] |= bit;
	else
		ts->built[domid / 8] &= (uint8_t)~bit;
	pthread_mutex_unlock(&ts->lock);
}

static bool known_built(struct toolstack *ts, uint32_t domid)
{
	bool built;

	if (domid >= DOMID_COUNT)
		return false;
	pthread_mutex_lock(&ts->lock);
	built = ts->built[domid / 8] >> domid % 8 & 1;
	pthread_mutex_unlock(&ts->lock);
	return built;
}

static void translate(struct toolstack *ts, const struct xen_domctl_getdomaininfo *x,
		      struct ts_domain_info *out)
{
	*out = (struct ts_domain_info){
		.domid = x->domain,
		.paused = x->flags & XEN_DOMINF_paused,
		.dying = x->flags & XEN_DOMINF_dying,
		.shutdown = x->flags & XEN_DOMINF_shutdown,
		.cpu_time = x->cpu_time,
		.memory = x->tot_pages << GUEST_PAGE_SHIFT,
		.memory_max = x->max_pages << GUEST_PAGE_SHIFT,
		.vcpus_online = x->nr_online_vcpus,
		.vcpus = x->max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : x->max_vcpu_id + 1,
	};
	memcpy(out->uuid, x->handle, sizeof(out->uuid));
	if (out->shutdown)
		out->shutdown_reason = (enum ts_shutdown)(x->flags >> XEN_DOMINF_shutdownshift &
							  XEN_DOMINF_shutdownmask);
	if (known_built(ts, out->domid))
		return;
	out->half_built = nodes_building(ts, out->uuid);
	if (!out->half_built)
		domain_set_built(ts, out->domid, true);
}

/* All domains as the hypervisor tells them, ours among them. */
static int read_all(struct toolstack *ts, struct xen_domctl_getdomaininfo **list, size_t *count)
{
	struct xen_domctl_getdomaininfo *all = NULL, *more;
	uint32_t first = 0, got;
	size_t n = 0;
	int rc;

	do {
		more = realloc(all, (n + LIST_BATCH) * sizeof(*all));
		rc = more ? 0 : -ENOMEM;
		if (more) {
			all = more;
			rc = hv_domain_list(ts, first, LIST_BATCH, all + n, &got);
		}
		if (rc) {
			free(all);
			return rc;
		}
		n += got;
		if (got)
			first = all[n - 1].domain + 1u;
	} while (got == LIST_BATCH);
	*list = all;
	*count = n;
	return 0;
}

int ts_domain_list(struct toolstack *ts, struct ts_domain_info **list, size_t *count,
		   struct ts_error *err)
{
	TS_CLEANUP(ts_free) struct xen_domctl_getdomaininfo *all = NULL;
	struct ts_domain_info *infos = NULL;
	size_t total, n = 0;
	int rc;

	rc = read_all(ts, &all, &total);
	if (rc)
		return ts_fail(err, TS_EHYPERVISOR, rc,
			       "the hypervisor does not list its domains: %s", strerror(-rc));
	if (total) {
		infos = calloc(total, sizeof(*infos));
		if (!infos)
			return ts_fail(err, TS_ENOMEM, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < total; i++)
		if (all[i].domain != DOMID_MANAGEMENT)
			translate(ts, &all[i], &infos[n++]);
	if (!n) {
		free(infos);
		infos = NULL;
	}
	*list = infos;
	*count = n;
	return 0;
}

int ts_domain_info(struct toolstack *ts, uint32_t domid, struct ts_domain_info *out,
		   struct ts_error *err)
{
	struct xen_domctl_getdomaininfo x;
	int rc = check_domid(domid, err);

	if (rc)
		return rc;
	rc = hv_domain_info(ts, domid, &x);
	if (rc)
		return refused(err, domid, "tell about", rc);
	translate(ts, &x, out);
	return 0;
}

int ts_domain_find(struct toolstack *ts, const uint8_t uuid[TS_UUID_LEN],
		   struct ts_domain_info *out, struct ts_error *err)
{
	TS_CLEANUP(ts_free) struct ts_domain_info *list = NULL;
	size_t count;
	int rc;

	rc = ts_domain_list(ts, &list, &count, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (list[i].dying || memcmp(list[i].uuid, uuid, TS_UUID_LEN) != 0)
			continue;
		*out = list[i];
		return 0;
	}
	return ts_fail(err, TS_ENODOM, -ESRCH, "no domain with this uuid is running");
}

/* The hypervisor counts pauses, and refuses to end none; here a domain is paused or it is not. */
static int set_paused(struct toolstack *ts, uint32_t domid, bool paused, struct ts_error *err)
{
	struct ts_domain_info info;
	int rc = ts_domain_info(ts, domid, &info, err);

	if (rc || info.paused == paused)
		return rc;
	rc = hv_domctl_plain(ts, paused ? XEN_DOMCTL_pausedomain : XEN_DOMCTL_unpausedomain, domid);
	return rc ? refused(err, domid, paused ? "pause" : "resume", rc) : 0;
}

int ts_domain_unpause(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	return set_paused(ts, domid, false, err);
}

int ts_domain_pause(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	return set_paused(ts, domid, true, err);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

/*
 * The domain stays, dying, while somebody has a page of it mapped: xenstored and the console
 * broker let go when they hear of its death.
 */
static int wait_until_gone(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	int64_t deadline = now_ns() + GONE_TIMEOUT_NS;
	struct timespec pause = {.tv_nsec = POLL_FIRST_NS};
	struct xen_domctl_getdomaininfo x;
	int rc;

	for (;;) {
		rc = hv_domain_info(ts, domid, &x);
		if (rc == -ESRCH)
			return 0;
		if (rc)
			return refused(err, domid, "tell about", rc);
		if (now_ns() > deadline)
			return ts_fail(err, TS_ETIMEDOUT, -ETIMEDOUT,
				       "domain %u is dead, but %llu of its pages are still in use",
				       domid, (unsigned long long)x.tot_pages);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < POLL_LONGEST_NS)
			pause.tv_nsec *= 2;
	}
}

int domain_kill(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	int rc = hv_domctl_plain(ts, XEN_DOMCTL_destroydomain, domid);

	if (rc)
		return refused(err, domid, "destroy", rc);
	device_remove_all(ts, domid);
	rc = wait_until_gone(ts, domid, err);
	if (!rc)
		domain_set_built(ts, domid, false);
	return rc;
}

/* Does a living domain use this uuid (a new one of a VM whose last one is being removed)? */
static bool uuid_in_use(struct toolstack *ts, const uint8_t *uuid)
{
	struct ts_domain_info other;

	return ts_domain_find(ts, uuid, &other, NULL) == 0;
}

int ts_domain_destroy(struct toolstack *ts, uint32_t domid, struct ts_error *err)
{
	struct ts_domain_info info;
	int rc = ts_domain_info(ts, domid, &info, err);

	if (!rc)
		rc = domain_kill(ts, domid, err);
	if (rc)
		return rc;
	nodes_remove(ts, domid, uuid_in_use(ts, info.uuid) ? NULL : info.uuid);
	return 0;
}

int ts_domain_shutdown_request(struct toolstack *ts, uint32_t domid, enum ts_request request,
			       struct ts_error *err)
{
	static const char *const words[] = {
		[TS_REQUEST_POWEROFF] = "poweroff",
		[TS_REQUEST_REBOOT] = "reboot",
	};
	struct ts_domain_info info;
	int rc = ts_domain_info(ts, domid, &info, err);

	if (rc)
		return rc;
	return nodes_request(ts, domid, words[request], err);
}

const char *ts_shutdown_name(enum ts_shutdown reason)
{
	static const char *const names[] = {
		[TS_SHUTDOWN_POWEROFF] = "poweroff", [TS_SHUTDOWN_REBOOT] = "reboot",
		[TS_SHUTDOWN_SUSPEND] = "suspend",   [TS_SHUTDOWN_CRASH] = "crash",
		[TS_SHUTDOWN_WATCHDOG] = "watchdog",
	};

	if ((size_t)reason >= sizeof(names) / sizeof(*names))
		return "unknown";
	return names[reason];
}

struct living {
	const struct ts_domain_info *list;
	size_t count;
};

static bool is_living(void *opaque, const uint8_t *uuid)
{
	const struct living *l = opaque;

	for (size_t i = 0; i < l->count; i++)
		if (!l->list[i].half_built && !l->list[i].dying &&
		    memcmp(l->list[i].uuid, uuid, TS_UUID_LEN) == 0)
			return true;
	return false;
}

int ts_cleanup_halfbuilt(struct toolstack *ts, size_t *count, uint8_t (**uuids)[TS_UUID_LEN],
			 struct ts_error *err)
{
	TS_CLEANUP(ts_free) struct ts_domain_info *list = NULL;
	TS_CLEANUP(ts_free) uint8_t(*killed)[TS_UUID_LEN] = NULL;
	size_t total, n = 0;
	int rc;

	rc = ts_domain_list(ts, &list, &total, err);
	if (rc)
		return rc;
	killed = calloc(total + 1, sizeof(*killed));
	if (!killed)
		return ts_fail(err, TS_ENOMEM, -ENOMEM, "out of memory");
	for (size_t i = 0; i < total; i++) {
		const struct ts_domain_info *d = &list[i];

		if (d->dying) { /* its destroyer died as well, as he waited: nobody does here */
			device_remove_all(ts, d->domid);
		} else if (d->half_built) {
			rc = domain_kill(ts, d->domid, err);
			if (rc)
				return rc;
			memcpy(killed[n++], d->uuid, TS_UUID_LEN);
		} else {
			continue;
		}
		nodes_remove(ts, d->domid, NULL);
	}
	nodes_sweep(ts, is_living, &(struct living){list, total});
	*count = n;
	if (uuids) {
		*uuids = killed;
		killed = NULL;
	}
	return 0;
}
