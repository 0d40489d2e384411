/* SPDX-License-Identifier: Apache-2.0 */
/* Network interfaces of domains: what netfront and netback find in xenstore (xen/io/netif.h). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "device.h"

#define CREDIT_USEC       50000u /* a rate is given out in slices of this */
#define CREDIT_LEAST      1514u  /* bytes: a frame must fit */
#define DETACH_TIMEOUT_MS 5000u

static struct device vif_of(uint32_t domid, uint32_t devid)
{
	return (struct device){.type = "vif", .domid = domid, .id = devid};
}

/* netback: bytes per slice, and the slice in µs; 0 µs is no limit. */
static void format_rate(uint64_t rate, char out[48])
{
	uint64_t bytes = rate / (1000000 / CREDIT_USEC);

	if (!rate)
		bytes = UINT32_MAX;
	else if (bytes < CREDIT_LEAST)
		bytes = CREDIT_LEAST;
	snprintf(out, 48, "%" PRIu64 ",%u", bytes, rate ? CREDIT_USEC : 0);
}

int ts_vif_attach(struct toolstack *ts, uint32_t domid, const struct ts_vif *vif,
		  struct ts_error *err)
{
	const struct device d = vif_of(domid, vif->devid);
	char handle[16], rate[48];
	const struct device_node front[] = {{"handle", handle}, {"mac", vif->mac}, {NULL, NULL}};
	const struct device_node back[] = {
		{"handle", handle}, {"mac", vif->mac}, {"rate", rate},
		{"script", "none"}, {NULL, NULL},
	};

	snprintf(handle, sizeof(handle), "%" PRIu32, vif->devid);
	format_rate(vif->rate, rate);
	return device_add(ts, &d, back, front, err);
}

int ts_vif_connected(struct toolstack *ts, uint32_t domid, uint32_t devid, struct ts_error *err)
{
	const struct device d = vif_of(domid, devid);

	return device_set(ts, &d, "hotplug-status", "connected", err);
}

int ts_vif_rate(struct toolstack *ts, uint32_t domid, uint32_t devid, uint64_t rate,
		struct ts_error *err)
{
	const struct device d = vif_of(domid, devid);
	char text[48];

	format_rate(rate, text);
	return device_set(ts, &d, "rate", text, err);
}

int ts_vif_detach(struct toolstack *ts, uint32_t domid, uint32_t devid, struct ts_error *err)
{
	const struct device d = vif_of(domid, devid);

	return device_remove(ts, &d, DETACH_TIMEOUT_MS, true, err);
}
