/* SPDX-License-Identifier: Apache-2.0 */
/* States, tasks, and what becomes of both when the daemon is killed. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"
#include "services.h"
#include "svc/disk.h"
#include "svc/host.h"
#include "svc/image.h"
#include "svc/task.h"
#include "svc/ticket.h"
#include "svc/vm.h"
#include "svc/volume.h"

static int act(const char *id, const char *action, json_t *params, char task[UUID_TEXT_LEN])
{
	struct problem p = {0};
	int rc = vm_act(&svc, id, vm_action_find(action), params, "tester", "r", task, &p);

	json_decref(params);
	problem_fini(&p);
	return rc ? p.status : 0;
}

static const char *reason_of(const char *id)
{
	json_t *vm = vm_json(&svc, id);
	static char code[64];
	const char *text =
		json_string_value(json_object_get(json_object_get(vm, "reason"), "code"));

	snprintf(code, sizeof(code), "%s", text ? text : "");
	json_decref(vm);
	return code;
}

/* Answers how large the disk is, and then takes its time. */
static const char slow_reader[] = "#!/bin/sh\n[ $1 = size ] && echo size 9 >&2 && exit\n"
				  "echo garbage\necho done 4 >&2\nexec sleep 50\n";

/* The service, and a copy under way that does not come to an end by itself. @path: the volume's file. */
static void open_svc_copying(const char *name, struct volume *out, char task[UUID_TEXT_LEN],
			     char path[512])
{
	static char reader[128];

	script("slow", slow_reader, reader);
	test_config.disk_reader = reader;
	open_svc(true);
	copy_volume(name, out, task);
	volume_path(&svc, out->id, path, 512);
}

static const char *volume_word(const char *id, const char *member)
{
	json_t *json = volume_json(&svc, id);
	static char word[64];
	const char *text = json_string_value(json_object_get(json, member));

	snprintf(word, sizeof(word), "%s", text ? text : "");
	json_decref(json);
	return word;
}

static void check_copy(const char *id)
{
	char path[512], text[16] = "";
	struct stat st;
	int fd;

	volume_path(&svc, id, path, sizeof(path));
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, text, 9), 9);
	ck_assert_str_eq(text, "an initrd");
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, MIB);
	close(fd);
}

/* Nothing can be done with it meanwhile, and a daemon that ends in the middle begins anew. */
START_TEST(copies_are_made_by_tasks)
{
	json_t *spec = json_object();
	char task[UUID_TEXT_LEN], vm[UUID_TEXT_LEN], id[UUID_TEXT_LEN], path[512];
	struct problem p = {0};
	struct volume volume;
	struct image image;

	open_svc_copying("copy", &volume, task, path);
	make_vm("waits", "x", false, vm);
	ck_assert(volume.creating);
	ck_assert_str_eq(volume_word(volume.id, "task_id"), task);
	json_object_set_new(spec, "volume", json_string(volume.id));
	ck_assert_int_lt(disk_attach(&svc, vm, spec, id, &p), 0);
	ck_assert_str_eq(p.code, "not_ready");
	ck_assert_int_lt(volume_delete(&svc, &volume, &p), 0);
	ck_assert_str_eq(p.code, "not_ready");
	ck_assert_int_eq(image_load(&svc, TEST_INITRD, &image), 0);
	image.builtin = false;
	ck_assert_int_lt(image_delete(&svc, &image, &p), 0);
	ck_assert_str_eq(p.code, "in_use");
	close_svc();

	test_config.disk_reader = DISK_READER;
	open_svc(true);
	wait_task(task, "succeeded");
	ck_assert_str_eq(volume_word(volume.id, "state"), "ready");
	ck_assert_str_eq(volume_word(volume.id, "task_id"), "");
	check_copy(volume.id);
	ck_assert_int_eq(disk_attach(&svc, vm, spec, id, &p), 0);
	json_decref(spec);
	problem_fini(&p);
}
END_TEST

