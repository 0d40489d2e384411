/* SPDX-License-Identifier: Apache-2.0 */
/* What has been counted of a domain: by the hypervisor, and by its disks' backends. */
#include <domus.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hypercall.h"
#include "layout.h"

#define COUNTERS_PAGES \
	((TS_COUNTERS_MAX * sizeof(struct domus_counter) + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE)
#define PORTS_MAX   (32 * HV_CHANNELS_MAX)
#define SECTOR_SIZE 512
#define XVD_MAJOR   202u

_Static_assert(TS_COUNTER_RUNSTATE == DOMUS_COUNTER_RUNSTATE &&
		       TS_COUNTER_MAPPING == DOMUS_COUNTER_MAPPING &&
		       TS_WHOLE_DOMAIN == DOMUS_COUNTERS_DOMAIN,
	       "as the interface numbers them");

int hv_counters(struct toolstack *ts, uint32_t domid, struct domus_counters *c)
{
	struct xen_domctl op = {0};
	int rc;

	memcpy(&op.u, c, sizeof(*c));
	rc = hv_domctl(ts, DOMUS_DOMCTL_counters, domid, &op);
	if (!rc)
		memcpy(c, &op.u, sizeof(*c));
	return rc;
}

int ts_counters(struct toolstack *ts, uint32_t domid, uint32_t vcpu, struct ts_counter *out,
		size_t *count, struct ts_error *err)
{
	struct domus_counter *list = hv_pages_get(ts, COUNTERS_PAGES);
	struct domus_counters c = {.vcpu = vcpu, .nr = TS_COUNTERS_MAX, .buffer = (uintptr_t)list};
	int rc = list ? hv_counters(ts, domid, &c) : -ENOMEM;

	if (!rc) {
		*count = c.nr < TS_COUNTERS_MAX ? c.nr : TS_COUNTERS_MAX;
		for (size_t i = 0; i < *count; i++) {
			out[i] = (struct ts_counter){.kind = (enum ts_counter_kind)list[i].kind,
						     .value = list[i].value,
						     .absent = list[i].absent};
			snprintf(out[i].name, sizeof(out[i].name), "%.*s",
				 (int)sizeof(list[i].name) - 1, list[i].name);
		}
	}
	if (list)
		hv_pages_put(ts, list, COUNTERS_PAGES);
	return rc ? ts_fail(err, rc == -ESRCH ? TS_ENODOM : TS_EHYPERVISOR, rc,
			    "the hypervisor does not tell the counters of domain %u: %s", domid,
			    strerror(-rc)) :
		    0;
}

void ts_crash_reason(struct toolstack *ts, uint32_t domid, char out[TS_REASON_SIZE])
{
	struct xen_domctl op = {0};

	_Static_assert(TS_REASON_SIZE > DOMUS_CRASH_REASON_SIZE, "with an end of our own");
	memset(out, 0, TS_REASON_SIZE);
	if (!hv_domctl(ts, DOMUS_DOMCTL_crash_reason, domid, &op))
		memcpy(out, &op.u, DOMUS_CRASH_REASON_SIZE);
}

static bool describe(const struct evtchn_status *s, struct ts_channel *ch)
{
	*ch = (struct ts_channel){.port = s->port, .vcpu = s->vcpu};
	switch (s->status) {
	case EVTCHNSTAT_unbound:
		ch->kind = TS_CHANNEL_UNBOUND;
		ch->remote = s->u.unbound.dom;
		return true;
	case EVTCHNSTAT_interdomain:
		ch->kind = TS_CHANNEL_INTERDOMAIN;
		ch->remote = s->u.interdomain.dom;
		ch->number = s->u.interdomain.port;
		return true;
	case EVTCHNSTAT_pirq:
		ch->kind = TS_CHANNEL_PIRQ;
		ch->number = s->u.pirq;
		return true;
	case EVTCHNSTAT_virq:
		ch->kind = TS_CHANNEL_VIRQ;
		ch->number = s->u.virq;
		return true;
	case EVTCHNSTAT_ipi: ch->kind = TS_CHANNEL_IPI; return true;
	default: return false;
	}
}

int ts_channels(struct toolstack *ts, uint32_t domid, struct ts_channel **list, size_t *count,
		struct ts_error *err)
{
	TS_CLEANUP(ts_free) struct ts_channel *all = calloc(PORTS_MAX, sizeof(*all));
	unsigned int got = HV_CHANNELS_MAX;
	size_t n = 0;
	int rc = all ? 0 : -ENOMEM;

	for (uint32_t port = 1; port < PORTS_MAX && got == HV_CHANNELS_MAX && !rc; port += got) {
		struct evtchn_status found[HV_CHANNELS_MAX];

		rc = hv_channels(ts, domid, port, found, &got);
		for (unsigned int i = 0; i < got && !rc; i++)
			if (describe(&found[i], &all[n]))
				n++;
	}
	if (rc)
		return ts_fail(err, rc == -ESRCH ? TS_ENODOM : TS_EHYPERVISOR, rc,
			       "the event channels of domain %u are not told: %s", domid,
			       strerror(-rc));
	*count = n;
	*list = all;
	all = NULL;
	return 0;
}

static uint64_t read_counter(const char *folder, const char *name)
{
	char path[160];
	uint64_t value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &value) != 1)
		value = 0;
	fclose(f);
	return value;
}

int ts_disk_stats(uint32_t domid, uint32_t slot, struct ts_disk_stats *out)
{
	char folder[128];

	snprintf(folder, sizeof(folder),
		 "/sys/bus/xen-backend/devices/vbd-%" PRIu32 "-%" PRIu32 "/statistics", domid,
		 XVD_MAJOR << 8 | slot << 4);
	if (access(folder, F_OK))
		return -ENOENT;
	*out = (struct ts_disk_stats){
		.reads = read_counter(folder, "rd_req"),
		.writes = read_counter(folder, "wr_req"),
		.flushes = read_counter(folder, "f_req"),
		.discards = read_counter(folder, "ds_req"),
		.bytes_read = read_counter(folder, "rd_sect") * SECTOR_SIZE,
		.bytes_written = read_counter(folder, "wr_sect") * SECTOR_SIZE,
	};
	return 0;
}
