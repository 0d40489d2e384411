/* SPDX-License-Identifier: Apache-2.0 */
/* The builder and the life cycle against a fake hypervisor, with every call failing once. */
#include "fake_xen.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "sample.h"
#include "toolstack.h"

#define MIB       (1ull << 20)
#define HOST_MIB  4096
#define UUID_TEXT "11112222-3333-4444-5555-666677778888"
#define CMDLINE   "console=hvc0 panic=-1"

static struct toolstack *ts;
static struct ts_domain_spec spec;
static uint8_t initrd[10000];

static void setup_files(void)
{
	static char kernel[128], ramdisk[128];
	struct blob elf = sample_elf(true, true);

	for (size_t i = 0; i < sizeof(initrd); i++)
		initrd[i] = (uint8_t)(i * 31);
	strcpy(kernel, sample_file("kernel", elf.data, elf.size));
	strcpy(ramdisk, sample_file("initrd", initrd, sizeof(initrd)));
	blob_free(&elf);
	spec = (struct ts_domain_spec){.name = "demo",
				       .vcpus = 2,
				       .memory = 16 * MIB,
				       .kernel = kernel,
				       .initrd = ramdisk,
				       .cmdline = CMDLINE};
	ck_assert(ts_uuid_parse(UUID_TEXT, spec.uuid));
}

static void setup(void)
{
	struct ts_error err;

	fake_reset(HOST_MIB);
	setup_files();
	ck_assert_int_eq(toolstack_open(&ts, &err), 0);
}

/* Nothing is left: no domain, no page, no node, no buffer, mapping or handle. */
static void check_clean(uint64_t free_pages)
{
	for (size_t i = 0; i < FAKE_DOMAINS; i++)
		ck_assert_msg(!fake.domains[i].exists, "a domain is left (call %u)", fake.fail_at);
	ck_assert_uint_eq(fake.free_pages, free_pages);
	ck_assert_msg(fake_nodes_under("/local") <= 2, "nodes are left (call %u)", fake.fail_at);
	ck_assert_msg(fake_nodes_under("/vm") <= 1, "nodes are left (call %u)", fake.fail_at);
	ck_assert_int_eq(fake.buffers, 0);
	ck_assert_int_eq(fake.mappings, 0);
}

static void teardown(void)
{
	toolstack_close(ts);
	ck_assert_int_eq(fake.handles, 0);
	fake_reset(0);
	sample_dir_remove();
}

static struct fake_domain *create(uint32_t *domid)
{
	struct ts_error err;
	struct fake_domain *d;

	ck_assert_msg(ts_domain_create(ts, &spec, domid, &err) == 0, "%s", err.detail);
	d = fake_domain(*domid);
	ck_assert_ptr_nonnull(d);
	return d;
}

static bool all_are(const uint8_t *p, size_t len, uint8_t value)
{
	return p[0] == value && memcmp(p, p + 1, len - 1) == 0;
}