START_TEST(copies_that_fail_leave_no_file)
{
	char task[UUID_TEXT_LEN], reader[128], path[512];
	struct problem p = {0};
	struct volume volume;

	open_svc_copying("given-up", &volume, task, path);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(task_cancel(&svc, task, &p), 0);
	wait_task(task, "cancelled");
	ck_assert_str_eq(volume_word(volume.id, "state"), "failed");
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(volume_require(&svc, volume.id, &volume, &p), 0);
	ck_assert_int_eq(volume_delete(&svc, &volume, &p), 0);

	script("slow", "#!/bin/sh\necho size 9 >&2\n[ $1 = size ] || kill -SEGV $$\n", reader);
	copy_volume("broken", &volume, task);
	wait_task(task, "failed");
	ck_assert_str_eq(volume_word(volume.id, "state"), "failed");
	ck_assert_int_eq(volume_require(&svc, volume.id, &volume, &p), 0);
	ck_assert_int_lt(volume_check_ready(&volume, &p), 0);
	ck_assert_int_eq(volume_delete(&svc, &volume, &p), 0);
	ck_assert_int_eq(db_value(svc.db, -1, "SELECT count(*) FROM volume", ""), 0);
	problem_fini(&p);
}
END_TEST

/* As on a disk that is full: what could not be recorded is, as soon as it can be. */
START_TEST(tasks_end_once_that_can_be_recorded)
{
	char task[UUID_TEXT_LEN], path[512];
	struct volume volume;

	open_svc_copying("given-up", &volume, task, path);
	ck_assert_int_eq(db_run(svc.db, "PRAGMA query_only = ON", ""), 0);
	ck_assert_int_eq(task_cancel(&svc, task, &(struct problem){0}), 0);
	while (!access(path, F_OK))
		usleep(10000);
	usleep(200000);
	ck_assert_str_eq(volume_word(volume.id, "state"), "creating");
	ck_assert_int_eq(db_run(svc.db, "PRAGMA query_only = OFF", ""), 0);
	wait_task(task, "cancelled");
	ck_assert_str_eq(volume_word(volume.id, "state"), "failed");
	ck_assert_str_eq(volume_word(volume.id, "task_id"), "");
}
END_TEST

/* A machine made with the volume twice over is refused whole; once over it has its disk. */
START_TEST(disks_come_with_the_machine)
{
	json_t *spec = json_pack("{ss ss si sI s{ss} sb}", "name", "disks", "mode", "pvh", "vcpus",
				 1, "memory", (json_int_t)(64 * MIB), "boot", "kernel", TEST_KERNEL,
				 "start", true);
	struct problem p = {0};
	struct volume volume;
	char id[UUID_TEXT_LEN];
	json_t *vm;

	open_svc(true);
	make_volume("root", &volume);
	json_object_set_new(spec, "disks",
			    json_pack("[{ss} {ss}]", "volume", volume.id, "volume", volume.id));
	ck_assert_int_lt(vm_create(&svc, spec, "tester", "r", id, &p), 0);
	ck_assert_int_eq(p.status, 409);
	ck_assert_int_eq(db_value(svc.db, -1, "SELECT count(*) FROM vm", ""), 0);
	json_object_set_new(spec, "disks", json_pack("[{ss}]", "volume", TEST_KERNEL));
	ck_assert_int_lt(vm_create(&svc, spec, "tester", "r", id, &p), 0);
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_array_get(json_object_get(p.extra, "errors"), 0), "field")),
			 "disks.0.volume");
	json_object_set_new(spec, "disks",
			    json_pack("[{ss ss}]", "volume", volume.id, "target", "xvdc"));
	ck_assert_int_eq(vm_create(&svc, spec, "tester", "r", id, &p), 0);
	wait_state(id, VM_RUNNING);
	vm = vm_json(&svc, id);
	ck_assert_str_eq(json_string_value(json_object_get(
				 json_array_get(json_object_get(vm, "disks"), 0), "target")),
			 "xvdc");
	ck_assert_int_lt(volume_delete(&svc, &volume, &p), 0);
	ck_assert_int_eq(p.status, 409);
	json_decref(vm);
	json_decref(spec);
	problem_fini(&p);
}
END_TEST

