/* SPDX-License-Identifier: Apache-2.0 */
/* The device plumbing against a fake xenstored, with every call failing once. */
#include "fake_xen.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xenbus.h>

#include "device.h"

#define FRONT "/local/domain/7/device/vbd/51712"
#define BACK  "/local/domain/0/backend/vbd/7/51712"

static struct toolstack *ts;
static const struct device disk = {.type = "vbd", .domid = 7, .id = 51712};
static const struct device_node back[] = {{"mode", "r"}, {"left-out", NULL}, {NULL, NULL}};
static const struct device_node front[] = {{"virtual-device", "51712"}, {NULL, NULL}};

static void setup(void)
{
	struct ts_error err;

	fake_reset(64);
	ck_assert_int_eq(toolstack_open(&ts, &err), 0);
}

static void teardown(void)
{
	fake.fail_at = 0;
	toolstack_close(ts);
	ck_assert_int_eq(fake.handles, 0);
}

static void check_gone(void)
{
	ck_assert_uint_eq(fake_nodes_under(FRONT), 0);
	ck_assert_uint_eq(fake_nodes_under(BACK), 0);
}

START_TEST(test_add)
{
	struct ts_error err;
	uint32_t *ids = NULL;
	size_t count = 0;

	ck_assert_int_eq(device_add(ts, &disk, back, front, &err), 0);
	ck_assert_str_eq(fake_node(FRONT "/backend"), BACK);
	ck_assert_str_eq(fake_node(FRONT "/virtual-device"), "51712");
	ck_assert_str_eq(fake_node(BACK "/frontend"), FRONT);
	ck_assert_str_eq(fake_node(BACK "/frontend-id"), "7");
	ck_assert_str_eq(fake_node(BACK "/mode"), "r");
	ck_assert_ptr_null(fake_node(BACK "/left-out"));
	/* The guest writes in its own directory alone. */
	ck_assert_str_eq(fake_node_perms(FRONT "/state"), "n7,r0");
	ck_assert_str_eq(fake_node_perms(BACK "/state"), "n0,r7");
	ck_assert_int_eq(device_add(ts, &disk, back, front, &err), -EEXIST);
	ck_assert_int_eq(device_list(ts, "vbd", 7, &ids, &count), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(ids[0], 51712);
	free(ids);
	device_remove_all(ts, 7);
	check_gone();
}
END_TEST

START_TEST(test_wait)
{
	struct ts_error err;

	ck_assert_uint_eq(device_state(ts, &disk), XenbusStateUnknown);
	ck_assert_int_eq(device_add(ts, &disk, back, front, &err), 0);
	ck_assert_int_eq(device_wait(ts, &disk, 1u << XenbusStateInitialising, 0, &err), 0);
	ck_assert_int_eq(device_wait(ts, &disk, 1u << XenbusStateConnected, 20, &err), -ETIMEDOUT);
	ck_assert_int_eq(err.code, TS_ETIMEDOUT);
	/* What the guest says of itself counts for nothing. */
	fake_node_set(FRONT "/state", "4");
	ck_assert_int_eq(device_wait(ts, &disk, 1u << XenbusStateConnected, 20, &err), -ETIMEDOUT);
	fake_node_set(BACK "/state", "4");
	ck_assert_int_eq(device_wait(ts, &disk, 1u << XenbusStateConnected, 20, &err), 0);
	fake_node_set(BACK "/state", "99");
	ck_assert_uint_eq(device_state(ts, &disk), XenbusStateUnknown);
}
END_TEST

START_TEST(test_remove)
{
	struct ts_error err;

	ck_assert_int_eq(device_remove(ts, &disk, 20, false, &err), 0);
	ck_assert_int_eq(device_add(ts, &disk, back, front, &err), 0);
	ck_assert_int_eq(device_remove(ts, &disk, 20, false, &err), 0);
	check_gone();
	ck_assert_int_eq(device_add(ts, &disk, back, front, &err), 0);
	fake_node_set(BACK "/state", "4");
	ck_assert_int_eq(device_remove(ts, &disk, 20, false, &err), -ETIMEDOUT);
	ck_assert_str_eq(fake_node(BACK "/online"), "1");
	ck_assert_int_eq(device_remove(ts, &disk, 20, true, &err), 0);
	check_gone();
}
END_TEST

static int looks_left; /* at the kernel's device of the last disk, until that is gone */

/* In front of the C library's. */
int access(const char *path, int mode)
{
	if (strcmp(path, "/sys/devices/vbd-7-51712") || mode != F_OK || looks_left <= 0)
		return -1;
	looks_left--;
	return 0;
}

/* Nor is it waited for here. */
int nanosleep(const struct timespec *time, struct timespec *left)
{
	return looks_left > 0 ? 0 : clock_nanosleep(CLOCK_REALTIME, 0, time, left);
}

/* The kernel is still at the end of the last device: a new one waits for that. */
START_TEST(test_last_device)
{
	struct ts_error err;

	looks_left = 3;
	ck_assert_int_eq(device_add(ts, &disk, back, front, &err), 0);
	ck_assert_int_eq(looks_left, 0);
	looks_left = INT_MAX;
	ck_assert_int_eq(device_add(ts, &disk, back, front, &err), -EEXIST);
	device_remove_all(ts, 7);
	ck_assert_int_eq(device_add(ts, &disk, back, front, &err), -ETIMEDOUT);
	ck_assert_int_eq(err.code, TS_ETIMEDOUT);
	check_gone();
}
END_TEST

/* Whichever call fails: an error, and no half of a device. */
START_TEST(test_failures)
{
	struct ts_error err;
	int rc = -1;

	for (unsigned int at = 1; rc; at++) {
		fake.calls = 0;
		fake.fail_at = at;
		fake.fail_errno = ENOSPC;
		rc = device_add(ts, &disk, back, front, &err);
		fake.fail_at = 0;
		if (!rc || rc == -EEXIST)
			break;
		check_gone();
		ck_assert_uint_lt(at, 100);
	}
	ck_assert_int_eq(rc, 0);
	device_remove_all(ts, 7);
	check_gone();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("device");
	TCase *tc = tcase_create("device");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_add);
	tcase_add_test(tc, test_wait);
	tcase_add_test(tc, test_remove);
	tcase_add_test(tc, test_last_device);
	tcase_add_test(tc, test_failures);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