static void check_memory(struct fake_domain *d)
{
	struct hvm_modlist_entry mod;
	struct hvm_start_info si;
	struct hvm_hw_cpu cpu;
	static uint8_t buf[SAMPLE_DATA_MEMSZ], page[4096];
	struct hvm_save_descriptor desc;
	size_t at = 0;

	/* vCPU 0's state leads to the start info, and that to everything else. */
	do {
		memcpy(&desc, d->context + at, sizeof(desc));
		at += sizeof(desc);
		if (desc.typecode == HVM_SAVE_CODE(CPU))
			memcpy(&cpu, d->context + at, sizeof(cpu));
		at += desc.length;
	} while (desc.typecode != HVM_SAVE_CODE(END) && at < d->context_size);
	ck_assert_uint_eq(cpu.rip, SAMPLE_ENTRY);
	ck_assert(fake_peek(d, cpu.rbx, &si, sizeof(si)));
	ck_assert_uint_eq(si.magic, XEN_HVM_START_MAGIC_VALUE);
	ck_assert(fake_peek(d, si.cmdline_paddr, buf, sizeof(CMDLINE)));
	ck_assert_str_eq((char *)buf, CMDLINE);
	ck_assert(fake_peek(d, si.rsdp_paddr, buf, 8));
	ck_assert_mem_eq(buf, "RSD PTR ", 8);
	ck_assert_uint_eq(si.nr_modules, 1);
	ck_assert(fake_peek(d, si.modlist_paddr, &mod, sizeof(mod)));
	ck_assert_uint_eq(mod.size, sizeof(initrd));
	ck_assert(fake_peek(d, mod.paddr, buf, sizeof(initrd)));
	ck_assert_mem_eq(buf, initrd, sizeof(initrd));
	/* The kernel, with its gap and its end cleared. */
	ck_assert(fake_peek(d, SAMPLE_TEXT_PADDR, buf, 16));
	ck_assert_uint_eq(buf[1], 8);
	ck_assert(fake_peek(d, SAMPLE_DATA_PADDR, buf, SAMPLE_DATA_MEMSZ));
	ck_assert(all_are(buf, 0x8000, 0xaa));
	ck_assert(all_are(buf + 0x8000, 0x20000, 0));
	ck_assert(all_are(buf + 0x28000, 0x8000, 0xbb));
	ck_assert(all_are(buf + 0x30000, SAMPLE_DATA_MEMSZ - 0x30000, 0));
	memset(buf, 0, sizeof(page));
	ck_assert(fake_peek(d, GUEST_CONSOLE_GFN << 12, page, sizeof(page)));
	ck_assert_mem_eq(page, buf, sizeof(page));
	ck_assert(fake_peek(d, GUEST_XENSTORE_GFN << 12, page, sizeof(page)));
	ck_assert_mem_eq(page, buf, sizeof(page));
}

static void check_domain(struct fake_domain *d)
{
	ck_assert_mem_eq(d->config.handle, spec.uuid, 16);
	ck_assert_uint_eq(d->config.flags, XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap);
	ck_assert_uint_eq(d->config.arch.emulation_flags, XEN_X86_EMU_LAPIC);
	ck_assert_uint_eq(d->config.grant_opts, 2);
	ck_assert_uint_eq(d->config.max_vcpus, 2);
	ck_assert_uint_eq(d->max_vcpus, 2);
	ck_assert(d->flags & XEN_DOMINF_paused);
	ck_assert(d->introduced);
	ck_assert_uint_eq(d->claimed, 0);
	ck_assert_uint_eq(d->pages, (16 * MIB >> 12) + 3);
	ck_assert_uint_eq(d->params[HVM_PARAM_TRIPLE_FAULT_REASON], SHUTDOWN_crash);
	ck_assert_uint_eq(d->params[HVM_PARAM_CONSOLE_PFN], GUEST_CONSOLE_GFN);
	ck_assert_uint_eq(d->params[HVM_PARAM_STORE_PFN], GUEST_XENSTORE_GFN);
	ck_assert_uint_eq(d->params[HVM_PARAM_STORE_EVTCHN], 1);
	ck_assert_uint_eq(d->params[HVM_PARAM_CONSOLE_EVTCHN], 2);
	ck_assert_uint_eq(d->grants[0].flags, GTF_permit_access);
	ck_assert_uint_eq(d->grants[0].frame, GUEST_CONSOLE_GFN);
	ck_assert_uint_eq(d->grants[0].domid, 0);
	ck_assert_uint_eq(d->grants[1].flags, GTF_permit_access);
	ck_assert_uint_eq(d->grants[1].frame, GUEST_XENSTORE_GFN);
	check_memory(d);
}

