/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a domain, told by our hypervisor and not by a bare one; with every call failing once. */
#include "fake_xen.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static struct toolstack *ts;
static uint32_t domid;

static void setup(void)
{
	static const uint8_t uuid[TS_UUID_LEN] = {7};
	struct ts_error err;

	fake_reset(64);
	ck_assert_int_eq(toolstack_open(&ts, &err), 0);
	domid = fake_domain_add(uuid)->domid;
}

static void teardown(void)
{
	fake.fail_at = 0;
	toolstack_close(ts);
	ck_assert_int_eq(fake.handles, 0);
	ck_assert_int_eq(fake.buffers, 0);
}

START_TEST(test_counters)
{
	struct ts_counter list[TS_COUNTERS_MAX];
	struct ts_host_info host;
	struct ts_error err;
	size_t count = 0;

	ck_assert_int_eq(ts_counters(ts, domid, TS_WHOLE_DOMAIN, list, &count, &err), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_str_eq(list[0].name, "xen_version");
	ck_assert_int_eq(list[0].kind, TS_COUNTER_HYPERCALL);
	ck_assert_uint_eq(list[0].value, 5);
	ck_assert_uint_eq(list[0].absent, 1);
	ck_assert_int_eq(list[1].kind, TS_COUNTER_GRANT);
	ck_assert_str_eq(list[2].name, "a name with no end!");
	ck_assert_int_ne(ts_counters(ts, domid, 0, list, &count, &err), 0);
	ck_assert_int_eq(err.code, TS_EHYPERVISOR);
	ck_assert_int_ne(ts_counters(ts, 999, TS_WHOLE_DOMAIN, list, &count, &err), 0);
	ck_assert_int_eq(err.code, TS_ENODOM);
	ck_assert_int_eq(toolstack_host(ts, &host, &err), 0);
	ck_assert(host.counters);

	fake.bare = true;
	ck_assert_int_eq(ts_counters(ts, domid, TS_WHOLE_DOMAIN, list, &count, &err), -ENOSYS);
	ck_assert_int_eq(toolstack_host(ts, &host, &err), 0);
	ck_assert(!host.counters);
	fake.bare = false;
	fake.fail_errno = EFAULT;
	fake.fail_at = fake.calls + 1;
	ck_assert_int_ne(ts_counters(ts, domid, TS_WHOLE_DOMAIN, list, &count, NULL), 0);
}
END_TEST

START_TEST(test_channels)
{
	struct ts_channel *list = NULL;
	struct ts_error err;
	size_t count = 0;
	unsigned int before = fake.calls;

	ck_assert_int_eq(ts_channels(ts, domid, &list, &count, &err), 0);
	ck_assert_uint_le(fake.calls - before, 6); /* of many ports each, with their buffers */
	ck_assert_uint_eq(count, 5);
	ck_assert_uint_eq(list[0].port, 1);
	ck_assert_int_eq(list[0].kind, TS_CHANNEL_UNBOUND);
	ck_assert_uint_eq(list[1].port, 3);
	ck_assert_int_eq(list[1].kind, TS_CHANNEL_INTERDOMAIN);
	ck_assert_uint_eq(list[1].remote, 4);
	ck_assert_uint_eq(list[1].number, 44);
	ck_assert_uint_eq(list[1].vcpu, 1);
	ck_assert_int_eq(list[3].kind, TS_CHANNEL_IPI);
	ck_assert_uint_eq(list[4].port, FAKE_PORTS);
	free(list);
	ck_assert_int_ne(ts_channels(ts, 999, &list, &count, &err), 0);
	ck_assert_int_eq(err.code, TS_ENODOM);
	fake.fail_errno = EFAULT;
	fake.fail_at = fake.calls + 4;
	ck_assert_int_ne(ts_channels(ts, domid, &list, &count, &err), 0);
}
END_TEST

START_TEST(test_crash_reason)
{
	char reason[TS_REASON_SIZE];

	ts_crash_reason(ts, domid, reason);
	ck_assert_uint_eq(strlen(reason), TS_REASON_SIZE - 1);
	ts_crash_reason(ts, 999, reason);
	ck_assert_str_eq(reason, "");
	fake.bare = true;
	ts_crash_reason(ts, domid, reason);
	ck_assert_str_eq(reason, "");
}
END_TEST

START_TEST(test_disks)
{
	struct ts_disk_stats stats;

	/* No backend has counted anything for a disk that is not there. */
	ck_assert_int_eq(ts_disk_stats(domid, 3, &stats), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stats");
	TCase *tc = tcase_create("all");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_counters);
	tcase_add_test(tc, test_channels);
	tcase_add_test(tc, test_crash_reason);
	tcase_add_test(tc, test_disks);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
