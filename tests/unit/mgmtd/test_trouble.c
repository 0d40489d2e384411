/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of machines, tasks and images when something fails midway. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"
#include "services.h"
#include "svc/host.h"
#include "svc/image.h"
#include "svc/network.h"
#include "svc/nic.h"
#include "svc/task_kinds.h"
#include "svc/vm.h"
#include "svc/vm_end.h"
#include "svc/volume.h"

static void run_sql(const char *sql)
{
	struct db_query *q = db_query_json(svc.db, sql, NULL);

	ck_assert_ptr_nonnull(q);
	ck_assert_int_ge(db_next(q), 0);
	db_end(q);
}

static void act(const char *id, const char *action, char task[UUID_TEXT_LEN])
{
	struct problem p = {0};

	ck_assert_msg(!vm_act(&svc, id, vm_action_find(action), NULL, "tester", "r", task, &p),
		      "%s", p.detail);
}

static uint32_t domid_of(const char *id)
{
	return (uint32_t)db_value(svc.db, 0, "SELECT domid FROM vm WHERE id = ?", "s", id);
}

/* A machine that runs. Return: its domain. */
static uint32_t run_vm(char id[UUID_TEXT_LEN])
{
	char task[UUID_TEXT_LEN];

	make_vm("one", "", false, id);
	act(id, "start", task);
	wait_state(id, VM_RUNNING);
	return domid_of(id);
}

/* A release brings images that the administrator has got ahead of, or has no more what is in use. */
START_TEST(images_of_a_release_do_not_stop_the_service)
{
	struct image image;
	char id[UUID_TEXT_LEN];

	open_svc(false);
	make_vm("one", "", false, id);
	run_sql("INSERT INTO image (id, name, kind, size, path, created_at)"
		" VALUES ('mine', 'tools', 'iso', 1, '', '')");
	run_sql("INSERT INTO image (id, name, kind, size, path, created_at, builtin)"
		" VALUES ('old', 'rescue', 'iso', 1, '', '', 1)");
	run_sql("INSERT INTO vm_disk (id, vm, slot, image, read_only)"
		" SELECT 'd', id, 0, 'old', 1 FROM vm");
	close_svc();
	test_file("images/index.json",
		  "[{\"id\":\"33333333-3333-4333-8333-333333333333\",\"name\":\"tools\","
		  "\"kind\":\"kernel\",\"file\":\"kernel\"},"
		  "{\"id\":\"" TEST_KERNEL
		  "\",\"name\":\"kernel\",\"kind\":\"kernel\",\"file\":\"kernel\"}]");
	open_svc(false);
	ck_assert_int_eq(image_load(&svc, "mine", &image), 0);
	ck_assert_int_eq(image_load(&svc, "old", &image), 0);
	ck_assert_int_eq(image_load(&svc, TEST_KERNEL, &image), 0);
	ck_assert_int_ne(image_load(&svc, "33333333-3333-4333-8333-333333333333", &image), 0);
}
END_TEST

/* Recorded as stopped it could be deleted, and its disks given to another, while the guest runs. */
START_TEST(no_guest_runs_without_a_record)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];

	open_svc(true);
	make_vm("one", "", false, id);
	run_sql("CREATE TRIGGER no BEFORE UPDATE OF state ON vm WHEN NEW.state = 'running'"
		" BEGIN SELECT raise(ABORT, 'no'); END");
	act(id, "start", task);
	wait_task(task, "failed");
	wait_state(id, VM_STOPPED);
	ck_assert_uint_eq(domains(), 0);
	run_sql("DROP TRIGGER no");
	act(id, "start", task);
	wait_state(id, VM_RUNNING);
}
END_TEST

/* As on a full disk: what a task leaves behind is put right as soon as it can be. */
START_TEST(no_machine_stays_between_two_states)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];
	struct problem p = {0};

	open_svc(true);
	make_vm("slow", "fake.slow=20000", false, id);
	act(id, "start", task);
	wait_task(task, "running");
	run_sql("PRAGMA query_only = ON");
	ck_assert_int_eq(task_cancel(&svc, task, &p), 0);
	for (int i = 0; i < 500 && domains(); i++)
		usleep(10000);
	usleep(200000);
	run_sql("PRAGMA query_only = OFF");
	wait_task(task, "cancelled");
	wait_state(id, VM_STOPPED);
}
END_TEST