START_TEST(a_domain_is_built)
{
	uint64_t before = fake.free_pages;
	struct fake_domain *d;
	struct ts_error err;
	uint32_t domid;

	fake.dirty_pages = _i & 1;
	fake.has_copy_in = _i & 2;
	fake.bare = _i & 4;
	d = create(&domid);
	/* Pages of zeroes are neither mapped nor written where new pages are zero anyway. */
	ck_assert_uint_eq(fake_touched(d, (SAMPLE_DATA_PADDR >> 12) + 0x18), fake.dirty_pages);
	check_domain(d);
	ck_assert_uint_eq(d->large_extents, 8);
	ck_assert_uint_eq(d->nr_map, fake.bare ? 0 : 3);
	ck_assert_int_eq(ts_domain_unpause(ts, domid, &err), 0);
	ck_assert(!(d->flags & XEN_DOMINF_paused));
	ck_assert_int_eq(ts_domain_destroy(ts, domid, &err), 0);
	check_clean(before);
}
END_TEST

START_TEST(xenstore_is_filled)
{
	uint32_t domid;

	create(&domid);
	ck_assert_uint_eq(domid, 1);
	ck_assert_str_eq(fake_node("/local/domain/1/name"), "demo");
	ck_assert_str_eq(fake_node("/local/domain/1/domid"), "1");
	ck_assert_str_eq(fake_node("/local/domain/1/vm"), "/vm/" UUID_TEXT);
	ck_assert_str_eq(fake_node("/local/domain/1/memory/target"), "16384");
	ck_assert_str_eq(fake_node("/local/domain/1/memory/static-max"), "16384");
	ck_assert_str_eq(fake_node("/local/domain/1/cpu/0/availability"), "online");
	ck_assert_str_eq(fake_node("/local/domain/1/cpu/1/availability"), "online");
	ck_assert_ptr_null(fake_node("/local/domain/1/cpu/2/availability"));
	ck_assert_str_eq(fake_node("/local/domain/1/console/ring-ref"), "1044479");
	ck_assert_str_eq(fake_node("/local/domain/1/console/port"), "2");
	ck_assert_str_eq(fake_node("/local/domain/1/console/type"), "domus");
	ck_assert_str_eq(fake_node("/local/domain/1/store/ring-ref"), "1044476");
	ck_assert_str_eq(fake_node("/local/domain/1/store/port"), "1");
	ck_assert_str_eq(fake_node("/vm/" UUID_TEXT "/uuid"), UUID_TEXT);
	ck_assert_str_eq(fake_node("/vm/" UUID_TEXT "/domus/state"), "built");
	/* The guest reads what is about it, and writes only in its own corners. */
	ck_assert_str_eq(fake_node_perms("/local/domain/1"), "n0,r1");
	ck_assert_str_eq(fake_node_perms("/local/domain/1/console/ring-ref"), "n0,r1");
	ck_assert_str_eq(fake_node_perms("/local/domain/1/memory/target"), "n0,r1");
	ck_assert_str_eq(fake_node_perms("/local/domain/1/control"), "n1");
	ck_assert_str_eq(fake_node_perms("/local/domain/1/data"), "n1");
	ck_assert_str_eq(fake_node_perms("/vm/" UUID_TEXT "/domus/state"), "n0");
}
END_TEST

/* Fail the first call, then the second ... until a create gets through. */
START_TEST(every_failure_is_undone)
{
	static const int errors[] = {EINVAL, ENOMEM, EPERM};
	uint64_t before = fake.free_pages;
	unsigned int survived = 0, failed = 0;
	struct ts_error err;
	uint32_t domid;
	int rc = -1;

	fake.fail_errno = errors[_i % 3];
	fake.has_copy_in = _i >= 3;
	for (unsigned int n = 1; rc || fake.calls >= n; n++) {
		fake.calls = 0;
		fake.fail_at = n;
		memset(&err, 0, sizeof(err));
		domid = TS_DOMID_NONE;
		rc = ts_domain_create(ts, &spec, &domid, &err);
		fake.fail_at = 0;
		if (rc) {
			failed++;
			ck_assert_uint_eq(domid, TS_DOMID_NONE);
			ck_assert_int_ne(err.code, TS_OK);
			ck_assert(strlen(err.detail) > 10);
		} else {
			survived++;
			ck_assert_ptr_nonnull(fake_domain(domid));
			ck_assert_int_eq(ts_domain_destroy(ts, domid, &err), 0);
		}
		check_clean(before);
		ck_assert_uint_lt(n, 2000);
	}
	ck_assert_uint_gt(failed, 40);
	/* Some fail unnoticed: each fast copy, large extents, an optional parameter. */
	ck_assert_uint_lt(survived, 40);
}
END_TEST

