/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of machines whose volumes have a format of their own, and the programs that serve them. */
#include <stdio.h>
#include <string.h>

#include "disks.h"
#include "fixture.h"
#include "svc/disk.h"
#include "svc/vm.h"
#include "svc/volume.h"

static struct svc svc;
static char vm[UUID_TEXT_LEN], volume[UUID_TEXT_LEN];
static struct problem p;

/* A machine with a volume of 1 TiB that takes next to no room. */
static void setup(void)
{
	json_t *machine = json_pack("{ss ss si sI s{ss} sb}", "name", "served", "mode", "pvh",
				    "vcpus", 1, "memory", (json_int_t)(64 * MIB), "boot", "kernel",
				    TEST_KERNEL, "start", false);
	json_t *thin = json_pack("{ss sI ss}", "name", "thin", "size", (json_int_t)(1ll << 40),
				 "format", "qcow2");
	json_t *disk = json_object();
	char id[UUID_TEXT_LEN];

	test_dir_make();
	fake_disk_server(0, 0, -1);
	ck_assert_int_eq(svc_open(&test_config, &svc), 0);
	ck_assert_int_eq(svc_start(&svc), 0);
	ck_assert_int_eq(vm_create(&svc, machine, "tester", "r", vm, &p), 0);
	ck_assert_int_eq(volume_create(&svc, thin, "tester", "r", volume, &p), 0);
	json_object_set_new(disk, "volume", json_string(volume));
	ck_assert_int_eq(disk_attach(&svc, vm, disk, id, &p), 0);
	json_decref(machine);
	json_decref(thin);
	json_decref(disk);
}

static void teardown(void)
{
	svc_close(&svc);
	problem_fini(&p);
	test_dir_remove();
}

static void act(const char *action, const char *state)
{
	char task[UUID_TEXT_LEN];
	bool there = false;

	ck_assert_int_eq(vm_act(&svc, vm, vm_action_find(action), NULL, "tester", "r", task, &p),
			 0);
	for (int i = 0; i < 1000 && !there; i++) {
		there = db_value(svc.db, 0, "SELECT 1 FROM vm WHERE id = ? AND state = ?", "ss", vm,
				 state);
		usleep(10000);
	}
	ck_assert_msg(there, "%s does not lead to %s", action, state);
}

/* The machine's disk as the API shows it. */
static void check_disk(const char *state, const char *code)
{
	json_t *json = vm_json(&svc, vm);
	json_t *disk = json_array_get(json_object_get(json, "disks"), 0);
	const char *found =
		json_string_value(json_object_get(json_object_get(disk, "reason"), "code"));

	ck_assert_str_eq(json_string_value(json_object_get(disk, "state")), state);
	ck_assert_str_eq(found ? found : "", code);
	json_decref(json);
}

/* Events that tell of it. */
static int64_t failures(void)
{
	return db_value(
		svc.db, -1,
		"SELECT count(*) FROM event WHERE resource LIKE '%server_ended%' OR resource LIKE '%server_stuck%'",
		"");
}

/* A disk whose server ends is failed, once, with an event; its machine's next start begins anew. */
START_TEST(disks_fail_with_their_server)
{
	uint32_t domid;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	act("start", "running");
	domid = (uint32_t)db_value(svc.db, 0, "SELECT domid FROM vm WHERE id = ?", "s", vm);
	fake_disk_server(domid, 0, ends[0]);
	svc_kick(&svc);
	usleep(100000);
	check_disk("good", "");
	fake_disk_server(domid, 0, -1);
	ck_assert_int_eq(write(ends[1], "", 1), 1); /* it has ended, and nobody kicks */
	for (int i = 0; i < 500 && failures() < 1; i++)
		usleep(10000);
	check_disk("failed", "server_ended");
	svc_kick(&svc);
	usleep(100000);
	ck_assert_int_eq(failures(), 1);
	act("destroy", "stopped");
	fake_disk_server(0, 0, -1);
	act("start", "running");
	check_disk("good", "");
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* And one whose server does not answer. */
START_TEST(disks_fail_with_a_stuck_server)
{
	act("start", "running");
	fake_disk_server((uint32_t)db_value(svc.db, 0, "SELECT domid FROM vm WHERE id = ?", "s",
					    vm),
			 0, FAKE_STUCK);
	svc_kick(&svc);
	for (int i = 0; i < 500 && failures() < 1; i++)
		usleep(10000);
	check_disk("failed", "server_stuck");
}
END_TEST

/* It grows while nobody has it. */
START_TEST(qcow2_grows_when_it_is_not_in_use)
{
	json_t *more = json_pack("{sI}", "size", (json_int_t)(2ll << 40));
	struct volume v;

	ck_assert_int_eq(volume_require(&svc, volume, &v, &p), 0);
	ck_assert_ptr_eq(v.format, disk_format("qcow2"));
	act("start", "running");
	ck_assert_int_lt(volume_update(&svc, &v, more, &p), 0);
	ck_assert_str_eq(p.code, "in_use");
	act("destroy", "stopped");
	ck_assert_int_eq(volume_update(&svc, &v, more, &p), 0);
	ck_assert_int_eq(volume_require(&svc, volume, &v, &p), 0);
	ck_assert_uint_eq(v.size, 2ull << 40);
	json_decref(more);
}
END_TEST

Suite *suite_served(void)
{
	Suite *s = suite_create("served");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, disks_fail_with_their_server);
	tcase_add_test(t, disks_fail_with_a_stuck_server);
	tcase_add_test(t, qcow2_grows_when_it_is_not_in_use);
	suite_add_tcase(s, t);
	return s;
}