/* A task whose end can't be recorded yet, and that is ended over and over, hits no later one. */
START_TEST(no_late_end_hits_the_next_start)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN], next[UUID_TEXT_LEN];
	struct problem p = {0};

	open_svc(true);
	make_vm("slow", "fake.slow=20000", false, id);
	act(id, "start", task);
	wait_task(task, "running");
	run_sql("CREATE TRIGGER no BEFORE UPDATE OF status ON task WHEN NEW.status = 'cancelled'"
		" BEGIN SELECT raise(ABORT, 'no'); END");
	ck_assert_int_eq(task_cancel(&svc, task, &p), 0);
	wait_state(id, VM_STOPPED);
	act(id, "start", next);
	usleep(1600000); /* it has been tried again */
	wait_state(id, VM_STARTING);
	run_sql("DROP TRIGGER no");
	wait_task(task, "cancelled");
	wait_task(next, "running");
}
END_TEST

/* An order to destroy that comes late is not for what was started after another one was done. */
START_TEST(no_order_to_destroy_hits_the_next_start)
{
	struct task_run run = {.id = "first"};
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];
	struct problem p = {0};

	open_svc(false);
	run_vm(id);
	run_sql("UPDATE vm SET state = 'stopping', task_id = 'second'");
	snprintf(run.target, sizeof(run.target), "%s", id);
	ck_assert_int_eq(vm_task_destroy(&svc, &run, &p), 0);
	ck_assert_uint_eq(domains(), 1); /* it is the other one's */
	snprintf(run.id, sizeof(run.id), "second");
	ck_assert_int_eq(vm_task_destroy(&svc, &run, &p), 0);
	ck_assert_uint_eq(domains(), 0);
	wait_state(id, VM_STOPPED);
	act(id, "start", task);
	wait_state(id, VM_RUNNING);
	ck_assert_int_eq(vm_task_destroy(&svc, &run, &p), 0);
	ck_assert_uint_eq(domains(), 1);
	wait_state(id, VM_RUNNING);
}
END_TEST

/* A guest that reboots is always started again, also when that can't be recorded at once. */
START_TEST(no_reboot_is_lost)
{
	char id[UUID_TEXT_LEN];
	struct ts_domain_info info;
	uint32_t first;

	open_svc(true);
	first = run_vm(id);
	run_sql("PRAGMA query_only = ON");
	ck_assert_int_eq(ts_domain_shutdown_request(svc.ts, first, TS_REQUEST_REBOOT, NULL), 0);
	do {
		usleep(10000);
		ck_assert_int_eq(ts_domain_info(svc.ts, first, &info, NULL), 0);
	} while (!info.shutdown);
	usleep(300000); /* it has been looked at */
	ck_assert_uint_eq(domains(), 1);
	run_sql("PRAGMA query_only = OFF");
	for (int i = 0; i < 500 && domid_of(id) <= first; i++)
		usleep(10000);
	ck_assert_uint_gt(domid_of(id), first);
	wait_state(id, VM_RUNNING);
	ck_assert_int_eq(db_value(svc.db, 0, "SELECT 1 FROM task WHERE actor = 'guest'", ""), 1);
}
END_TEST

/* The same when the daemon is killed between that record and the end of the old domain. */
START_TEST(no_reboot_is_lost_with_the_daemon)
{
	char id[UUID_TEXT_LEN];
	uint32_t first;

	open_svc(true);
	first = run_vm(id);
	close_svc();
	open_svc(false);
	ck_assert_int_eq(ts_domain_shutdown_request(svc.ts, first, TS_REQUEST_REBOOT, NULL), 0);
	run_sql("INSERT INTO task (id, kind, status, target_type, target, actor, params,"
		" request_id, created_at) SELECT 'again', 'vm.start', 'queued', 'vm', id, 'guest',"
		" '{}', '-', '2099' FROM vm");
	run_sql("UPDATE vm SET state = 'starting', domid = NULL, started_at = NULL,"
		" task_id = 'again'");
	close_svc();
	usleep(400000); /* the guest has ended */
	open_svc(true);
	wait_task("again", "succeeded");
	for (int i = 0; i < 500 && domid_of(id) <= first; i++)
		usleep(10000);
	wait_state(id, VM_RUNNING);
	ck_assert_uint_gt(domid_of(id), first);
	ck_assert_uint_eq(domains(), 1);
}
END_TEST

