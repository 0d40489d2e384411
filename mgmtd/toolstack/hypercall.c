/* SPDX-License-Identifier: Apache-2.0 */
#include "hypercall.h"

#include <errno.h>
#include <string.h>

#include "layout.h"

#define RETRIES_MAX 100000 /* of one call that asks to be made again */

/* A piece of memory that the hypervisor can reach. */
struct hv_buffer {
	xencall_handle *call;
	void *p;
};

static void hv_buffer_release(struct hv_buffer *b)
{
	if (b->p)
		xencall_free_buffer(b->call, b->p);
}

#define HV_BUFFER TS_CLEANUP(hv_buffer_release) struct hv_buffer

static int hv_buffer_get(struct toolstack *ts, struct hv_buffer *b, const void *init, size_t size)
{
	b->call = ts->call;
	b->p = xencall_alloc_buffer(ts->call, size);
	if (!b->p)
		return -ENOMEM;
	if (init)
		memcpy(b->p, init, size);
	else
		memset(b->p, 0, size);
	return 0;
}

static bool wants_retry(int error)
{
	return error == EAGAIN || error == EINTR || error == ERESTART;
}

/* One argument: domctl and sysctl. */
static int call1(struct toolstack *ts, unsigned int op, void *arg)
{
	for (unsigned int i = 0; i < RETRIES_MAX; i++) {
		if (xencall1(ts->call, op, (uintptr_t)arg) >= 0)
			return 0;
		if (!wants_retry(errno))
			return -errno;
	}
	return -EAGAIN;
}

/* A sub-op number and an argument. Return: the call's value or -errno. */
static int call2(struct toolstack *ts, unsigned int op, unsigned int sub, void *arg)
{
	long rc = xencall2L(ts->call, op, sub, (uintptr_t)arg);

	return rc < 0 ? -errno : (int)rc;
}

int hv_domctl(struct toolstack *ts, uint32_t cmd, uint32_t domid, struct xen_domctl *op)
{
	HV_BUFFER b = {0};
	int rc;

	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = (domid_t)domid;
	rc = hv_buffer_get(ts, &b, op, sizeof(*op));
	if (rc)
		return rc;
	rc = call1(ts, __HYPERVISOR_domctl, b.p);
	if (rc)
		return rc;
	memcpy(op, b.p, sizeof(*op));
	return 0;
}

int hv_domctl_plain(struct toolstack *ts, uint32_t cmd, uint32_t domid)
{
	struct xen_domctl op = {0};

	return hv_domctl(ts, cmd, domid, &op);
}

int hv_sysctl(struct toolstack *ts, uint32_t cmd, struct xen_sysctl *op)
{
	HV_BUFFER b = {0};
	int rc;

	op->cmd = cmd;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	rc = hv_buffer_get(ts, &b, op, sizeof(*op));
	if (rc)
		return rc;
	rc = call1(ts, __HYPERVISOR_sysctl, b.p);
	if (rc)
		return rc;
	memcpy(op, b.p, sizeof(*op));
	return 0;
}

int hv_domain_list(struct toolstack *ts, uint32_t first, uint32_t max,
		   struct xen_domctl_getdomaininfo *out, uint32_t *count)
{
	struct xen_sysctl op = {0};
	HV_BUFFER b = {0};
	int rc;

	rc = hv_buffer_get(ts, &b, NULL, max * sizeof(*out));
	if (rc)
		return rc;
	op.u.getdomaininfolist.first_domain = (domid_t)first;
	op.u.getdomaininfolist.max_domains = max;
	set_xen_guest_handle(op.u.getdomaininfolist.buffer, b.p);
	rc = hv_sysctl(ts, XEN_SYSCTL_getdomaininfolist, &op);
	if (rc)
		return rc;
	if (op.u.getdomaininfolist.num_domains > max)
		return -EPROTO;
	*count = op.u.getdomaininfolist.num_domains;
	memcpy(out, b.p, *count * sizeof(*out));
	return 0;
}

int hv_domain_info(struct toolstack *ts, uint32_t domid, struct xen_domctl_getdomaininfo *out)
{
	struct xen_domctl op = {0};
	int rc;

	rc = hv_domctl(ts, XEN_DOMCTL_getdomaininfo, domid, &op);
	if (rc)
		return rc;
	/* The answer is the first domain from that id on. */
	if (op.u.getdomaininfo.domain != domid)
		return -ESRCH;
	*out = op.u.getdomaininfo;
	return 0;
}

