/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercalls this room makes, one function each: they marshal, retry what asks to be retried,
 * and judge nothing. All return 0 or a negative errno of the hypervisor.
 */
#ifndef DOMUS_TOOLSTACK_HYPERCALL_H
#define DOMUS_TOOLSTACK_HYPERCALL_H

#include <errno.h>

#include "internal.h"

struct memmap_entry;

/** May a call that answered @rc be left out: the hypervisor has no such thing. */
static inline bool hv_absent(int rc)
{
	return rc == -ENOSYS || rc == -EOPNOTSUPP;
}

TS_MUST_CHECK int hv_domctl(struct toolstack *ts, uint32_t cmd, uint32_t domid,
			    struct xen_domctl *op);
/** As hv_domctl() for the calls that have no argument but the domain. */
TS_MUST_CHECK int hv_domctl_plain(struct toolstack *ts, uint32_t cmd, uint32_t domid);
TS_MUST_CHECK int hv_sysctl(struct toolstack *ts, uint32_t cmd, struct xen_sysctl *op);

/** Domains from @first on, at most @max. @count: how many. */
TS_MUST_CHECK int hv_domain_list(struct toolstack *ts, uint32_t first, uint32_t max,
				 struct xen_domctl_getdomaininfo *out, uint32_t *count);
/** One domain; -ESRCH when it is not there. */
TS_MUST_CHECK int hv_domain_info(struct toolstack *ts, uint32_t domid,
				 struct xen_domctl_getdomaininfo *out);

/** xen_version: @out gets what the sub-call writes (@size bytes). Return: its value or -errno. */
TS_MUST_CHECK int hv_version(struct toolstack *ts, unsigned int sub, void *out, size_t size);
/** Time since vCPU 0 of the caller was made, in ns. */
TS_MUST_CHECK int hv_uptime(struct toolstack *ts, uint64_t *ns);

/**
 * Copy @len bytes of @data to guest physical @gpa of a domain whose vCPU 0 has paging off.
 * @data: from hv_pages_get().
 */
TS_MUST_CHECK int hv_copy_in(struct toolstack *ts, uint32_t domid, uint64_t gpa, const void *data,
			     uint32_t len);
/** Memory that the hypervisor can always reach, and its return. */
void *hv_pages_get(struct toolstack *ts, size_t pages);
void hv_pages_put(struct toolstack *ts, void *p, size_t pages);

#define HV_POPULATE_MAX 512 /* extents in one call */

/**
 * Give the domain memory: @count (<= HV_POPULATE_MAX) extents of 2^order frames at @gfns.
 * @done: how many there are now; less than @count when the hypervisor has no more.
 */
TS_MUST_CHECK int hv_populate(struct toolstack *ts, uint32_t domid, unsigned int order,
			      const xen_pfn_t *gfns, unsigned int count, unsigned int *done);
/** Reserve @pages of free memory for a domain; 0 gives the rest of a reservation back. */
TS_MUST_CHECK int hv_claim(struct toolstack *ts, uint32_t domid, uint64_t pages);
/** What XENMEM_memory_map will tell the guest. */
TS_MUST_CHECK int hv_set_memory_map(struct toolstack *ts, uint32_t domid,
				    const struct memmap_entry *map, unsigned int count);
TS_MUST_CHECK int hv_set_param(struct toolstack *ts, uint32_t domid, uint32_t index,
			       uint64_t value);
/** A port of the domain that the management domain may bind. */
TS_MUST_CHECK int hv_alloc_port(struct toolstack *ts, uint32_t domid, uint32_t *port);

#define HV_CHANNELS_MAX 128u /* ports in one call */

/** What is at the far end of a domain's ports, from @first on. @count: less than HV_CHANNELS_MAX at their end. */
TS_MUST_CHECK int hv_channels(struct toolstack *ts, uint32_t domid, uint32_t first,
			      struct evtchn_status out[HV_CHANNELS_MAX], unsigned int *count);
struct domus_counters;
/** The counters @c asks for; its buffer is from hv_pages_get(). Absent on other hypervisors than ours. */
TS_MUST_CHECK int hv_counters(struct toolstack *ts, uint32_t domid, struct domus_counters *c);
/** The registers of one vCPU. */
TS_MUST_CHECK int hv_get_cpu(struct toolstack *ts, uint32_t domid, uint32_t vcpu,
			     struct hvm_hw_cpu *out);
/** Load vCPU state records. */
TS_MUST_CHECK int hv_set_context(struct toolstack *ts, uint32_t domid, const void *records,
				 size_t size);

#endif