/* A start that is due and can't be recorded is tried again, but not without a pause. */
START_TEST(the_monitor_does_not_spin)
{
	char id[UUID_TEXT_LEN];

	open_svc(false);
	make_vm("one", "", false, id);
	run_sql("UPDATE vm SET restart_policy = 'always', restart_ms = 1");
	run_sql("PRAGMA query_only = ON");
	ck_assert_int_ge(vm_restart_due(&svc, 60000), 100);
	run_sql("PRAGMA query_only = OFF");
	ck_assert_int_eq(vm_restart_due(&svc, 60000), 60000);
	wait_state(id, VM_RUNNING);
}
END_TEST

/* What was planned by a clock that has been set back since waits no longer than planned. */
START_TEST(a_clock_set_back_delays_no_start)
{
	char id[UUID_TEXT_LEN];

	open_svc(false);
	make_vm("one", "", false, id);
	ck_assert_int_eq(db_run(svc.db, "UPDATE vm SET restart_policy = 'always', restart_ms = ?",
				"i", clock_wall_ms() + 3600000),
			 0);
	ck_assert_int_eq(vm_restart_due(&svc, 60000), 60000);
	wait_state(id, VM_RUNNING);
}
END_TEST

/* The host goes down while guests do so already: they are waited for, and stay down. */
START_TEST(guests_that_go_down_are_not_cut_off)
{
	char id[2][UUID_TEXT_LEN], task[3][UUID_TEXT_LEN], power[128];
	struct problem p = {0};

	test_file("power", "#!/bin/sh\nsleep 1\n");
	snprintf(power, sizeof(power), "%s/power", test_dir);
	ck_assert_int_eq(chmod(power, 0700), 0);
	test_config.power_command = power;
	open_svc(true);
	for (int i = 0; i < 2; i++) {
		make_vm(i ? "two" : "one", "", false, id[i]);
		act(id[i], "start", task[i]);
		wait_state(id[i], VM_RUNNING);
	}
	act(id[0], "shutdown", task[0]);
	act(id[1], "reboot", task[1]);
	ck_assert_int_eq(host_act(&svc, "shutdown", 20, "root", "-", task[2], &p), 0);
	wait_task(task[2], "succeeded");
	wait_task(task[0], "succeeded");
	ck_assert_int_eq(
		db_value(svc.db, -1, "SELECT count(*) FROM task WHERE kind = 'vm.destroy'", ""), 0);
	ck_assert_int_eq(
		db_value(svc.db, -1, "SELECT count(*) FROM task WHERE kind = 'vm.start'", ""), 2);
	ck_assert_uint_eq(domains(), 0);
}
END_TEST

#define MANY 20 /* more than there are workers */

/* Tasks that wait for others to start machines again leave somebody to do that. */
START_TEST(many_can_reboot_at_once)
{
	char id[MANY][UUID_TEXT_LEN], task[MANY][UUID_TEXT_LEN], name[8];

	open_svc(true);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "g%d", i);
		make_vm(name, "", false, id[i]);
		act(id[i], "start", task[i]);
	}
	for (int i = 0; i < MANY; i++)
		wait_state(id[i], VM_RUNNING);
	for (int i = 0; i < MANY; i++)
		act(id[i], "reboot", task[i]);
	for (int i = 0; i < MANY; i++)
		wait_task(task[i], "succeeded");
}
END_TEST