/* The hypervisor is not there, or xenstored. */
START_TEST(opening_fails_cleanly)
{
	struct toolstack *other = NULL;
	struct ts_error err;
	int handles = fake.handles;
	unsigned int n;

	for (n = 1;; n++) {
		fake.calls = 0;
		fake.fail_at = n;
		if (toolstack_open(&other, &err) == 0)
			break;
		ck_assert_ptr_null(other);
		ck_assert_int_eq(fake.handles, handles);
		ck_assert(err.code == TS_EHYPERVISOR || err.code == TS_EXENSTORE);
	}
	ck_assert_uint_gt(n, 6);
	toolstack_close(other);
	toolstack_close(NULL);
}
END_TEST

static unsigned int stop_after;

static bool stop(void *opaque, unsigned int percent, enum ts_stage stage)
{
	unsigned int *last = opaque;

	ck_assert_uint_ge(percent, *last);
	ck_assert_uint_le(percent, 100);
	ck_assert_ptr_nonnull(ts_stage_name(stage));
	*last = percent;
	return stop_after-- > 0;
}

START_TEST(a_create_can_be_called_off)
{
	uint64_t before = fake.free_pages;
	unsigned int last, n;
	struct ts_error err;
	uint32_t domid;
	int rc;

	spec.progress = stop;
	spec.opaque = &last;
	for (n = 0;; n++) {
		last = 0;
		stop_after = n;
		rc = ts_domain_create(ts, &spec, &domid, &err);
		if (!rc)
			break;
		ck_assert_int_eq(rc, -ECANCELED);
		ck_assert_int_eq(err.code, TS_ECANCELED);
		check_clean(before);
	}
	ck_assert_uint_gt(n, 10);
	ck_assert_uint_eq(last, 100);
}
END_TEST

START_TEST(too_little_memory_is_said_in_numbers)
{
	struct ts_error err;
	uint32_t domid;

	spec.memory = (HOST_MIB + 1ull) * MIB;
	ck_assert_int_eq(ts_domain_create(ts, &spec, &domid, &err), -ENOMEM);
	ck_assert_int_eq(err.code, TS_ENOMEM_HOST);
	ck_assert_uint_eq(err.free, HOST_MIB * MIB);
	ck_assert_uint_gt(err.needed, spec.memory);
	check_clean(HOST_MIB << 8);
}
END_TEST

START_TEST(memory_in_small_pieces_will_do)
{
	struct fake_domain *d;
	uint32_t domid;

	fake.large_left = (uint64_t)_i;
	d = create(&domid);
	ck_assert_uint_eq(d->large_extents, (unsigned int)_i);
	check_domain(d);
}
END_TEST

START_TEST(large_domains_go_around_the_hole)
{
	struct fake_domain *d;
	uint32_t domid;

	spec.memory = 3842 * MIB;
	fake.huge_left = (uint64_t)_i;
	d = create(&domid);
	/* As many large ones as there are; below 4 GiB there is room for three. */
	ck_assert_uint_eq(d->huge_extents, _i < 3 ? (unsigned int)_i : 3);
	ck_assert_uint_eq(d->large_extents + d->huge_extents * 512, 3842 / 2);
	ck_assert_ptr_nonnull(d->memory[0xeffff]);
	ck_assert_ptr_null(d->memory[0xf0000]);
	ck_assert_ptr_nonnull(d->memory[0x100000]);
	ck_assert_ptr_nonnull(d->memory[0x1001ff]);
	ck_assert_ptr_null(d->memory[0x100200]);
}
END_TEST

static void expect(const char *word, enum ts_code code)
{
	uint64_t before = fake.free_pages;
	struct ts_error err;
	uint32_t domid;

	ck_assert_int_lt(ts_domain_create(ts, &spec, &domid, &err), 0);
	ck_assert_int_eq(err.code, code);
	ck_assert_msg(strstr(err.detail, word), "%s", err.detail);
	check_clean(before);
}