/* A volume grows while a machine has it; who has read it before that must read it again. */
START_TEST(volumes_grow_while_in_use)
{
	json_t *spec = json_object(), *patch = json_pack("{sI}", "size", (json_int_t)(3 * MIB));
	char id[UUID_TEXT_LEN], disk[UUID_TEXT_LEN];
	struct volume before, after;
	struct problem p = {0};

	open_svc(true);
	make_volume("grows", &before);
	make_vm("guest", "", true, id);
	wait_state(id, VM_RUNNING);
	json_object_set_new(spec, "volume", json_string(before.id));
	ck_assert_int_eq(disk_attach(&svc, id, spec, disk, &p), 0);
	ck_assert_int_eq(volume_update(&svc, &before, patch, &p), 0);
	ck_assert_int_eq(volume_require(&svc, before.id, &after, &p), 0);
	ck_assert_uint_eq(after.size, 3 * MIB);
	ck_assert_int_lt(volume_update(&svc, &before, patch, &p), 0);
	ck_assert_str_eq(p.code, "changed");
	json_object_set_new(patch, "size", json_integer((json_int_t)MIB));
	ck_assert_int_lt(volume_update(&svc, &after, patch, &p), 0);
	ck_assert_int_eq(p.status, 422);
	json_decref(spec);
	json_decref(patch);
	problem_fini(&p);
}
END_TEST

START_TEST(table_of_actions)
{
	static const struct {
		const char *action;
		const char *states;
	} rows[] = {
		{"start", "stopped crashed "}, {"shutdown", "running "},
		{"reboot", "running "},        {"destroy", "starting running paused stopping "},
		{"pause", "running "},         {"resume", "paused "},
	};

	ck_assert_uint_eq(vm_actions_count, ARRAY_SIZE(rows));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct vm_action *action = vm_action_find(rows[i].action);
		char states[128] = "";

		ck_assert_ptr_nonnull(action);
		for (int s = 0; s < VM_STATES; s++)
			if (action->from & VM_IN(s))
				strcat(strcat(states, vm_state_name((enum vm_state)s)), " ");
		ck_assert_str_eq(states, rows[i].states);
	}
	ck_assert_ptr_null(vm_action_find("explode"));
}
END_TEST

START_TEST(whole_life)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];

	open_svc(true);
	make_vm("one", "", true, id);
	wait_state(id, VM_RUNNING);
	ck_assert_int_eq(act(id, "start", NULL, task), 409);
	ck_assert_int_eq(act(id, "pause", NULL, task), 0);
	wait_task(task, "succeeded");
	ck_assert_int_eq(state_of(id), VM_PAUSED);
	ck_assert_int_eq(act(id, "shutdown", NULL, task), 409);
	ck_assert_int_eq(act(id, "resume", NULL, task), 0);
	wait_state(id, VM_RUNNING);
	ck_assert_int_eq(act(id, "reboot", NULL, task), 0);
	wait_task(task, "succeeded");
	ck_assert_int_eq(state_of(id), VM_RUNNING);
	ck_assert_int_eq(act(id, "shutdown", NULL, task), 0);
	wait_task(task, "succeeded");
	ck_assert_int_eq(state_of(id), VM_STOPPED);
	/* A state that was seen can be acted on at once. */
	ck_assert_int_eq(act(id, "start", NULL, task), 0);
	wait_state(id, VM_RUNNING);
	ck_assert_int_eq(act(id, "destroy", NULL, task), 0);
	wait_state(id, VM_STOPPED);
	ck_assert_uint_eq(domains(), 0);
}
END_TEST