/* Volumes that are filled for hours leave workers for what machines need. */
START_TEST(copies_hold_nobody_up)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN], reader[128], name[8];
	struct problem p = {0};

	test_file("reader", "#!/bin/sh\necho size 9 >&2\n[ $1 = size ] || exec sleep 50\n");
	snprintf(reader, sizeof(reader), "%s/reader", test_dir);
	ck_assert_int_eq(chmod(reader, 0700), 0);
	test_config.disk_reader = reader;
	open_svc(true);
	run_sql("UPDATE image SET kind = 'disk' WHERE kind = 'initrd'");
	for (int i = 0; i < MANY; i++) {
		json_t *spec;

		snprintf(name, sizeof(name), "v%d", i);
		spec = json_pack("{ss sI ss}", "name", name, "size", (json_int_t)MIB, "image",
				 TEST_INITRD);
		ck_assert_msg(!volume_create(&svc, spec, "tester", "r", id, &p), "%s", p.detail);
		json_decref(spec);
	}
	run_vm(id);
	/* One that could not be begun yet can be cancelled at once. */
	{
		auto_query struct db_query *q =
			db_query(svc.db,
				 "SELECT t.id FROM task t JOIN volume v ON v.id = t.target WHERE"
				 " v.name = 'v19'",
				 "");

		ck_assert_int_eq(db_next(q), 1);
		snprintf(task, sizeof(task), "%s", db_text(q, 0));
	}
	wait_task(task, "queued");
	ck_assert_int_eq(task_cancel(&svc, task, &p), 0);
	wait_task(task, "cancelled");
}
END_TEST

/* A daemon killed as a machine that it rebooted starts again does not reboot it once more. */
START_TEST(none_is_rebooted_twice)
{
	char id[UUID_TEXT_LEN];
	uint32_t domid;

	open_svc(true);
	domid = run_vm(id);
	close_svc();
	open_svc(false);
	run_sql("INSERT INTO task (id, kind, status, target_type, target, actor, params,"
		" request_id, created_at) SELECT 'again', 'vm.reboot', 'running', 'vm', id, 'u',"
		" '{}', '-', '2099' FROM vm");
	close_svc();
	open_svc(true);
	wait_task("again", "succeeded");
	usleep(600000); /* more than a guest takes */
	ck_assert_uint_eq(domid_of(id), domid);
	wait_state(id, VM_RUNNING);
}
END_TEST

/* However many tasks a daemon left open, the next one takes up all of them. */
START_TEST(no_task_is_left_open)
{
	open_svc(false);
	run_sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
		" INSERT INTO task (id, kind, status, target_type, target, actor, params,"
		" request_id, created_at) SELECT 'task' || i, 'volume.create', 'queued', 'volume',"
		" 'gone', 'u', '{}', '-', '2099' FROM n");
	close_svc();
	open_svc(true);
	wait_task("task300", "failed");
	for (int i = 0;
	     i < 1000 &&
	     db_value(svc.db, 0, "SELECT count(*) FROM task WHERE finished_at IS NULL", "");
	     i++)
		usleep(10000);
	ck_assert_int_eq(
		db_value(svc.db, -1, "SELECT count(*) FROM task WHERE finished_at IS NULL", ""), 0);
}
END_TEST

/* What was set up for the interfaces of a domain goes with it, whoever destroyed it. */
START_TEST(interfaces_go_with_their_domain)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN], nic[UUID_TEXT_LEN];
	json_t *spec = json_pack("{ss}", "network", "6e657477-6f72-4000-8000-000000000001");
	struct problem p = {0};

	open_svc(true);
	make_vm("one", "", false, id);
	ck_assert_int_eq(nic_add(&svc, id, spec, nic, &p), 0);
	act(id, "start", task);
	wait_state(id, VM_RUNNING);
	ck_assert_int_eq(db_value(svc.db, -1, "SELECT domid FROM nic", ""), domid_of(id));
	ck_assert_int_eq(ts_domain_destroy(svc.ts, domid_of(id), NULL), 0);
	wait_state(id, VM_STOPPED);
	for (int i = 0; i < 100 && db_value(svc.db, -1, "SELECT domid FROM nic", "") >= 0; i++)
		usleep(10000);
	ck_assert_int_eq(db_value(svc.db, -1, "SELECT domid FROM nic", ""), -1);
	json_decref(spec);
}
END_TEST