int hv_version(struct toolstack *ts, unsigned int sub, void *out, size_t size)
{
	HV_BUFFER b = {0};
	int rc;

	if (!size)
		return call2(ts, __HYPERVISOR_xen_version, sub, NULL);
	rc = hv_buffer_get(ts, &b, NULL, size);
	if (rc)
		return rc;
	rc = call2(ts, __HYPERVISOR_xen_version, sub, b.p);
	if (rc >= 0)
		memcpy(out, b.p, size);
	return rc;
}

int hv_uptime(struct toolstack *ts, uint64_t *ns)
{
	struct vcpu_runstate_info info;
	HV_BUFFER b = {0};
	int rc;

	rc = hv_buffer_get(ts, &b, NULL, sizeof(info));
	if (rc)
		return rc;
	if (xencall3(ts->call, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (uintptr_t)b.p) <
	    0)
		return -errno;
	memcpy(&info, b.p, sizeof(info));
	*ns = info.time[RUNSTATE_running] + info.time[RUNSTATE_runnable] +
	      info.time[RUNSTATE_blocked] + info.time[RUNSTATE_offline];
	return 0;
}

int hv_copy_in(struct toolstack *ts, uint32_t domid, uint64_t gpa, const void *data, uint32_t len)
{
	struct xen_domctl op = {
		.u.gdbsx_guest_memio = {.gva = gpa, .uva = (uintptr_t)data, .len = len, .gwr = 1}};
	int rc = hv_domctl(ts, XEN_DOMCTL_gdbsx_guestmemio, domid, &op);

	if (rc)
		return rc;
	return op.u.gdbsx_guest_memio.remain ? -EFAULT : 0;
}

void *hv_pages_get(struct toolstack *ts, size_t pages)
{
	return xencall_alloc_buffer_pages(ts->call, pages);
}

void hv_pages_put(struct toolstack *ts, void *p, size_t pages)
{
	xencall_free_buffer_pages(ts->call, p, pages);
}

int hv_populate(struct toolstack *ts, uint32_t domid, unsigned int order, const xen_pfn_t *gfns,
		unsigned int count, unsigned int *done)
{
	struct xen_memory_reservation r = {
		.nr_extents = count, .extent_order = order, .domid = (domid_t)domid};
	HV_BUFFER list = {0};
	HV_BUFFER b = {0};
	int rc;

	rc = hv_buffer_get(ts, &list, gfns, count * sizeof(*gfns));
	if (rc)
		return rc;
	set_xen_guest_handle(r.extent_start, list.p);
	rc = hv_buffer_get(ts, &b, &r, sizeof(r));
	if (rc)
		return rc;
	rc = call2(ts, __HYPERVISOR_memory_op, XENMEM_populate_physmap, b.p);
	if (rc < 0)
		return rc;
	if ((unsigned int)rc > count)
		return -EPROTO;
	*done = (unsigned int)rc;
	return 0;
}

int hv_claim(struct toolstack *ts, uint32_t domid, uint64_t pages)
{
	struct xen_memory_reservation r = {.nr_extents = pages, .domid = (domid_t)domid};
	HV_BUFFER b = {0};
	int rc;

	rc = hv_buffer_get(ts, &b, &r, sizeof(r));
	if (rc)
		return rc;
	return call2(ts, __HYPERVISOR_memory_op, XENMEM_claim_pages, b.p);
}

/* The ABI packs its map entries. */
struct map_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
} __attribute__((packed));

int hv_set_memory_map(struct toolstack *ts, uint32_t domid, const struct memmap_entry *map,
		      unsigned int count)
{
	struct xen_foreign_memory_map arg = {.domid = (domid_t)domid, .map.nr_entries = count};
	struct map_entry entries[MEMMAP_ENTRIES_MAX];
	HV_BUFFER list = {0};
	HV_BUFFER b = {0};
	int rc;

	if (count > MEMMAP_ENTRIES_MAX)
		return -EINVAL;
	for (unsigned int i = 0; i < count; i++)
		entries[i] = (struct map_entry){map[i].addr, map[i].size, map[i].type};
	rc = hv_buffer_get(ts, &list, entries, count * sizeof(*entries));
	if (rc)
		return rc;
	set_xen_guest_handle(arg.map.buffer, list.p);
	rc = hv_buffer_get(ts, &b, &arg, sizeof(arg));
	if (rc)
		return rc;
	return call2(ts, __HYPERVISOR_memory_op, XENMEM_set_memory_map, b.p);
}

