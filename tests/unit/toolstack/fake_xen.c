/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's half: hypercalls and foreign memory. */
#include "fake_xen.h"

#include <domus.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xencall.h>
#include <xenforeignmemory.h>

#include "fake_step.h"

#define PAGE  4096u
#define GFNS  0x140000u /* up to 5 GiB */
#define LARGE 512u

struct fake_xen fake;

struct xencall_handle {
	int unused;
};

struct xenforeignmemory_handle {
	int unused;
};

/* A mapping is a copy that is written back when it goes. */
struct mapping {
	uint8_t *copy;
	size_t pages;
	uint32_t domid;
	xen_pfn_t *gfns;
	struct mapping *next;
};

static struct mapping *mappings;

/* Stands for a populated page that nobody has looked at: large domains cost nothing. */
static uint8_t untouched[1];

bool fake_step(void)
{
	if (++fake.calls != fake.fail_at)
		return true;
	errno = fake.fail_errno;
	return false;
}

static void forget_domain(struct fake_domain *d)
{
	for (size_t i = 0; i < d->nr_touched; i++)
		free(d->memory[d->touched[i]]);
	free(d->touched);
	free(d->memory);
	fake.free_pages += d->pages + d->pool / PAGE;
	memset(d, 0, sizeof(*d));
}

void fake_reset(uint64_t mib)
{
	for (size_t i = 0; i < FAKE_DOMAINS; i++)
		forget_domain(&fake.domains[i]);
	fake_store_reset();
	fake = (struct fake_xen){.next_domid = 1,
				 .free_pages = mib << 8,
				 .large_left = mib >> 1,
				 .fail_errno = EINVAL};
}

struct fake_domain *fake_domain(uint32_t domid)
{
	for (size_t i = 0; i < FAKE_DOMAINS; i++)
		if (fake.domains[i].exists && fake.domains[i].domid == domid)
			return &fake.domains[i];
	return NULL;
}

static struct fake_domain *new_domain(void)
{
	for (size_t i = 0; i < FAKE_DOMAINS; i++) {
		struct fake_domain *d = &fake.domains[i];

		if (d->exists)
			continue;
		d->exists = true;
		d->domid = fake.next_domid++;
		d->flags = XEN_DOMINF_hvm_guest | XEN_DOMINF_paused;
		d->memory = calloc(GFNS, sizeof(*d->memory));
		return d;
	}
	return NULL;
}

struct fake_domain *fake_domain_add(const uint8_t uuid[16])
{
	struct fake_domain *d = new_domain();

	memcpy(d->config.handle, uuid, 16);
	return d;
}

/* A page to read or write, or NULL when there is none. */
static uint8_t *guest_page(struct fake_domain *d, uint64_t gfn)
{
	if (gfn >= GFNS || !d->memory[gfn])
		return NULL;
	if (d->memory[gfn] == untouched) {
		d->memory[gfn] = malloc(PAGE);
		memset(d->memory[gfn], fake.dirty_pages ? 0xc2 : 0, PAGE);
		d->touched = realloc(d->touched, (d->nr_touched + 1) * sizeof(*d->touched));
		d->touched[d->nr_touched++] = gfn;
	}
	return d->memory[gfn];
}

bool fake_touched(const struct fake_domain *d, uint64_t gfn)
{
	return d->memory[gfn] && d->memory[gfn] != untouched;
}