START_TEST(guests_that_end_by_themselves)
{
	char crash[UUID_TEXT_LEN], off[UUID_TEXT_LEN], reboot[UUID_TEXT_LEN];

	open_svc(true);
	make_vm("crash", "fake.crash", true, crash);
	make_vm("off", "fake.poweroff", true, off);
	make_vm("reboot", "fake.reboot", true, reboot);
	wait_state(crash, VM_CRASHED);
	ck_assert_str_eq(reason_of(crash), "guest_crashed");
	wait_state(off, VM_STOPPED);
	/* It reboots for ever: more than one start was made for it. */
	for (int i = 0; i < 500 && db_value(svc.db, 0,
					    "SELECT count(*) FROM task WHERE target = ? AND"
					    " actor = 'guest'",
					    "s", reboot) < 2;
	     i++)
		usleep(10000);
	ck_assert_int_ge(db_value(svc.db, 0,
				  "SELECT count(*) FROM task WHERE target = ? AND"
				  " actor = 'guest'",
				  "s", reboot),
			 2);
}
END_TEST

static int64_t number_of(const char *id, const char *column)
{
	return db_value(svc.db, 0,
			"SELECT CASE ? WHEN 'domid' THEN domid WHEN 'restarts' THEN restarts"
			" WHEN 'restart_ms' THEN restart_ms END FROM vm WHERE id = ?",
			"ss", column, id);
}

START_TEST(deaf_guest)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];
	int64_t first;

	open_svc(true);
	make_vm("deaf", "fake.ignore", true, id);
	wait_state(id, VM_RUNNING);
	ck_assert_int_eq(act(id, "shutdown", json_pack("{si}", "timeout", 1), task), 0);
	wait_task(task, "failed");
	ck_assert_int_eq(state_of(id), VM_RUNNING);
	ck_assert_int_eq(act(id, "shutdown", json_pack("{si}", "timeout", 100), task), 0);
	ck_assert_int_eq(task_cancel(&svc, task, &(struct problem){0}), 0);
	wait_task(task, "cancelled");
	wait_state(id, VM_RUNNING);
	first = number_of(id, "domid");
	ck_assert_int_eq(act(id, "reboot", json_pack("{si}", "timeout", 1), task), 0);
	wait_task(task, "failed");
	ck_assert_int_eq(number_of(id, "domid"), first);
	ck_assert_int_eq(act(id, "reboot", json_pack("{si sb}", "timeout", 1, "force", 1), task),
			 0);
	wait_task(task, "succeeded");
	ck_assert_int_eq(state_of(id), VM_RUNNING);
	ck_assert_int_ne(number_of(id, "domid"), first);
	ck_assert_uint_eq(domains(), 1);
	ck_assert_int_eq(act(id, "shutdown", json_pack("{si sb}", "timeout", 1, "force", 1), task),
			 0);
	wait_task(task, "succeeded");
	ck_assert_int_eq(state_of(id), VM_STOPPED);
	ck_assert_uint_eq(domains(), 0);
}
END_TEST

START_TEST(start_that_is_given_up)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];

	open_svc(true);
	make_vm("slow", "fake.slow=20000", false, id);
	ck_assert_int_eq(act(id, "start", NULL, task), 0);
	usleep(200000);
	ck_assert_int_eq(task_cancel(&svc, task, &(struct problem){0}), 0);
	wait_task(task, "cancelled");
	wait_state(id, VM_STOPPED);
	ck_assert_int_eq(act(id, "start", NULL, task), 0);
	usleep(200000);
	ck_assert_int_eq(act(id, "destroy", NULL, (char[UUID_TEXT_LEN]){0}), 0);
	wait_task(task, "cancelled");
	wait_state(id, VM_STOPPED);
	ck_assert_uint_eq(domains(), 0);
}
END_TEST

