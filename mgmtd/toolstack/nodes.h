/* SPDX-License-Identifier: Apache-2.0 */
/* A domain's nodes in xenstore. */
#ifndef DOMUS_TOOLSTACK_NODES_H
#define DOMUS_TOOLSTACK_NODES_H

#include "internal.h"

/**
 * Record that the domain with this uuid is being built: a crash of ours then leaves a trace.
 * Before the first hypercall.
 */
TS_MUST_CHECK int nodes_mark_building(struct toolstack *ts, const uint8_t uuid[TS_UUID_LEN],
				      struct ts_error *err);
/** Record that it is whole. */
TS_MUST_CHECK int nodes_mark_built(struct toolstack *ts, const uint8_t uuid[TS_UUID_LEN],
				   struct ts_error *err);
/** Is the mark "building" there? */
bool nodes_building(struct toolstack *ts, const uint8_t uuid[TS_UUID_LEN]);

struct nodes_spec {
	uint32_t domid;
	const uint8_t *uuid;
	const char *name;
	uint32_t vcpus;
	uint64_t memory; /* bytes */
	uint64_t console_gfn;
	uint32_t console_port;
	uint64_t store_gfn;
	uint32_t store_port;
};

/** Write all nodes of a domain at once; the guest reads all, and writes only what is its own. */
TS_MUST_CHECK int nodes_write(struct toolstack *ts, const struct nodes_spec *spec,
			      struct ts_error *err);
/** Tell xenstored of the domain. */
TS_MUST_CHECK int nodes_introduce(struct toolstack *ts, const struct nodes_spec *spec,
				  struct ts_error *err);
/** Remove what nodes_write() and the marks left; nothing there is fine. @uuid: or NULL. */
void nodes_remove(struct toolstack *ts, uint32_t domid, const uint8_t *uuid);
/** Remove the marks and nodes under /vm of every uuid for which @keep says no. */
void nodes_sweep(struct toolstack *ts, bool (*keep)(void *opaque, const uint8_t *uuid),
		 void *opaque);
/** Tell the guest how much memory (bytes) and how many of its @vcpus_max vCPUs it is to use. */
TS_MUST_CHECK int nodes_tune(struct toolstack *ts, uint32_t domid, uint64_t memory, uint32_t vcpus,
			     uint32_t vcpus_max, struct ts_error *err);
/** Write control/shutdown. */
TS_MUST_CHECK int nodes_request(struct toolstack *ts, uint32_t domid, const char *request,
				struct ts_error *err);

#endif
