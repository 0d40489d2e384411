/* SPDX-License-Identifier: Apache-2.0 */
#include <cpuid.h>
#include <domus.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hypercall.h"
#include "internal.h"
#include "layout.h"

#define NS_PER_SECOND 1000000000ull

/* EBX of CPUID leaf 0: the first four letters of the vendor. */
#define VENDOR_AMD   0x68747541u
#define VENDOR_HYGON 0x6f677948u
#define VENDOR_INTEL 0x756e6547u

/* The CPU's vendor tells which extension the hypervisor uses; it shows its guests the true one. */
static void find_extension(struct ts_host_info *h)
{
	unsigned int max, b, c, d;

	if (!h->hvm || !__get_cpuid(0, &max, &b, &c, &d))
		return;
	h->svm = b == VENDOR_AMD || b == VENDOR_HYGON;
	h->vmx = b == VENDOR_INTEL;
}

static int read_version(struct toolstack *ts, struct ts_host_info *h)
{
	char extra[XEN_EXTRAVERSION_LEN + 1] = "";
	xen_capabilities_info_t caps = "";
	struct xen_compile_info ci = {0};
	int version = hv_version(ts, XENVER_version, NULL, 0);
	int rc;

	if (version < 0)
		return version;
	rc = hv_version(ts, XENVER_extraversion, extra, XEN_EXTRAVERSION_LEN);
	if (rc >= 0)
		rc = hv_version(ts, XENVER_compile_info, &ci, sizeof(ci));
	if (rc >= 0)
		rc = hv_version(ts, XENVER_capabilities, caps, sizeof(caps));
	if (rc < 0)
		return rc;
	snprintf(h->hypervisor, sizeof(h->hypervisor), "%s",
		 strstr(extra, "domus") ? "Domus" : "Xen");
	snprintf(h->version, sizeof(h->version), "%d.%d%.*s", version >> 16, version & 0xffff,
		 (int)sizeof(extra), extra);
	snprintf(h->build, sizeof(h->build), "%.*s%s%.*s", (int)sizeof(ci.compiler), ci.compiler,
		 ci.compile_date[0] ? ", " : "", (int)sizeof(ci.compile_date), ci.compile_date);
	snprintf(h->capabilities, sizeof(h->capabilities), "%.*s", (int)sizeof(h->capabilities) - 1,
		 caps);
	h->capabilities[strcspn(h->capabilities, "\n")] = '\0';
	return 0;
}

static int read_physinfo(struct toolstack *ts, struct ts_host_info *h)
{
	struct xen_sysctl op = {0};
	const struct xen_sysctl_physinfo *p = &op.u.physinfo;
	int rc = hv_sysctl(ts, XEN_SYSCTL_physinfo, &op);

	if (rc)
		return rc;
	h->hvm = p->capabilities & XEN_SYSCTL_PHYSCAP_hvm;
	h->nested_paging = p->capabilities & XEN_SYSCTL_PHYSCAP_hap;
	h->iommu = p->capabilities & XEN_SYSCTL_PHYSCAP_directio;
	h->cpus_physical = p->max_cpu_id + 1;
	h->cpus_online = p->nr_cpus;
	h->max_vcpus = TS_VCPUS_MAX;
	h->memory_total = p->total_pages * GUEST_PAGE_SIZE;
	if (p->free_pages > p->outstanding_pages)
		h->memory_free = (p->free_pages - p->outstanding_pages) * GUEST_PAGE_SIZE;
	return 0;
}

int toolstack_host(struct toolstack *ts, struct ts_host_info *out, struct ts_error *err)
{
	struct ts_host_info h = {0};
	uint64_t uptime;
	int rc;

	rc = read_version(ts, &h);
	if (!rc)
		rc = read_physinfo(ts, &h);
	if (rc)
		return ts_fail(err, TS_EHYPERVISOR, rc,
			       "the hypervisor does not tell about itself: %s", strerror(-rc));
	find_extension(&h);
	h.counters = !hv_counters(ts, DOMID_MANAGEMENT,
				  &(struct domus_counters){.vcpu = DOMUS_COUNTERS_DOMAIN});
	if (hv_uptime(ts, &uptime) == 0)
		h.uptime = uptime / NS_PER_SECOND;
	*out = h;
	return 0;
}