START_TEST(bad_specs_are_refused)
{
	struct ts_domain_spec good = spec;
	char name[TS_NAME_MAX + 1];

	memset(name, 'n', sizeof(name));
	name[TS_NAME_MAX] = '\0';
	spec.vcpus = 0;
	expect("vCPUs", TS_EINVAL);
	spec.vcpus = TS_VCPUS_MAX + 1;
	expect("vCPUs", TS_EINVAL);
	spec = good;
	spec.memory = 16 * MIB + 1;
	expect("memory", TS_EINVAL);
	spec.memory = 1 * MIB;
	expect("memory", TS_EINVAL);
	spec.memory = ~0ull & ~4095ull;
	expect("memory", TS_EINVAL);
	spec = good;
	spec.name = "";
	expect("name", TS_EINVAL);
	spec.name = name;
	expect("name", TS_EINVAL);
	spec = good;
	spec.initrd = "/nonexistent";
	expect("initrd", TS_EINITRD);
	spec.initrd = sample_file("none", "", 0);
	expect("initrd", TS_EINITRD);
	spec = good;
	spec.kernel = spec.initrd;
	expect("not a kernel", TS_EKERNEL);
}
END_TEST

START_TEST(one_uuid_is_one_domain)
{
	struct ts_error err;
	uint32_t domid, other;

	create(&domid);
	ck_assert_int_eq(ts_domain_create(ts, &spec, &other, &err), -EEXIST);
	ck_assert_int_eq(err.code, TS_EEXIST);
	/* The failed create must not take the first one's nodes with it. */
	ck_assert_str_eq(fake_node("/vm/" UUID_TEXT "/domus/state"), "built");
	ck_assert_ptr_nonnull(fake_domain(domid));
}
END_TEST