START_TEST(memory_is_not_promised_twice)
{
	json_t *spec = json_pack("{ss ss si sI s{ss} sb}", "name", "big", "mode", "pvh", "vcpus", 1,
				 "memory", (json_int_t)(4096 * MIB), "boot", "kernel", TEST_KERNEL,
				 "start", 1);
	char id[UUID_TEXT_LEN];
	struct problem p = {0};

	open_svc(true);
	ck_assert_int_lt(vm_create(&svc, spec, "t", "r", id, &p), 0);
	ck_assert_int_eq(p.status, 507);
	ck_assert_int_eq(json_integer_value(json_object_get(p.extra, "needed")), 4096 * MIB);
	ck_assert_int_gt(json_integer_value(json_object_get(p.extra, "free")), 0);
	ck_assert_int_eq(db_value(svc.db, -1, "SELECT count(*) FROM vm", ""), 0);
	json_decref(spec);
	problem_fini(&p);
}
END_TEST

START_TEST(running_guest_outlives_the_daemon)
{
	char id[UUID_TEXT_LEN];
	struct vm before, after;

	open_svc(true);
	make_vm("one", "", true, id);
	wait_state(id, VM_RUNNING);
	ck_assert_int_eq(vm_load(&svc, id, &before), 0);
	close_svc();
	open_svc(true);
	ck_assert_int_eq(vm_load(&svc, id, &after), 0);
	ck_assert_int_eq(after.state, VM_RUNNING);
	ck_assert_int_eq(after.domid, before.domid);
	ck_assert_uint_eq(domains(), 1);
}
END_TEST

/* As if the daemon had been killed at that moment. */
static void record_start(const char *id, const char *status, char task[UUID_TEXT_LEN])
{
	const struct task_request request = {
		.kind = "vm.start",
		.target_type = "vm",
		.target = id,
		.actor = "t",
		.request_id = "r",
	};

	ck_assert_int_eq(db_begin(svc.db), 0);
	ck_assert_int_eq(task_insert(&svc, &request, task), 0);
	ck_assert_int_eq(
		db_run(svc.db, "UPDATE task SET status = ? WHERE id = ?", "ss", status, task), 0);
	ck_assert_int_eq(db_run(svc.db,
				"UPDATE vm SET state = 'starting', task_id = ? WHERE id = ?", "ss",
				task, id),
			 0);
	ck_assert_int_eq(db_commit(svc.db), 0);
}

static uint32_t build_domain(const char *id)
{
	struct ts_domain_spec spec = {.vcpus = 1, .memory = 64 * MIB};
	char kernel[128];
	uint32_t domid;

	snprintf(kernel, sizeof(kernel), "%s/images/kernel", test_dir);
	spec.kernel = kernel;
	ck_assert(ts_uuid_parse(id, spec.uuid));
	ck_assert_int_eq(ts_domain_create(svc.ts, &spec, &domid, NULL), 0);
	return domid;
}

START_TEST(killed_while_building)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];

	open_svc(false);
	make_vm("one", "", false, id);
	record_start(id, "running", task);
	build_domain(id); /* complete, never let go */
	close_svc();
	open_svc(true);
	wait_task(task, "failed");
	ck_assert_int_eq(state_of(id), VM_STOPPED);
	ck_assert_str_eq(reason_of(id), "interrupted");
	ck_assert_uint_eq(domains(), 0);
	ck_assert_int_eq(act(id, "start", NULL, task), 0);
	wait_state(id, VM_RUNNING);
}
END_TEST

START_TEST(killed_just_after_letting_go)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];

	open_svc(false);
	make_vm("one", "", false, id);
	record_start(id, "running", task);
	ck_assert_int_eq(ts_domain_unpause(svc.ts, build_domain(id), NULL), 0);
	close_svc();
	open_svc(true);
	wait_task(task, "succeeded");
	ck_assert_int_eq(state_of(id), VM_RUNNING);
	ck_assert_uint_eq(domains(), 1);
}
END_TEST