bool fake_peek(struct fake_domain *d, uint64_t gpa, void *out, size_t len)
{
	uint8_t *to = out;

	for (size_t i = 0; i < len; i++) {
		const uint8_t *page = guest_page(d, (gpa + i) / PAGE);

		if (!page)
			return false;
		to[i] = page[(gpa + i) % PAGE];
	}
	return true;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* ---- domctl ---- */

static int do_create(struct xen_domctl *op)
{
	struct fake_domain *d;

	if (op->domain != DOMID_INVALID)
		return fail(EINVAL);
	d = new_domain();
	if (!d)
		return fail(ENOMEM);
	d->config = op->u.createdomain;
	op->domain = (domid_t)d->domid;
	return 0;
}

static void fill_info(const struct fake_domain *d, struct xen_domctl_getdomaininfo *out)
{
	*out = (struct xen_domctl_getdomaininfo){
		.domain = (domid_t)d->domid,
		.flags = d->flags,
		.tot_pages = d->pages,
		.max_pages = d->max_kib / 4,
		.nr_online_vcpus = d->context_size ? 1 : 0,
		.max_vcpu_id = d->max_vcpus - 1,
	};
	memcpy(out->handle, d->config.handle, sizeof(out->handle));
}

/* The lowest domain from @first on; domain 0 is always there. */
static bool info_from(uint32_t first, struct xen_domctl_getdomaininfo *out)
{
	const struct fake_domain *best = NULL;

	if (first == 0) {
		*out = (struct xen_domctl_getdomaininfo){.domain = 0};
		return true;
	}
	for (size_t i = 0; i < FAKE_DOMAINS; i++) {
		const struct fake_domain *d = &fake.domains[i];

		if (d->exists && d->domid >= first && (!best || d->domid < best->domid))
			best = d;
	}
	if (best)
		fill_info(best, out);
	return best;
}

static int do_info(struct xen_domctl *op)
{
	struct fake_domain *d = fake_domain(op->domain);

	if (d && d->flags & XEN_DOMINF_dying && d->linger-- == 0)
		forget_domain(d);
	return info_from(op->domain, &op->u.getdomaininfo) ? 0 : fail(ESRCH);
}

static int do_destroy(struct fake_domain *d)
{
	if (fake.retries) {
		fake.retries--;
		return fail(ERESTART);
	}
	d->flags |= XEN_DOMINF_dying;
	if (!d->linger)
		forget_domain(d);
	return 0;
}

static int do_pool(struct fake_domain *d, uint64_t size)
{
	if (fake.bare)
		return fail(ENOSYS);
	if (size % PAGE || size / PAGE > fake.free_pages)
		return fail(size % PAGE ? EINVAL : ENOMEM);
	fake.free_pages -= size / PAGE;
	d->pool = size;
	return 0;
}

static int do_context(struct fake_domain *d, const struct xen_domctl_hvmcontext *c)
{
	void *from;

	if (c->size > sizeof(d->context))
		return fail(EINVAL);
	memcpy(&from, &c->buffer, sizeof(from));
	memcpy(d->context, from, c->size);
	d->context_size = c->size;
	return 0;
}

static int do_copy_in(struct fake_domain *d, struct xen_domctl_gdbsx_memio *m)
{
	const uint8_t *from = (const uint8_t *)(uintptr_t)m->uva;

	if (!fake.has_copy_in)
		return fail(ENOSYS);
	m->remain = m->len;
	while (m->remain) {
		uint32_t done = m->len - m->remain;
		uint64_t at = m->gva + done;
		uint32_t now = (uint32_t)(PAGE - at % PAGE);
		uint8_t *page = guest_page(d, at / PAGE);

		if (!page)
			return 0;
		if (now > m->remain)
			now = m->remain;
		memcpy(page + at % PAGE, from + done, now);
		m->remain -= now;
	}
	return 0;
}

/* As our hypervisor has them; a bare one has none. */
static int do_counters(struct xen_domctl *op)
{
	static const struct domus_counter of_domain[] = {
		{"xen_version", DOMUS_COUNTER_HYPERCALL, 5, 1},
		{"mapped", DOMUS_COUNTER_GRANT, 2, 0},
		{"a name with no end!!", 9, 1, 0},
	};
	struct domus_counters c;

	if (fake.bare)
		return fail(ENOSYS);
	memcpy(&c, &op->u, sizeof(c));
	if (c.vcpu != DOMUS_COUNTERS_DOMAIN)
		return fail(EINVAL);
	if (c.nr >= 3)
		memcpy((void *)(uintptr_t)c.buffer, of_domain, sizeof(of_domain));
	c.nr = 3;
	memcpy(&op->u, &c, sizeof(c));
	return 0;
}

/* One of each kind, closed ones, and then no more. */
static int do_status(struct evtchn_status *s)
{
	static const uint32_t kinds[] = {EVTCHNSTAT_unbound, EVTCHNSTAT_closed,
					 EVTCHNSTAT_interdomain, EVTCHNSTAT_virq, EVTCHNSTAT_ipi};

	if (!fake_domain(s->dom))
		return fail(ESRCH);
	if (!s->port || s->port > FAKE_PORTS)
		return fail(EINVAL);
	if (s->port > sizeof(kinds) / sizeof(*kinds)) {
		s->status = s->port == FAKE_PORTS ? EVTCHNSTAT_ipi : EVTCHNSTAT_closed;
		return 0;
	}
	s->status = kinds[s->port - 1];
	s->vcpu = 1;
	if (s->status == EVTCHNSTAT_interdomain) {
		s->u.interdomain.dom = 4;
		s->u.interdomain.port = 44;
	} else if (s->status == EVTCHNSTAT_virq) {
		s->u.virq = VIRQ_DEBUG;
	}
	return 0;
}

static int do_domctl(struct xen_domctl *op)
{
	struct fake_domain *d;

	if (op->interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return fail(EACCES);
	if (op->cmd == XEN_DOMCTL_createdomain)
		return do_create(op);
	if (op->cmd == XEN_DOMCTL_getdomaininfo)
		return do_info(op);
	if (op->cmd == DOMUS_DOMCTL_counters && !op->domain)
		return do_counters(op);
	d = fake_domain(op->domain);
	if (!d)
		return fail(ESRCH);
	switch (op->cmd) {
	case DOMUS_DOMCTL_counters: return do_counters(op);
	case DOMUS_DOMCTL_crash_reason:
		if (fake.bare)
			break;
		memset(&op->u, 'x', DOMUS_CRASH_REASON_SIZE + 8);
		return 0;
	case XEN_DOMCTL_destroydomain: return do_destroy(d);
	case XEN_DOMCTL_pausedomain: d->flags |= XEN_DOMINF_paused; return 0;
	case XEN_DOMCTL_unpausedomain:
		if (!(d->flags & XEN_DOMINF_paused))
			return fail(EINVAL);
		d->flags &= ~(uint32_t)XEN_DOMINF_paused;
		return 0;
	case XEN_DOMCTL_max_vcpus: d->max_vcpus = op->u.max_vcpus.max; return 0;
	case XEN_DOMCTL_max_mem: d->max_kib = op->u.max_mem.max_memkb; return 0;
	case XEN_DOMCTL_set_paging_mempool_size: return do_pool(d, op->u.paging_mempool.size);
	case XEN_DOMCTL_sethvmcontext: return do_context(d, &op->u.hvmcontext);
	case XEN_DOMCTL_gdbsx_guestmemio: return do_copy_in(d, &op->u.gdbsx_guest_memio);
	}
	return fail(ENOSYS);
}

/* ---- sysctl ---- */

static int do_list(struct xen_sysctl_getdomaininfolist *l)
{
	struct xen_domctl_getdomaininfo *out, info;
	uint32_t next = l->first_domain;

	memcpy(&out, &l->buffer, sizeof(out));
	l->num_domains = 0;
	while (l->num_domains < l->max_domains && info_from(next, &info)) {
		out[l->num_domains++] = info;
		next = info.domain + 1u;
	}
	return 0;
}

static int do_sysctl(struct xen_sysctl *op)
{
	if (op->interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return fail(EACCES);
	switch (op->cmd) {
	case XEN_SYSCTL_getdomaininfolist: return do_list(&op->u.getdomaininfolist);
	case XEN_SYSCTL_physinfo:
		op->u.physinfo = (struct xen_sysctl_physinfo){
			.nr_cpus = 2,
			.max_cpu_id = 3,
			.capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap,
			.total_pages = 1 << 20,
			.free_pages = fake.free_pages,
		};
		return 0;
	}
	return fail(ENOSYS);
}

/* ---- memory_op ---- */

static bool populate_extent(struct fake_domain *d, uint64_t gfn, uint64_t pages)
{
	if (pages > fake.free_pages || (pages == LARGE && !fake.large_left) ||
	    (pages > LARGE && !fake.huge_left))
		return false;
	for (uint64_t i = 0; i < pages; i++) {
		if (gfn + i >= GFNS || d->memory[gfn + i])
			return false;
		d->memory[gfn + i] = untouched;
	}
	if (pages == LARGE) {
		fake.large_left--;
		d->large_extents++;
	} else if (pages > LARGE) {
		fake.huge_left--;
		d->huge_extents++;
	}
	d->pages += pages;
	fake.free_pages -= pages;
	return true;
}

static int do_populate(const struct xen_memory_reservation *r)
{
	struct fake_domain *d = fake_domain(r->domid);
	const xen_pfn_t *gfns;
	unsigned int done;

	if (!d)
		return fail(ESRCH);
	memcpy(&gfns, &r->extent_start, sizeof(gfns));
	for (done = 0; done < r->nr_extents; done++)
		if (d->pages + (1ull << r->extent_order) > d->max_kib / 4 ||
		    !populate_extent(d, gfns[done], 1ull << r->extent_order))
			break;
	return (int)done;
}

static int do_claim(const struct xen_memory_reservation *r)
{
	struct fake_domain *d = fake_domain(r->domid);

	if (fake.bare)
		return fail(ENOSYS);
	if (!d || r->nr_extents > fake.free_pages)
		return fail(d ? ENOMEM : ESRCH);
	d->claimed = r->nr_extents;
	return 0;
}

static int do_memory_map(const struct xen_foreign_memory_map *m)
{
	struct fake_domain *d = fake_domain(m->domid);

	if (fake.bare)
		return fail(ENOSYS);
	if (!d)
		return fail(ESRCH);
	d->nr_map = m->map.nr_entries;
	return 0;
}

static int do_memory(uint64_t sub, const void *arg)
{
	switch (sub) {
	case XENMEM_populate_physmap: return do_populate(arg);
	case XENMEM_claim_pages: return do_claim(arg);
	case XENMEM_set_memory_map: return do_memory_map(arg);
	}
	return fail(ENOSYS);
}

/* ---- the other calls ---- */

static int do_param(const struct xen_hvm_param *p)
{
	struct fake_domain *d = fake_domain(p->domid);

	if (!d || p->index >= FAKE_PARAMS)
		return fail(d ? EINVAL : ESRCH);
	if (fake.bare && p->index == HVM_PARAM_TIMER_MODE)
		return fail(EINVAL);
	d->params[p->index] = p->value;
	return 0;
}

static int do_port(struct evtchn_alloc_unbound *a)
{
	struct fake_domain *d = fake_domain(a->dom);

	if (!d || a->remote_dom != 0)
		return fail(d ? EINVAL : ESRCH);
	a->port = ++d->ports;
	return 0;
}

static int do_version(uint64_t sub, void *arg)
{
	switch (sub) {
	case XENVER_version: return 4 << 16 | 17;
	case XENVER_extraversion: strcpy(arg, "-domus"); return 0;
	case XENVER_capabilities: strcpy(arg, "hvm-3.0-x86_64 "); return 0;
	case XENVER_compile_info:
		strcpy(((struct xen_compile_info *)arg)->compiler, "cc");
		return 0;
	}
	return fail(ENOSYS);
}

xencall_handle *xencall_open(struct xentoollog_logger *logger, unsigned int flags)
{
	(void)logger;
	(void)flags;
	if (!fake_step())
		return NULL;
	fake.handles++;
	return calloc(1, sizeof(xencall_handle));
}

int xencall_close(xencall_handle *x)
{
	fake.handles--;
	free(x);
	return 0;
}

void *xencall_alloc_buffer(xencall_handle *x, size_t size)
{
	(void)x;
	if (!fake_step())
		return NULL;
	fake.buffers++;
	return malloc(size);
}

void xencall_free_buffer(xencall_handle *x, void *p)
{
	(void)x;
	fake.buffers--;
	free(p);
}

void *xencall_alloc_buffer_pages(xencall_handle *x, size_t pages)
{
	return xencall_alloc_buffer(x, pages * PAGE);
}

void xencall_free_buffer_pages(xencall_handle *x, void *p, size_t pages)
{
	(void)pages;
	xencall_free_buffer(x, p);
}

int xencall1(xencall_handle *x, unsigned int op, uint64_t arg)
{
	(void)x;
	if (!fake_step())
		return -1;
	if (op == __HYPERVISOR_domctl)
		return do_domctl((void *)(uintptr_t)arg);
	if (op == __HYPERVISOR_sysctl)
		return do_sysctl((void *)(uintptr_t)arg);
	return fail(ENOSYS);
}

long xencall2L(xencall_handle *x, unsigned int op, uint64_t sub, uint64_t arg2)
{
	void *arg = (void *)(uintptr_t)arg2;

	(void)x;
	if (!fake_step())
		return -1;
	switch (op) {
	case __HYPERVISOR_memory_op: return do_memory(sub, arg);
	case __HYPERVISOR_hvm_op: return sub == HVMOP_set_param ? do_param(arg) : fail(ENOSYS);
	case __HYPERVISOR_event_channel_op:
		return sub == EVTCHNOP_alloc_unbound ? do_port(arg) : fail(ENOSYS);
	case __HYPERVISOR_xen_version: return do_version(sub, arg);
	}
	return fail(ENOSYS);
}

int xencall2(xencall_handle *x, unsigned int op, uint64_t list, uint64_t count)
{
	struct multicall_entry *e = (void *)(uintptr_t)list;

	(void)x;
	if (!fake_step())
		return -1;
	if (op != __HYPERVISOR_multicall)
		return fail(ENOSYS);
	for (; count--; e++) {
		if (e->op != __HYPERVISOR_event_channel_op || e->args[0] != EVTCHNOP_status)
			return fail(ENOSYS);
		e->result = do_status((void *)(uintptr_t)e->args[1]) ? (xen_ulong_t)-errno : 0;
	}
	return 0;
}

int xencall3(xencall_handle *x, unsigned int op, uint64_t sub, uint64_t vcpu, uint64_t arg)
{
	struct vcpu_runstate_info info = {.time = {3000000000ull, 0, 1000000000ull, 0}};

	(void)x;
	(void)vcpu;
	if (!fake_step())
		return -1;
	if (op != __HYPERVISOR_vcpu_op || sub != VCPUOP_get_runstate_info || fake.bare)
		return fail(ENOSYS);
	memcpy((void *)(uintptr_t)arg, &info, sizeof(info));
	return 0;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger, unsigned int flags)
{
	(void)logger;
	(void)flags;
	if (!fake_step())
		return NULL;
	fake.handles++;
	return calloc(1, sizeof(xenforeignmemory_handle));
}

int xenforeignmemory_close(xenforeignmemory_handle *f)
{
	fake.handles--;
	free(f);
	return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *f, uint32_t domid, int prot, size_t pages,
			   const xen_pfn_t *arr, int *err)
{
	struct fake_domain *d = fake_domain(domid);
	struct mapping *m;

	(void)f;
	(void)prot;
	(void)err;
	if (!fake_step())
		return NULL;
	for (size_t i = 0; i < pages; i++) {
		if (d && guest_page(d, arr[i]))
			continue;
		errno = d ? EINVAL : ESRCH;
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	*m = (struct mapping){malloc(pages * PAGE), pages, domid, malloc(pages * sizeof(*arr)),
			      mappings};
	memcpy(m->gfns, arr, pages * sizeof(*arr));
	for (size_t i = 0; i < pages; i++)
		memcpy(m->copy + i * PAGE, guest_page(d, arr[i]), PAGE);
	mappings = m;
	fake.mappings++;
	return m->copy;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *f, void *addr, size_t pages)
{
	struct mapping **at = &mappings;
	struct mapping *m;
	struct fake_domain *d;

	(void)f;
	while (*at && (*at)->copy != addr)
		at = &(*at)->next;
	m = *at;
	if (!m || m->pages != pages)
		abort();
	*at = m->next;
	d = fake_domain(m->domid);
	for (size_t i = 0; d && i < pages; i++)
		memcpy(guest_page(d, m->gfns[i]), m->copy + i * PAGE, PAGE);
	fake.mappings--;
	free(m->gfns);
	free(m->copy);
	free(m);
	return 0;
}

xenforeignmemory_resource_handle *
xenforeignmemory_map_resource(xenforeignmemory_handle *f, domid_t domid, unsigned int type,
			      unsigned int id, unsigned long frame, unsigned long nr, void **addr,
			      int prot, int flags)
{
	struct fake_domain *d = fake_domain(domid);

	(void)f;
	(void)prot;
	(void)flags;
	if (!fake_step())
		return NULL;
	if (!d || type != XENMEM_resource_grant_table || id || frame || nr != 1) {
		errno = EINVAL;
		return NULL;
	}
	fake.mappings++;
	*addr = d->grants;
	return (xenforeignmemory_resource_handle *)d;
}

int xenforeignmemory_unmap_resource(xenforeignmemory_handle *f,
				    xenforeignmemory_resource_handle *res)
{
	(void)f;
	(void)res;
	fake.mappings--;
	return 0;
}
