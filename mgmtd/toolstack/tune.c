/* SPDX-License-Identifier: Apache-2.0 */
/* What can be changed of a domain while it is there, and its counters. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "hypercall.h"
#include "layout.h"
#include "nodes.h"

#define RINGS_PAGES   2
#define SHARED_INFO   1 /* page of RAM that a guest gives up to see the hypervisor's in its place */
#define MAX_MEM_SLACK 256 /* pages that a domain may have beyond its target */
#define LOG_SIZE      (128u << 10)
#define CPUS_MAX      64

static int refused(struct ts_error *err, uint32_t domid, const char *what, int rc)
{
	return ts_fail(err, rc == -ESRCH ? TS_ENODOM : TS_EHYPERVISOR, rc,
		       "the hypervisor refused to %s of domain %u: %s", what, domid, strerror(-rc));
}

/* Pages of a domain that are no RAM: tables and rings, as the builder gave them. */
static int pages_beside_ram(uint32_t vcpus, uint64_t *pages, struct ts_error *err)
{
	TS_CLEANUP(ts_free) uint8_t *acpi = calloc(1, ACPI_SIZE_MAX);

	if (!acpi)
		return ts_fail(err, TS_ENOMEM, -ENOMEM, "out of memory");
	*pages = ((acpi_build(GUEST_ACPI_BASE, vcpus, acpi) + GUEST_PAGE_SIZE - 1) >>
		  GUEST_PAGE_SHIFT) +
		 RINGS_PAGES;
	return 0;
}

static int set_max_pages(struct toolstack *ts, uint32_t domid, uint64_t pages)
{
	struct xen_domctl op = {.u.max_mem.max_memkb = pages << (GUEST_PAGE_SHIFT - 10)};

	return hv_domctl(ts, XEN_DOMCTL_max_mem, domid, &op);
}

static uint64_t unclaimed(struct toolstack *ts)
{
	struct xen_sysctl op = {0};

	if (hv_sysctl(ts, XEN_SYSCTL_physinfo, &op) ||
	    op.u.physinfo.outstanding_pages > op.u.physinfo.free_pages)
		return 0;
	return (op.u.physinfo.free_pages - op.u.physinfo.outstanding_pages) << GUEST_PAGE_SHIFT;
}

/* What the guest may still take is set aside before it is told to take it. */
static int tune_memory(struct toolstack *ts, const struct ts_domain_info *info, uint64_t memory,
		       struct ts_error *err)
{
	uint64_t now = info->memory >> GUEST_PAGE_SHIFT, target = memory >> GUEST_PAGE_SHIFT;
	uint64_t beside = 0;
	int rc = pages_beside_ram(info->vcpus, &beside, err);

	if (rc)
		return rc;
	target += beside - SHARED_INFO;
	rc = hv_claim(ts, info->domid, 0);
	if (!rc || hv_absent(rc))
		rc = set_max_pages(ts, info->domid, target + MAX_MEM_SLACK);
	if (!rc && target > now)
		rc = hv_claim(ts, info->domid, target);
	if (rc == -ENOMEM) {
		if (set_max_pages(ts, info->domid, info->memory_max >> GUEST_PAGE_SHIFT))
			return refused(err, info->domid, "restore the memory limit", -EIO);
		return ts_fail_memory(err, (target - now) << GUEST_PAGE_SHIFT, unclaimed(ts));
	}
	if (rc && !(hv_absent(rc) && target > now))
		return refused(err, info->domid, "change the memory", rc);
	return 0;
}

static int tune_sharing(struct toolstack *ts, uint32_t domid, const struct ts_tuning *t,
			struct ts_error *err)
{
	struct xen_domctl op = {
		.u.scheduler_op = {
			.sched_id = XEN_SCHEDULER_CREDIT2,
			.cmd = XEN_DOMCTL_SCHEDOP_putinfo,
			.u.credit2 = {.weight = (uint16_t)t->weight, .cap = (uint16_t)t->cap},
		}};
	int rc = hv_domctl(ts, XEN_DOMCTL_scheduler_op, domid, &op);