START_TEST(killed_before_beginning)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];

	open_svc(false);
	make_vm("one", "", false, id);
	record_start(id, "queued", task);
	close_svc();
	open_svc(true);
	wait_task(task, "succeeded");
	ck_assert_int_eq(state_of(id), VM_RUNNING);
}
END_TEST

START_TEST(domain_gone_while_away)
{
	char id[UUID_TEXT_LEN];
	struct vm vm;

	open_svc(true);
	make_vm("one", "", true, id);
	wait_state(id, VM_RUNNING);
	ck_assert_int_eq(vm_load(&svc, id, &vm), 0);
	close_svc();
	open_svc(false);
	ck_assert_int_eq(ts_domain_destroy(svc.ts, (uint32_t)vm.domid, NULL), 0);
	close_svc();
	open_svc(true);
	ck_assert_int_eq(state_of(id), VM_STOPPED);
	ck_assert_str_eq(reason_of(id), "domain_gone");
	/* After a reboot of the host there is another reason. */
	close_svc();
	open_svc(false);
	ck_assert_int_eq(db_run(svc.db, "UPDATE vm SET state = 'running', boot_id = 'other'", ""),
			 0);
	close_svc();
	open_svc(true);
	ck_assert_int_eq(state_of(id), VM_STOPPED);
	ck_assert_str_eq(reason_of(id), "host_restarted");
}
END_TEST

START_TEST(tickets_are_good_once)
{
	struct identity who = {.user = "admin", .expires_ms = clock_wall_ms() + 10000};
	char ticket[SECRET_TEXT_LEN], other[SECRET_TEXT_LEN];
	json_t *grant;

	open_svc(false);
	ck_assert_int_eq(ticket_issue(&svc, &who, TEST_KERNEL, true, ticket), 0);
	ck_assert_int_eq(ticket_issue(&svc, &who, TEST_KERNEL, false, other), 0);
	ck_assert_ptr_null(ticket_redeem(&svc, "nonsense"));
	grant = ticket_redeem(&svc, ticket);
	ck_assert(json_is_true(json_object_get(grant, "read_only")));
	ck_assert_str_eq(json_string_value(json_object_get(grant, "vm")), TEST_KERNEL);
	json_decref(grant);
	ck_assert_ptr_null(ticket_redeem(&svc, ticket));
	tickets_drop_all(&svc);
	ck_assert_ptr_null(ticket_redeem(&svc, other));
}
END_TEST

static void patch_vm(const char *id, json_t *patch)
{
	struct problem p = {0};
	struct vm vm;

	ck_assert_ptr_nonnull(patch);
	ck_assert_int_eq(vm_load(&svc, id, &vm), 0);
	ck_assert_msg(!vm_update(&svc, &vm, patch, &p), "%s", p.detail);
	json_decref(patch);
	problem_fini(&p);
}

static void start_vm(const char *id)
{
	char task[UUID_TEXT_LEN];

	ck_assert_int_eq(act(id, "start", NULL, task), 0);
	wait_task(task, "succeeded");
}

static void wait_number(const char *id, const char *column, int64_t value)
{
	for (int i = 0; i < 1000 && number_of(id, column) != value; i++)
		usleep(10000);
	ck_assert_int_eq(number_of(id, column), value);
}

