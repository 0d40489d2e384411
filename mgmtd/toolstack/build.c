/* SPDX-License-Identifier: Apache-2.0 */
/* The domain builder: a list of steps, and one way back from any of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acpi.h"
#include "context.h"
#include "domain.h"
#include "guest.h"
#include "hypercall.h"
#include "kernel.h"
#include "layout.h"
#include "nodes.h"

#define HUGE_ORDER  18 /* 1 GiB */
#define LARGE_ORDER 9  /* 2 MiB; a smaller step is a page */
#define LARGE_BATCH 64 /* extents, so 128 MiB between two progress notices */

#define EVENT_PORT_MAX    1023
#define GRANT_VERSION     2
#define GRANT_CONSOLE     0 /* entries that the ABI reserves for the two rings */
#define GRANT_XENSTORE    1
#define MAX_MEM_SLACK_KIB 1024 /* special and ACPI pages */

/* What the hypervisor keeps for a domain beyond its RAM; rough, and only to refuse early. */
#define OVERHEAD_DOMAIN (512ull << 10)
#define OVERHEAD_VCPU   (64ull << 10)

/* Page-table pool: a base, a little per vCPU, and one page per 2 MiB in case all get split. */
#define POOL_BASE_PAGES 192
#define POOL_VCPU_PAGES 8

struct build {
	struct toolstack *ts;
	const struct ts_domain_spec *spec;
	struct ts_error *err;
	const char *cmdline;
	struct kernel kernel;
	int initrd_fd;
	uint64_t initrd_size;
	struct layout layout;
	uint8_t *acpi;
	size_t acpi_size;
	uint32_t domid;
	uint32_t store_port;
	uint32_t console_port;
	unsigned int percent;
	unsigned int percent_end; /* of the step under way */
	enum ts_stage stage;
	bool marked;
	bool fresh_is_zero;     /* new pages of the domain hold zeroes */
	unsigned int max_order; /* of extents that the host still has */
};

static uint64_t pool_size(const struct ts_domain_spec *s)
{
	return (POOL_BASE_PAGES + POOL_VCPU_PAGES * s->vcpus + (s->memory >> 21)) * GUEST_PAGE_SIZE;
}

static uint64_t memory_needed(const struct ts_domain_spec *s)
{
	return s->memory + pool_size(s) + OVERHEAD_DOMAIN + OVERHEAD_VCPU * s->vcpus;
}

/* Free memory that nobody has a claim on; 0 when the hypervisor does not say. */
static uint64_t host_free(struct toolstack *ts)
{
	struct xen_sysctl op = {0};

	if (hv_sysctl(ts, XEN_SYSCTL_physinfo, &op))
		return 0;
	if (op.u.physinfo.outstanding_pages > op.u.physinfo.free_pages)
		return 0;
	return (op.u.physinfo.free_pages - op.u.physinfo.outstanding_pages) << GUEST_PAGE_SHIFT;
}

static int refused(struct build *b, const char *what, int rc)
{
	if (rc == -ENOMEM)
		return ts_fail_memory(b->err, memory_needed(b->spec), host_free(b->ts));
	return ts_fail(b->err, TS_EHYPERVISOR, rc, "the hypervisor refused to %s: %s", what,
		       strerror(-rc));
}

/* Tell the caller; @part of @whole of the current step is done. */
static int progress(struct build *b, uint64_t part, uint64_t whole)
{
	unsigned int percent = b->percent;

	if (!b->spec->progress)
		return 0;
	if (whole)
		percent += (unsigned int)((b->percent_end - b->percent) * part / whole);
	if (!b->spec->progress(b->spec->opaque, percent, b->stage))
		return ts_fail(b->err, TS_ECANCELED, -ECANCELED, "the creation was called off");
	return 0;
}