/* What the database can't tell to its end is not taken for all there is: bridges would be removed. */
START_TEST(lists_are_whole_or_none)
{
	struct network *list;
	size_t count;

	open_svc(false);
	run_sql("INSERT INTO network (id, name, kind, interface, created_at)"
		" VALUES ('2', 'two', 'bridge', 'dv2', '')");
	ck_assert_int_eq(network_load_all(&svc, &list, &count), 0);
	ck_assert_uint_eq(count, 2);
	free(list);
	run_sql("ALTER TABLE network RENAME TO networks");
	run_sql("CREATE VIEW network AS SELECT id, name, kind, interface,"
		" iif(id = '2', abs(-9223372036854775807 - 1), vlan) AS vlan, base, prefix, dhcp,"
		" nat, builtin, revision FROM networks");
	ck_assert_int_lt(network_load_all(&svc, &list, &count), 0);
}
END_TEST

/* A DHCP server that was left half set up, its configuration without its program, gets that. */
START_TEST(a_half_made_server_is_completed)
{
	const struct network n = {
		.interface = "dn1", .is_private = true, .dhcp = true, .prefix = 24};
	char networks[128], path[160];

	snprintf(networks, sizeof(networks), "%s/run", test_dir);
	open_svc(false);
	svc.config.networks = networks;
	ck_assert_int_eq(network_dhcp_apply(&svc, &n, 1), 0);
	snprintf(path, sizeof(path), "%s/dn1/run", networks);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(network_dhcp_apply(&svc, &n, 1), 0);
	ck_assert_int_eq(access(path, X_OK), 0);
}
END_TEST

/* As for a client whose If-Match was right a moment ago. */
START_TEST(what_was_changed_meanwhile_is_not_deleted)
{
	json_t *spec = json_pack("{ss sI}", "name", "v", "size", (json_int_t)MIB);
	json_t *tag = json_pack("{ss ss si}", "name", "n", "kind", "bridge", "vlan", 7);
	char id[UUID_TEXT_LEN];
	struct volume volume;
	struct problem p = {0};
	struct network network;
	struct vm vm;

	open_svc(false);
	make_vm("one", "", false, id);
	ck_assert_int_eq(vm_load(&svc, id, &vm), 0);
	ck_assert_int_eq(volume_create(&svc, spec, "tester", "r", id, &p), 0);
	ck_assert_int_eq(volume_require(&svc, id, &volume, &p), 0);
	ck_assert_int_eq(network_create(&svc, tag, id, &p), 0);
	ck_assert_int_eq(network_load(&svc, id, &network), 0);
	vm.revision--;
	ck_assert_int_lt(vm_delete(&svc, &vm, &p), 0);
	ck_assert_str_eq(p.code, "changed");
	volume.revision--;
	ck_assert_int_lt(volume_delete(&svc, &volume, &p), 0);
	ck_assert_str_eq(p.code, "changed");
	network.revision--;
	ck_assert_int_lt(network_delete(&svc, &network, &p), 0);
	ck_assert_str_eq(p.code, "changed");
	vm.revision++;
	ck_assert_int_eq(vm_delete(&svc, &vm, &p), 0);
	volume.revision++;
	ck_assert_int_eq(volume_delete(&svc, &volume, &p), 0);
	network.revision++;
	ck_assert_int_eq(network_delete(&svc, &network, &p), 0);
	json_decref(spec);
	json_decref(tag);
}
END_TEST

/* Files go only when the database says that they are nobody's, not when it says nothing. */
START_TEST(no_file_goes_unasked)
{
	json_t *spec = json_pack("{ss sI}", "name", "v", "size", (json_int_t)MIB);
	struct problem p = {0};
	char id[UUID_TEXT_LEN], volume[512], image[512];

	open_svc(false);
	ck_assert_int_eq(volume_create(&svc, spec, "tester", "r", id, &p), 0);
	volume_path(&svc, id, volume, sizeof(volume));
	test_file("data/images/mine", "an image");
	snprintf(image, sizeof(image), "%s/images/mine", test_config.data);
	run_sql("ALTER TABLE volume RENAME TO volumes");
	run_sql("CREATE VIEW volume AS SELECT id, abs(-9223372036854775807 - 1) AS state"
		" FROM volumes");
	run_sql("ALTER TABLE image RENAME TO images");
	ck_assert_int_eq(volumes_prepare(&svc), 0);
	ck_assert_int_lt(images_prepare(&svc), 0);
	ck_assert_int_eq(access(volume, F_OK), 0);
	ck_assert_int_eq(access(image, F_OK), 0);
	run_sql("DROP VIEW volume");
	run_sql("ALTER TABLE volumes RENAME TO volume");
	run_sql("ALTER TABLE images RENAME TO image");
	run_sql("DELETE FROM volume");
	ck_assert_int_eq(volumes_prepare(&svc), 0);
	ck_assert_int_eq(images_prepare(&svc), 0);
	ck_assert_int_ne(access(volume, F_OK), 0);
	ck_assert_int_ne(access(image, F_OK), 0);
	json_decref(spec);
}
END_TEST