START_TEST(crash_is_kept_and_the_policy_starts_it_again)
{
	char id[UUID_TEXT_LEN];
	const char *rip, *why, *told;
	int64_t due;
	json_t *vm;

	open_svc(true);
	make_vm("one", "fake.crash", false, id);
	start_vm(id);
	wait_state(id, VM_CRASHED);
	vm = vm_json(&svc, id);
	ck_assert(!json_unpack(vm, "{s{s[{s{ss}}] ss} s{ss}}", "crash", "vcpus", "registers", "rip",
			       &rip, "detail", &why, "reason", "detail", &told));
	ck_assert_str_eq(why, "vCPU 0: triple fault at 0x1000");
	ck_assert_ptr_nonnull(strstr(told, why));
	ck_assert_str_eq(rip, "0x0000000000001000");
	json_decref(vm);
	ck_assert_int_eq(number_of(id, "restarts"), 0);

	patch_vm(id, json_pack("{ss}", "restart_policy", "on_crash"));
	start_vm(id);
	wait_number(id, "restarts", 1);
	wait_number(id, "restarts", 2);
	wait_state(id, VM_CRASHED);
	due = number_of(id, "restart_ms");
	ck_assert_int_gt(due, clock_wall_ms());

	/* What is planned outlives the daemon, and ends when the policy does. */
	close_svc();
	open_svc(false);
	ck_assert_int_eq(number_of(id, "restart_ms"), due);
	patch_vm(id, json_pack("{ss}", "restart_policy", "never"));
	ck_assert_int_eq(svc_start(&svc), 0);
	wait_number(id, "restart_ms", 0);
	ck_assert_int_eq(state_of(id), VM_CRASHED);
	ck_assert_uint_eq(domains(), 0);
}
END_TEST

static bool told_of_restart(const char *id)
{
	return db_value(svc.db, 0,
			"SELECT count(*) FROM event WHERE vm = ?"
			" AND json_extract(resource, '$.reason.code') = 'restarts'",
			"s", id) > 0;
}

START_TEST(policy_always_starts_what_switched_itself_off)
{
	char id[UUID_TEXT_LEN], task[UUID_TEXT_LEN];

	open_svc(true);
	make_vm("one", "fake.poweroff", false, id);
	patch_vm(id, json_pack("{ss}", "restart_policy", "on_crash"));
	start_vm(id);
	wait_state(id, VM_STOPPED);
	ck_assert_int_eq(number_of(id, "restarts"), 0);
	patch_vm(id, json_pack("{s{ss} ss}", "boot", "cmdline", "", "restart_policy", "always"));
	start_vm(id);
	/* What was asked for is not undone. */
	ck_assert_int_eq(act(id, "shutdown", NULL, task), 0);
	wait_task(task, "succeeded");
	ck_assert_int_eq(state_of(id), VM_STOPPED);
	ck_assert_int_eq(number_of(id, "restarts"), 0);
	patch_vm(id, json_pack("{s{ss}}", "boot", "cmdline", "fake.poweroff"));
	start_vm(id);
	wait_number(id, "restarts", 1);
	/* The reason stands only until it is started; what was told of it stays. */
	for (int n = 0; n < 1000 && !told_of_restart(id); n++)
		usleep(10000);
	ck_assert(told_of_restart(id));
	wait_state(id, VM_RUNNING);
}
END_TEST

START_TEST(host_starts_what_is_to_run)
{
	char late[UUID_TEXT_LEN], early[UUID_TEXT_LEN], manual[UUID_TEXT_LEN];

	open_svc(true);
	make_vm("late", "", false, late);
	make_vm("early", "", false, early);
	make_vm("manual", "", false, manual);
	patch_vm(late, json_pack("{s{sb si}}", "autostart", "enabled", 1, "order", 2));
	patch_vm(early,
		 json_pack("{s{sb si si}}", "autostart", "enabled", 1, "order", 1, "delay", 1));
	close_svc();
	/* Another start in the same boot starts nothing. */
	open_svc(true);
	ck_assert_int_eq(db_value(svc.db, 0, "SELECT count(*) FROM task", ""), 0);
	close_svc();
	open_svc(false);
	snprintf(svc.boot_id, sizeof(svc.boot_id), "another");
	ck_assert_int_eq(svc_start(&svc), 0);
	wait_state(early, VM_RUNNING);
	ck_assert_int_ne(state_of(late), VM_RUNNING);
	wait_state(late, VM_RUNNING);
	ck_assert_int_eq(state_of(manual), VM_STOPPED);
	for (int i = 0; i < 1000 && !db_value(svc.db, 0,
					      "SELECT 1 FROM task WHERE kind = 'host.autostart'"
					      " AND status = 'succeeded'",
					      "");
	     i++)
		usleep(10000);
	ck_assert_int_eq(db_value(svc.db, 0,
				  "SELECT count(*) FROM task WHERE kind = 'host.autostart'"
				  " AND status = 'succeeded'",
				  ""),
			 1);
	ck_assert_uint_eq(domains(), 2);
}
END_TEST