static int check_spec(struct build *b)
{
	const struct ts_domain_spec *s = b->spec;

	if (!s->name || !s->name[0] || strlen(s->name) >= TS_NAME_MAX)
		return ts_fail(b->err, TS_EINVAL, -EINVAL, "the name is empty or too long");
	if (!s->kernel)
		return ts_fail(b->err, TS_EINVAL, -EINVAL, "there is no kernel");
	if (s->vcpus < 1 || s->vcpus > TS_VCPUS_MAX)
		return ts_fail(b->err, TS_EINVAL, -EINVAL, "a VM has 1 to %d vCPUs, not %u",
			       TS_VCPUS_MAX, s->vcpus);
	if (s->memory < TS_MEMORY_MIN || s->memory > TS_MEMORY_MAX || s->memory % GUEST_PAGE_SIZE)
		return ts_fail(
			b->err, TS_EINVAL, -EINVAL,
			"the memory must be a multiple of 4 KiB between %llu MiB and %llu MiB",
			TS_MEMORY_MIN >> 20, TS_MEMORY_MAX >> 20);
	return 0;
}

static int check_free(struct build *b)
{
	uint64_t free_bytes = host_free(b->ts);

	if (free_bytes < memory_needed(b->spec))
		return ts_fail_memory(b->err, memory_needed(b->spec), free_bytes);
	return 0;
}

static int step_check(struct build *b)
{
	struct ts_domain_info other;
	int rc;

	rc = check_spec(b);
	if (rc)
		return rc;
	rc = ts_domain_find(b->ts, b->spec->uuid, &other, b->err);
	if (rc == 0)
		return ts_fail(b->err, TS_EEXIST, -EEXIST,
			       "domain %u with this uuid is running already", other.domid);
	if (rc != -ESRCH)
		return rc;
	return check_free(b);
}