START_TEST(domains_are_listed_and_found)
{
	static const uint8_t foreign[16] = {9, 9};
	struct ts_domain_info *list, info;
	struct ts_error err;
	uint32_t domid;
	size_t count;

	ck_assert_int_eq(ts_domain_list(ts, &list, &count, &err), 0);
	ck_assert_uint_eq(count, 0);
	ck_assert_ptr_null(list);
	create(&domid);
	fake_domain_add(foreign);
	ck_assert_int_eq(ts_domain_list(ts, &list, &count, &err), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(list[0].domid, 1);
	ck_assert_uint_eq(list[1].domid, 2);
	ck_assert(list[0].paused && !list[0].half_built && !list[0].shutdown);
	ck_assert_uint_eq(list[0].vcpus, 2);
	ck_assert_uint_eq(list[0].vcpus_online, 1);
	free(list);
	ck_assert_int_eq(ts_domain_find(ts, spec.uuid, &info, &err), 0);
	ck_assert_uint_eq(info.domid, domid);
	fake_domain(domid)->flags |= XEN_DOMINF_shutdown | 3 << XEN_DOMINF_shutdownshift;
	ck_assert_int_eq(ts_domain_info(ts, domid, &info, &err), 0);
	ck_assert(info.shutdown);
	ck_assert_str_eq(ts_shutdown_name(info.shutdown_reason), "crash");
	ck_assert_str_eq(ts_shutdown_name((enum ts_shutdown)77), "unknown");
	ck_assert_int_eq(ts_domain_info(ts, 17, &info, &err), -ESRCH);
	ck_assert_int_eq(err.code, TS_ENODOM);
}
END_TEST

START_TEST(life_cycle_calls_do_their_work)
{
	struct ts_error err;
	struct fake_domain *d;
	uint32_t domid;

	d = create(&domid);
	/* Twice each, as a task does that is taken up again. */
	ck_assert_int_eq(ts_domain_unpause(ts, domid, &err), 0);
	ck_assert_int_eq(ts_domain_unpause(ts, domid, &err), 0);
	ck_assert(!(d->flags & XEN_DOMINF_paused));
	ck_assert_int_eq(ts_domain_pause(ts, domid, &err), 0);
	ck_assert_int_eq(ts_domain_pause(ts, domid, &err), 0);
	ck_assert(d->flags & XEN_DOMINF_paused);
	ck_assert_int_eq(ts_domain_shutdown_request(ts, domid, TS_REQUEST_POWEROFF, &err), 0);
	ck_assert_str_eq(fake_node("/local/domain/1/control/shutdown"), "poweroff");
	ck_assert_int_eq(ts_domain_shutdown_request(ts, domid, TS_REQUEST_REBOOT, &err), 0);
	ck_assert_str_eq(fake_node("/local/domain/1/control/shutdown"), "reboot");
	/* Nobody touches the management domain, or one that is not there. */
	for (uint32_t id = 0; id < 100; id += 99) {
		ck_assert_int_eq(ts_domain_pause(ts, id, &err), -ESRCH);
		ck_assert_int_eq(ts_domain_unpause(ts, id, &err), -ESRCH);
		ck_assert_int_eq(ts_domain_destroy(ts, id, &err), -ESRCH);
		ck_assert_int_eq(ts_domain_shutdown_request(ts, id, TS_REQUEST_POWEROFF, &err),
				 -ESRCH);
	}
}
END_TEST

START_TEST(destroy_waits_until_all_is_gone)
{
	uint64_t before = fake.free_pages;
	struct ts_error err;
	uint32_t domid;

	create(&domid)->linger = 5;
	fake.retries = 3;
	ck_assert_int_eq(ts_domain_destroy(ts, domid, &err), 0);
	check_clean(before);
}
END_TEST

START_TEST(half_built_domains_are_removed)
{
	static const uint8_t half[16] = {1}, foreign[16] = {2};
	char path[80], text[TS_UUID_STR_LEN];
	uint8_t(*uuids)[TS_UUID_LEN];
	struct ts_domain_info info;
	struct ts_error err;
	uint32_t domid;
	size_t count;

	create(&domid);
	fake_domain_add(half);
	fake_domain_add(foreign);
	ts_uuid_format(half, text);
	snprintf(path, sizeof(path), "/vm/%s/domus/state", text);
	fake_node_set(path, "building");
	fake_node_set("/vm/99999999-3333-4444-5555-666677778888/domus/state", "building");
	fake_node_set("/vm/88888888-3333-4444-5555-666677778888/domus/state", "built");
	ck_assert_int_eq(ts_domain_find(ts, half, &info, &err), 0);
	ck_assert(info.half_built);
	ck_assert_int_eq(ts_cleanup_halfbuilt(ts, &count, &uuids, &err), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_mem_eq(uuids[0], half, 16);
	free(uuids);
	ck_assert_int_eq(ts_domain_find(ts, half, &info, &err), -ESRCH);
	ck_assert_int_eq(ts_domain_find(ts, foreign, &info, &err), 0);
	ck_assert_int_eq(ts_domain_find(ts, spec.uuid, &info, &err), 0);
	ck_assert_ptr_null(fake_node(path));
	ck_assert_uint_eq(fake_nodes_under("/vm/99999999-3333-4444-5555-666677778888"), 0);
	ck_assert_uint_eq(fake_nodes_under("/vm/88888888-3333-4444-5555-666677778888"), 0);
	ck_assert_str_eq(fake_node("/vm/" UUID_TEXT "/domus/state"), "built");
}
END_TEST

/* Their pages are still in use, for who knows how long: that must not keep us from starting. */
START_TEST(dying_domains_are_not_waited_for)
{
	struct fake_domain *half, *whole;
	struct ts_error err;
	uint32_t domid;
	size_t count;

	whole = create(&domid);
	half = fake_domain_add((const uint8_t[16]){1});
	fake_node_set("/vm/01000000-0000-0000-0000-000000000000/domus/state", "building");
	fake_node_set("/local/domain/0/backend/vbd/1/51712/state", "4");
	fake_node_set("/local/domain/2/name", "half");
	half->flags |= XEN_DOMINF_dying;
	whole->flags |= XEN_DOMINF_dying;
	half->linger = whole->linger = UINT_MAX;
	ck_assert_int_eq(ts_cleanup_halfbuilt(ts, &count, NULL, &err), 0);
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_eq(fake_nodes_under("/local/domain/0/backend/vbd/1"), 0);
	ck_assert_uint_eq(fake_nodes_under("/local/domain/1"), 0);
	ck_assert_uint_eq(fake_nodes_under("/local/domain/2"), 0);
	ck_assert_uint_eq(fake_nodes_under("/vm/" UUID_TEXT), 0);
	ck_assert_uint_eq(fake_nodes_under("/vm/01000000-0000-0000-0000-000000000000"), 0);
}
END_TEST

START_TEST(the_host_is_described)
{
	struct ts_host_info h;
	struct ts_error err;

	ck_assert_int_eq(toolstack_host(ts, &h, &err), 0);
	ck_assert_str_eq(h.hypervisor, "Domus");
	ck_assert_str_eq(h.version, "4.17-domus");
	ck_assert_str_eq(h.capabilities, "hvm-3.0-x86_64 ");
	ck_assert(h.hvm && h.nested_paging && !h.iommu);
	ck_assert_uint_eq(h.cpus_physical, 4);
	ck_assert_uint_eq(h.cpus_online, 2);
	ck_assert_uint_eq(h.memory_total, 4096 * MIB);
	ck_assert_uint_eq(h.memory_free, HOST_MIB * MIB);
	ck_assert_uint_eq(h.uptime, 4);
	ck_assert_int_eq(toolstack_ping(ts, &err), 0);
}
END_TEST

START_TEST(news_make_the_descriptor_readable)
{
	struct pollfd p = {.fd = ts_watch_fd(ts), .events = POLLIN};

	ck_assert_int_eq(poll(&p, 1, 0), 0);
	fake_fire_watch();
	fake_fire_watch();
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert_int_eq(ts_watch_read(ts), 2);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	ck_assert_int_eq(ts_watch_read(ts), 0);
}
END_TEST

static unsigned int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

START_TEST(no_descriptor_leaks)
{
	unsigned int before = open_descriptors();
	struct ts_error err;
	uint32_t domid;
	int rc;

	for (unsigned int n = 0; n < 50; n++) {
		fake.calls = 0;
		fake.fail_at = n & 1 ? 3 * n : 0;
		rc = ts_domain_create(ts, &spec, &domid, &err);
		fake.fail_at = 0;
		if (!rc)
			ck_assert_int_eq(ts_domain_destroy(ts, domid, &err), 0);
	}
	ck_assert_uint_eq(open_descriptors(), before);
}
END_TEST

static Suite *build_suite(void)
{
	Suite *s = suite_create("toolstack build");
	TCase *t = tcase_create("build");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_domain_is_built, 0, 8);
	tcase_add_test(t, xenstore_is_filled);
	tcase_add_loop_test(t, every_failure_is_undone, 0, 6);
	tcase_add_test(t, opening_fails_cleanly);
	tcase_add_test(t, a_create_can_be_called_off);
	tcase_add_test(t, too_little_memory_is_said_in_numbers);
	tcase_add_loop_test(t, memory_in_small_pieces_will_do, 0, 8);
	tcase_add_loop_test(t, large_domains_go_around_the_hole, 0, 5);
	tcase_add_test(t, bad_specs_are_refused);
	tcase_add_test(t, one_uuid_is_one_domain);
	tcase_add_test(t, domains_are_listed_and_found);
	tcase_add_test(t, life_cycle_calls_do_their_work);
	tcase_add_test(t, destroy_waits_until_all_is_gone);
	tcase_add_test(t, half_built_domains_are_removed);
	tcase_add_test(t, dying_domains_are_not_waited_for);
	tcase_add_test(t, the_host_is_described);
	tcase_add_test(t, news_make_the_descriptor_readable);
	tcase_add_test(t, no_descriptor_leaks);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(build_suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