START_TEST(host_goes_down_after_its_guests)
{
	static const char *const cmdlines[] = {"", "", "fake.ignore"};
	char id[3][UUID_TEXT_LEN], task[UUID_TEXT_LEN];
	struct problem p = {0};

	open_svc(true);
	for (int i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "g%d", i);
		make_vm(name, cmdlines[i], true, id[i]);
		wait_state(id[i], VM_RUNNING);
	}
	patch_vm(id[1], json_pack("{s{si}}", "autostart", "order", 9));
	patch_vm(id[0], json_pack("{ss}", "restart_policy", "always"));
	ck_assert_int_eq(act(id[1], "pause", NULL, task), 0);
	wait_task(task, "succeeded");
	ck_assert_int_eq(host_act(&svc, "shutdown", 2, "root", "-", task, &p), 0);
	wait_task(task, "succeeded");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(state_of(id[i]), VM_STOPPED);
	ck_assert_uint_eq(domains(), 0);
	/* All were asked, the one with the highest order first, and none was destroyed unasked. */
	ck_assert_int_eq(db_value(svc.db, 0,
				  "SELECT count(*) FROM task WHERE kind = 'vm.shutdown'"
				  " AND status = 'succeeded'",
				  ""),
			 3);
	ck_assert_int_eq(
		db_value(svc.db, 0, "SELECT count(*) FROM task WHERE kind = 'vm.destroy'", ""), 0);
	ck_assert_int_eq(db_value(svc.db, 0,
				  "SELECT target = ? FROM task WHERE kind = 'vm.shutdown'"
				  " ORDER BY rowid LIMIT 1",
				  "s", id[1]),
			 1);
	/* 'always' does not hold against the host's own end. */
	ck_assert_int_eq(number_of(id[0], "restarts"), 0);
}
END_TEST

Suite *suite_svc(void)
{
	Suite *suite = suite_create("svc");
	TCase *tc = tcase_create("svc");

	tcase_add_checked_fixture(tc, test_dir_make, services_end);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, table_of_actions);
	tcase_add_test(tc, whole_life);
	tcase_add_test(tc, guests_that_end_by_themselves);
	tcase_add_test(tc, deaf_guest);
	tcase_add_test(tc, start_that_is_given_up);
	tcase_add_test(tc, memory_is_not_promised_twice);
	tcase_add_test(tc, running_guest_outlives_the_daemon);
	tcase_add_test(tc, killed_while_building);
	tcase_add_test(tc, killed_just_after_letting_go);
	tcase_add_test(tc, killed_before_beginning);
	tcase_add_test(tc, domain_gone_while_away);
	tcase_add_test(tc, tickets_are_good_once);
	tcase_add_test(tc, crash_is_kept_and_the_policy_starts_it_again);
	tcase_add_test(tc, policy_always_starts_what_switched_itself_off);
	tcase_add_test(tc, host_starts_what_is_to_run);
	tcase_add_test(tc, host_goes_down_after_its_guests);
	tcase_add_test(tc, disks_come_with_the_machine);
	tcase_add_test(tc, volumes_grow_while_in_use);
	tcase_add_test(tc, copies_are_made_by_tasks);
	tcase_add_test(tc, copies_that_fail_leave_no_file);
	tcase_add_test(tc, tasks_end_once_that_can_be_recorded);
	suite_add_tcase(suite, tc);
	return suite;
}