	return rc ? refused(err, domid, "set weight and cap", rc) : 0;
}

static int tune_affinity(struct toolstack *ts, const struct ts_domain_info *info,
			 const uint64_t cpus[TS_VCPUS_MAX], struct ts_error *err)
{
	uint64_t *map = hv_pages_get(ts, 1);
	int rc = 0;

	if (!map)
		return ts_fail(err, TS_ENOMEM, -ENOMEM, "out of memory");
	for (uint32_t n = 0; n < info->vcpus && n < TS_VCPUS_MAX && !rc; n++) {
		struct xen_domctl op = {.u.vcpuaffinity = {.vcpu = n,
							   .flags = XEN_VCPUAFFINITY_HARD,
							   .cpumap_hard.nr_bits = CPUS_MAX}};

		*map = cpus[n] ? cpus[n] : ~0ull;
		set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)map);
		rc = hv_domctl(ts, XEN_DOMCTL_setvcpuaffinity, info->domid, &op);
	}
	hv_pages_put(ts, map, 1);
	return rc ? refused(err, info->domid, "set the affinity", rc) : 0;
}

int ts_domain_tune(struct toolstack *ts, uint32_t domid, const struct ts_tuning *tuning,
		   struct ts_error *err)
{
	struct ts_domain_info info;
	int rc = ts_domain_info(ts, domid, &info, err);

	if (!rc && tuning->vcpus > info.vcpus)
		rc = ts_fail(err, TS_EINVAL, -EINVAL, "domain %u has but %u vCPUs", domid,
			     info.vcpus);
	if (!rc)
		rc = tune_memory(ts, &info, tuning->memory, err);
	if (!rc)
		rc = tune_sharing(ts, domid, tuning, err);
	if (!rc)
		rc = tune_affinity(ts, &info, tuning->affinity, err);
	if (!rc)
		rc = nodes_tune(ts, domid, tuning->memory, tuning->vcpus, info.vcpus, err);
	return rc;
}

int ts_vcpu_info(struct toolstack *ts, uint32_t domid, uint32_t vcpu, struct ts_vcpu_info *out,
		 struct ts_error *err)
{
	struct xen_domctl op = {.u.getvcpuinfo.vcpu = vcpu};
	const struct xen_domctl_getvcpuinfo *v = &op.u.getvcpuinfo;
	int rc = hv_domctl(ts, XEN_DOMCTL_getvcpuinfo, domid, &op);

	if (rc)
		return refused(err, domid, "tell about a vCPU", rc);
	*out = (struct ts_vcpu_info){
		.online = v->online,
		.blocked = v->blocked,
		.running = v->running,
		.cpu = v->cpu,
		.cpu_time = v->cpu_time,
	};
	return 0;
}

int ts_uptime(struct toolstack *ts, uint64_t *ns, struct ts_error *err)
{
	int rc = hv_uptime(ts, ns);

	return rc ? ts_fail(err, TS_EHYPERVISOR, rc, "the hypervisor does not tell the time: %s",
			    strerror(-rc)) :
		    0;
}

int ts_hypervisor_log(struct toolstack *ts, char **text, size_t *len, struct ts_error *err)
{
	size_t pages = LOG_SIZE >> GUEST_PAGE_SHIFT;
	char *ring = hv_pages_get(ts, pages);
	struct xen_sysctl op = {.u.readconsole.count = LOG_SIZE};
	int rc = ring ? 0 : -ENOMEM;

	if (!rc) {
		set_xen_guest_handle(op.u.readconsole.buffer, ring);
		rc = hv_sysctl(ts, XEN_SYSCTL_readconsole, &op);
	}
	if (!rc) {
		*len = op.u.readconsole.count < LOG_SIZE ? op.u.readconsole.count : LOG_SIZE;
		*text = malloc(*len + 1);
		if (*text)
			memcpy(*text, ring, *len);
		else
			rc = -ENOMEM;
	}
	if (ring)
		hv_pages_put(ts, ring, pages);
	return rc ? ts_fail(err, TS_EHYPERVISOR, rc, "the hypervisor does not give its log: %s",
			    strerror(-rc)) :
		    0;
}