static int open_initrd(struct build *b)
{
	struct stat st;
	int rc;

	if (!b->spec->initrd)
		return 0;
	b->initrd_fd = open(b->spec->initrd, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (b->initrd_fd < 0 || fstat(b->initrd_fd, &st) < 0) {
		rc = -errno;
		return ts_fail(b->err, TS_EINITRD, rc, "the initrd cannot be read: %s",
			       strerror(-rc));
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return ts_fail(b->err, TS_EINITRD, -EINVAL,
			       "the initrd is empty or not a regular file");
	b->initrd_size = (uint64_t)st.st_size;
	return 0;
}

static int step_files(struct build *b)
{
	int rc;

	rc = open_initrd(b);
	if (rc)
		return rc;
	rc = kernel_open(b->spec->kernel, b->spec->cache_dir, b->spec->kernel_sha256, &b->kernel,
			 b->err);
	if (rc)
		return rc;
	b->acpi = calloc(1, ACPI_SIZE_MAX);
	if (!b->acpi)
		return ts_fail(b->err, TS_ENOMEM, -ENOMEM, "out of memory");
	b->acpi_size = acpi_build(GUEST_ACPI_BASE, b->spec->vcpus, b->acpi);
	return layout_plan(b->spec->memory, &b->kernel.elf, b->initrd_size, b->cmdline,
			   b->acpi_size, &b->layout, b->err);
}

static int step_mark(struct build *b)
{
	b->marked = true;
	return nodes_mark_building(b->ts, b->spec->uuid, b->err);
}

static int step_create(struct build *b)
{
	struct xen_domctl op = {
		.u.createdomain =
			{
				.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
				.max_vcpus = b->spec->vcpus,
				.max_evtchn_port = EVENT_PORT_MAX,
				.max_grant_frames = -1,
				.max_maptrack_frames = -1,
				.grant_opts = XEN_DOMCTL_GRANT_version(GRANT_VERSION),
				.arch.emulation_flags = XEN_X86_EMU_LAPIC,
			},
	};
	int rc;

	memcpy(op.u.createdomain.handle, b->spec->uuid, TS_UUID_LEN);
	rc = hv_domctl(b->ts, XEN_DOMCTL_createdomain, DOMID_INVALID, &op);
	if (rc)
		return refused(b, "create a domain", rc);
	b->domid = op.domain;
	domain_set_built(b->ts, b->domid, false);
	return 0;
}

static int step_limits(struct build *b)
{
	struct xen_domctl vcpus = {.u.max_vcpus.max = b->spec->vcpus};
	struct xen_domctl pool = {.u.paging_mempool.size = pool_size(b->spec)};
	struct xen_domctl mem = {.u.max_mem.max_memkb =
					 (b->spec->memory >> 10) + MAX_MEM_SLACK_KIB};
	int rc;

	rc = hv_domctl(b->ts, XEN_DOMCTL_max_vcpus, b->domid, &vcpus);
	if (rc)
		return refused(b, "give the domain its vCPUs", rc);
	rc = hv_domctl(b->ts, XEN_DOMCTL_set_paging_mempool_size, b->domid, &pool);
	if (rc && !hv_absent(rc))
		return refused(b, "set the size of the page-table pool", rc);
	rc = hv_domctl(b->ts, XEN_DOMCTL_max_mem, b->domid, &mem);
	if (rc)
		return refused(b, "set the memory limit", rc);
	return 0;
}

/* The order of the largest extent for @gfn, and how many to ask for at once: up to where a larger one fits. */
static unsigned int next_extents(const struct build *b, uint64_t gfn, uint64_t pages,
				 unsigned int *count)
{
	static const uint64_t most[] = {HV_POPULATE_MAX, LARGE_BATCH, 1};
	unsigned int order = b->max_order;
	uint64_t edge = pages;

	for (;; order -= LARGE_ORDER) {
		uint64_t size = 1ull << order, odd = gfn % size;

		if (!odd && pages >= size)
			break;
		if (odd && edge > size - odd)
			edge = size - odd;
	}
	edge >>= order;
	if (edge > most[order / LARGE_ORDER])
		edge = most[order / LARGE_ORDER];
	*count = (unsigned int)edge;
	return order;
}

/* Up to @pages from @gfn on, in one call. @done: pages. */
static int populate_some(struct build *b, uint64_t gfn, uint64_t pages, uint64_t *done)
{
	xen_pfn_t gfns[HV_POPULATE_MAX];
	unsigned int n, i = 0, got = 0, order = next_extents(b, gfn, pages, &n);
	int rc;

	do
		gfns[i] = gfn + ((uint64_t)i << order);
	while (++i < n);
	rc = hv_populate(b->ts, b->domid, order, gfns, n, &got);
	if (!rc && got < n)
		rc = -ENOMEM;
	if (rc && !(order && rc == -ENOMEM))
		return refused(b, "give the domain memory", rc);
	if (rc)
		b->max_order = order - LARGE_ORDER;
	*done = (uint64_t)got << order;
	return 0;
}

static int populate(struct build *b, uint64_t gfn, uint64_t pages)
{
	uint64_t left = pages, done;
	int rc;

	while (left) {
		rc = populate_some(b, gfn, left, &done);
		if (rc)
			return rc;
		gfn += done;
		left -= done;
		rc = progress(b, pages - left, pages);
		if (rc)
			return rc;
	}
	return 0;
}

static int populate_all(struct build *b)
{
	const struct layout *l = &b->layout;
	int rc;

	rc = populate(b, 0, l->low_pages);
	if (!rc)
		rc = populate(b, GUEST_HIGH_START >> GUEST_PAGE_SHIFT, l->high_pages);
	if (!rc)
		rc = populate(b, GUEST_ACPI_BASE >> GUEST_PAGE_SHIFT, l->acpi_pages);
	if (!rc)
		rc = populate(b, GUEST_XENSTORE_GFN, 1);
	if (!rc)
		rc = populate(b, GUEST_CONSOLE_GFN, 1);
	return rc;
}

/* A claim makes a create that cannot succeed fail at once, whoever else is allocating. */
static int step_memory(struct build *b)
{
	const struct layout *l = &b->layout;
	int rc, claim;

	claim = hv_claim(b->ts, b->domid, l->low_pages + l->high_pages + l->acpi_pages + 2);
	if (claim && !hv_absent(claim))
		return refused(b, "reserve memory", claim);
	rc = populate_all(b);
	if (rc)
		return rc;
	if (!claim)
		rc = hv_claim(b->ts, b->domid, 0);
	if (rc)
		return refused(b, "end the reservation of memory", rc);
	rc = hv_set_memory_map(b->ts, b->domid, l->memmap, l->nr_memmap);
	if (rc && !hv_absent(rc))
		return refused(b, "take the memory map", rc);
	return 0;
}

/* Kernel segments, without their zeroes where new pages are zero anyway. */
static int load_segment(struct build *b, const struct elf_segment *s)
{
	uint64_t pos = s->offset, end = s->offset + s->filesz, start, len;
	int rc = 0;

	if (!b->fresh_is_zero)
		rc = guest_clear(b->ts, b->domid, s->paddr, s->memsz);
	while (!rc && kernel_next_data(&b->kernel, &pos, end, &start, &len))
		rc = guest_write_mapped(b->ts, b->domid, s->paddr + (start - s->offset),
					b->kernel.data + start, b->kernel.fd,
					b->kernel.base + start, len);
	return rc;
}

static int load_kernel(struct build *b)
{
	const struct elf_kernel *k = &b->kernel.elf;
	int rc;

	for (unsigned int i = 0; i < k->nr_segments; i++) {
		rc = load_segment(b, &k->segments[i]);
		if (rc)
			return refused(b, "load the kernel", rc);
		rc = progress(b, i + 1, k->nr_segments + 1);
		if (rc)
			return rc;
	}
	return 0;
}

static int load_initrd(struct build *b)
{
	int rc;

	if (!b->initrd_size)
		return 0;
	rc = guest_write_file(b->ts, b->domid, b->layout.initrd, b->initrd_fd, 0, b->initrd_size);
	return rc ? refused(b, "load the initrd", rc) : 0;
}

static int load_tables(struct build *b)
{
	TS_CLEANUP(ts_free) uint8_t *si = calloc(1, b->layout.start_info_size);
	int rc;

	if (!si)
		return ts_fail(b->err, TS_ENOMEM, -ENOMEM, "out of memory");
	start_info_write(&b->layout, b->cmdline, si);
	rc = guest_write(b->ts, b->domid, b->layout.start_info, si, b->layout.start_info_size);
	if (!rc)
		rc = guest_write(b->ts, b->domid, GUEST_ACPI_BASE, b->acpi, b->acpi_size);
	return rc ? refused(b, "write the start information", rc) : 0;
}

static int step_load(struct build *b)
{
	bool console_zero, store_zero;
	int rc;

	rc = guest_clear_page(b->ts, b->domid, GUEST_CONSOLE_GFN, &console_zero);
	if (!rc)
		rc = guest_clear_page(b->ts, b->domid, GUEST_XENSTORE_GFN, &store_zero);
	if (rc)
		return refused(b, "map a page of the domain", rc);
	b->fresh_is_zero = console_zero && store_zero;
	rc = load_kernel(b);
	if (!rc)
		rc = load_initrd(b);
	if (!rc)
		rc = load_tables(b);
	return rc;
}

static int step_rings(struct build *b)
{
	const struct guest_grant grants[] = {
		{GRANT_CONSOLE, GUEST_CONSOLE_GFN},
		{GRANT_XENSTORE, GUEST_XENSTORE_GFN},
	};
	int rc;

	rc = hv_alloc_port(b->ts, b->domid, &b->store_port);
	if (!rc)
		rc = hv_alloc_port(b->ts, b->domid, &b->console_port);
	if (rc)
		return refused(b, "give the domain an event channel", rc);
	rc = guest_seed_grants(b->ts, b->domid, grants, sizeof(grants) / sizeof(*grants));
	return rc ? refused(b, "map the grant table", rc) : 0;
}

static int step_params(struct build *b)
{
	const struct {
		uint32_t index;
		uint64_t value;
		bool optional;
	} params[] = {
		/* Guest time runs on while a vCPU is not scheduled. */
		{HVM_PARAM_TIMER_MODE, HVMPTM_no_delay_for_missed_ticks, true},
		/* A triple fault is a crash, and not a way to reboot. */
		{HVM_PARAM_TRIPLE_FAULT_REASON, SHUTDOWN_crash, true},
		{HVM_PARAM_STORE_PFN, GUEST_XENSTORE_GFN, false},
		{HVM_PARAM_STORE_EVTCHN, b->store_port, false},
		{HVM_PARAM_CONSOLE_PFN, GUEST_CONSOLE_GFN, false},
		{HVM_PARAM_CONSOLE_EVTCHN, b->console_port, false},
	};

	for (size_t i = 0; i < sizeof(params) / sizeof(*params); i++) {
		int rc = hv_set_param(b->ts, b->domid, params[i].index, params[i].value);

		if (rc && !(params[i].optional && (hv_absent(rc) || rc == -EINVAL)))
			return refused(b, "set a parameter of the domain", rc);
	}
	return 0;
}

static int step_vcpus(struct build *b)
{
	size_t size = context_size(b->spec->vcpus);
	TS_CLEANUP(ts_free) uint8_t *records = calloc(1, size);
	int rc;

	if (!records)
		return ts_fail(b->err, TS_ENOMEM, -ENOMEM, "out of memory");
	context_build(b->spec->vcpus, b->layout.entry, b->layout.start_info, records);
	rc = hv_set_context(b->ts, b->domid, records, size);
	return rc ? refused(b, "take the state of the vCPUs", rc) : 0;
}

static int step_nodes(struct build *b)
{
	const struct nodes_spec n = {
		.domid = b->domid,
		.uuid = b->spec->uuid,
		.name = b->spec->name,
		.vcpus = b->spec->vcpus,
		.memory = b->spec->memory,
		.console_gfn = GUEST_CONSOLE_GFN,
		.console_port = b->console_port,
		.store_gfn = GUEST_XENSTORE_GFN,
		.store_port = b->store_port,
	};
	int rc;

	rc = nodes_write(b->ts, &n, b->err);
	if (!rc)
		rc = nodes_introduce(b->ts, &n, b->err);
	if (!rc)
		rc = nodes_mark_built(b->ts, b->spec->uuid, b->err);
	if (!rc)
		domain_set_built(b->ts, b->domid, true);
	return rc;
}

/*
 * In order; the percentage is where a step ends, for a kernel that is in the cache. The vCPUs have
 * their state before anything is loaded: the hypervisor copies through vCPU 0's address space.
 */
static const struct step {
	int (*run)(struct build *b);
	enum ts_stage stage;
	unsigned int percent;
} steps[] = {
	{step_check, TS_STAGE_KERNEL, 2},     {step_files, TS_STAGE_KERNEL, 15},
	{step_mark, TS_STAGE_DOMAIN, 17},     {step_create, TS_STAGE_DOMAIN, 20},
	{step_limits, TS_STAGE_DOMAIN, 22},   {step_vcpus, TS_STAGE_DOMAIN, 24},
	{step_memory, TS_STAGE_MEMORY, 40},   {step_load, TS_STAGE_LOAD, 90},
	{step_rings, TS_STAGE_XENSTORE, 92},  {step_params, TS_STAGE_XENSTORE, 94},
	{step_nodes, TS_STAGE_XENSTORE, 100},
};

/* After a failure: first the domain, then its nodes. What stopped us stays in b->err. */
static void undo(struct build *b)
{
	struct ts_error ignored;

	if (b->domid != TS_DOMID_NONE && domain_kill(b->ts, b->domid, &ignored))
		return; /* still there: the mark lets ts_cleanup_halfbuilt() try again */
	if (b->marked)
		nodes_remove(b->ts, b->domid, b->spec->uuid);
}

static int run_steps(struct build *b)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int rc;

		b->stage = steps[i].stage;
		b->percent_end = steps[i].percent;
		rc = progress(b, 0, 0);
		if (!rc)
			rc = steps[i].run(b);
		if (rc)
			return rc;
		b->percent = steps[i].percent;
	}
	b->stage = TS_STAGE_DONE;
	return progress(b, 0, 0);
}

int ts_domain_create(struct toolstack *ts, const struct ts_domain_spec *spec, uint32_t *domid,
		     struct ts_error *err)
{
	struct build b = {.ts = ts,
			  .spec = spec,
			  .err = err,
			  .cmdline = spec->cmdline ? spec->cmdline : "",
			  .kernel = KERNEL_NONE,
			  .initrd_fd = -1,
			  .max_order = HUGE_ORDER,
			  .domid = TS_DOMID_NONE};
	int rc = run_steps(&b);

	if (rc)
		undo(&b);
	else
		*domid = b.domid;
	kernel_close(&b.kernel);
	ts_close_fd(&b.initrd_fd);
	free(b.acpi);
	return rc;
}

const char *ts_stage_name(enum ts_stage stage)
{
	static const char *const names[] = {
		[TS_STAGE_KERNEL] = "reading the kernel",
		[TS_STAGE_DOMAIN] = "creating the domain",
		[TS_STAGE_MEMORY] = "giving it memory",
		[TS_STAGE_LOAD] = "loading kernel and initrd",
		[TS_STAGE_XENSTORE] = "registering it",
		[TS_STAGE_DONE] = "done",
	};

	return names[stage];
}