int hv_set_param(struct toolstack *ts, uint32_t domid, uint32_t index, uint64_t value)
{
	struct xen_hvm_param p = {.domid = (domid_t)domid, .index = index, .value = value};
	HV_BUFFER b = {0};
	int rc;

	rc = hv_buffer_get(ts, &b, &p, sizeof(p));
	if (rc)
		return rc;
	return call2(ts, __HYPERVISOR_hvm_op, HVMOP_set_param, b.p);
}

int hv_alloc_port(struct toolstack *ts, uint32_t domid, uint32_t *port)
{
	struct evtchn_alloc_unbound a = {.dom = (domid_t)domid, .remote_dom = DOMID_MANAGEMENT};
	HV_BUFFER b = {0};
	int rc;

	rc = hv_buffer_get(ts, &b, &a, sizeof(a));
	if (rc)
		return rc;
	rc = call2(ts, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, b.p);
	if (rc < 0)
		return rc;
	memcpy(&a, b.p, sizeof(a));
	*port = a.port;
	return 0;
}

struct channel_calls {
	struct multicall_entry calls[HV_CHANNELS_MAX];
	struct evtchn_status all[HV_CHANNELS_MAX];
};

int hv_channels(struct toolstack *ts, uint32_t domid, uint32_t first,
		struct evtchn_status out[HV_CHANNELS_MAX], unsigned int *count)
{
	struct channel_calls *arg;
	HV_BUFFER b = {0};
	int rc;

	rc = hv_buffer_get(ts, &b, NULL, sizeof(*arg));
	if (rc)
		return rc;
	arg = b.p;
	for (unsigned int i = 0; i < HV_CHANNELS_MAX; i++) {
		arg->all[i] = (struct evtchn_status){.dom = (domid_t)domid, .port = first + i};
		arg->calls[i] = (struct multicall_entry){
			.op = __HYPERVISOR_event_channel_op,
			.args = {EVTCHNOP_status, (uintptr_t)&arg->all[i]},
		};
	}
	if (xencall2(ts->call, __HYPERVISOR_multicall, (uintptr_t)arg->calls, HV_CHANNELS_MAX) < 0)
		return -errno;
	memcpy(out, arg->all, sizeof(arg->all));
	for (*count = 0; *count < HV_CHANNELS_MAX && !rc; *count += !rc)
		rc = (int)(long)arg->calls[*count].result;
	return rc == -EINVAL ? 0 : rc;
}

int hv_set_context(struct toolstack *ts, uint32_t domid, const void *records, size_t size)
{
	struct xen_domctl op = {0};
	HV_BUFFER b = {0};
	int rc;

	rc = hv_buffer_get(ts, &b, records, size);
	if (rc)
		return rc;
	op.u.hvmcontext.size = (uint32_t)size;
	set_xen_guest_handle(op.u.hvmcontext.buffer, b.p);
	return hv_domctl(ts, XEN_DOMCTL_sethvmcontext, domid, &op);
}

int hv_get_cpu(struct toolstack *ts, uint32_t domid, uint32_t vcpu, struct hvm_hw_cpu *out)
{
	struct xen_domctl op = {0};
	HV_BUFFER b = {0};
	int rc;

	rc = hv_buffer_get(ts, &b, NULL, sizeof(*out));
	if (rc)
		return rc;
	op.u.hvmcontext_partial.type = HVM_SAVE_CODE(CPU);
	op.u.hvmcontext_partial.instance = vcpu;
	op.u.hvmcontext_partial.bufsz = sizeof(*out);
	set_xen_guest_handle(op.u.hvmcontext_partial.buffer, b.p);
	rc = hv_domctl(ts, XEN_DOMCTL_gethvmcontext_partial, domid, &op);
	if (!rc)
		memcpy(out, b.p, sizeof(*out));
	return rc;
}