/* An interface that stays where it is needs no other address, which there may not be. */
START_TEST(a_full_network_keeps_its_interfaces)
{
	json_t *spec =
		json_pack("{ss ss ss}", "name", "n", "kind", "private", "subnet", "10.213.7.0/29");
	char id[UUID_TEXT_LEN], network[UUID_TEXT_LEN], nic[UUID_TEXT_LEN];
	struct problem p = {0};
	json_t *patch;

	open_svc(false);
	ck_assert_msg(!network_create(&svc, spec, network, &p), "%s", p.detail);
	patch = json_pack("{ss sb}", "network", network, "link", 0);
	make_vm("one", "", false, id);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(nic_add(&svc, id, patch, nic, &p), 0);
	ck_assert_int_lt(nic_add(&svc, id, patch, nic, &p), 0);
	ck_assert_str_eq(p.code, "network_full");
	run_sql("UPDATE nic SET id = 'last' WHERE devid = 4");
	ck_assert_msg(!nic_change(&svc, id, "last", NULL, patch, &p), "%s", p.detail);
	ck_assert_int_eq(
		db_value(svc.db, 0, "SELECT count(*) FROM nic WHERE address IS NOT NULL", ""), 5);
	json_decref(spec);
	json_decref(patch);
}
END_TEST

/* With a database that was lost the volumes are not. */
START_TEST(a_new_database_takes_no_volume_away)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/volumes", test_config.data);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	test_file("data/volumes/precious", "data");
	open_svc(false);
	snprintf(path, sizeof(path), "%s/volumes.lost/precious", test_config.data);
	ck_assert_int_eq(access(path, F_OK), 0);
	close_svc();
	open_svc(false);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

Suite *suite_trouble(void)
{
	Suite *suite = suite_create("trouble");
	TCase *tc = tcase_create("trouble");

	tcase_add_checked_fixture(tc, test_dir_make, services_end);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, images_of_a_release_do_not_stop_the_service);
	tcase_add_test(tc, no_guest_runs_without_a_record);
	tcase_add_test(tc, no_machine_stays_between_two_states);
	tcase_add_test(tc, no_late_end_hits_the_next_start);
	tcase_add_test(tc, no_order_to_destroy_hits_the_next_start);
	tcase_add_test(tc, no_reboot_is_lost);
	tcase_add_test(tc, no_reboot_is_lost_with_the_daemon);
	tcase_add_test(tc, the_monitor_does_not_spin);
	tcase_add_test(tc, a_clock_set_back_delays_no_start);
	tcase_add_test(tc, guests_that_go_down_are_not_cut_off);
	tcase_add_test(tc, many_can_reboot_at_once);
	tcase_add_test(tc, copies_hold_nobody_up);
	tcase_add_test(tc, none_is_rebooted_twice);
	tcase_add_test(tc, no_task_is_left_open);
	tcase_add_test(tc, interfaces_go_with_their_domain);
	tcase_add_test(tc, lists_are_whole_or_none);
	tcase_add_test(tc, a_half_made_server_is_completed);
	tcase_add_test(tc, what_was_changed_meanwhile_is_not_deleted);
	tcase_add_test(tc, no_file_goes_unasked);
	tcase_add_test(tc, a_full_network_keeps_its_interfaces);
	tcase_add_test(tc, a_new_database_takes_no_volume_away);
	suite_add_tcase(suite, tc);
	return suite;
}
