/* SPDX-License-Identifier: Apache-2.0 */
#include "services.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"

struct svc svc;

static bool is_open;

void open_svc(bool start)
{
	ck_assert_int_eq(svc_open(&test_config, &svc), 0);
	is_open = true;
	if (start)
		ck_assert_int_eq(svc_start(&svc), 0);
}

void close_svc(void)
{
	if (is_open)
		svc_close(&svc);
	is_open = false;
}

void services_end(void)
{
	close_svc();
	test_dir_remove();
}

void make_vm(const char *name, const char *cmdline, bool start, char id[UUID_TEXT_LEN])
{
	json_t *spec = json_pack("{ss ss si sI s{ss ss} sb}", "name", name, "mode", "pvh", "vcpus",
				 1, "memory", (json_int_t)(64 * MIB), "boot", "kernel", TEST_KERNEL,
				 "cmdline", cmdline, "start", start);
	struct problem p = {0};

	ck_assert_msg(!vm_create(&svc, spec, "tester", "r", id, &p), "%s", p.detail);
	json_decref(spec);
	problem_fini(&p);
}

enum vm_state state_of(const char *id)
{
	struct vm vm;

	ck_assert_int_eq(vm_load(&svc, id, &vm), 0);
	return vm.state;
}

void wait_state(const char *id, enum vm_state state)
{
	for (int i = 0; i < 1000 && state_of(id) != state; i++)
		usleep(10000);
	ck_assert_str_eq(vm_state_name(state_of(id)), vm_state_name(state));
}

size_t domains(void)
{
	struct ts_domain_info *list;
	size_t count;

	ck_assert_int_eq(ts_domain_list(svc.ts, &list, &count, NULL), 0);
	free(list);
	return count;
}

void make_volume(const char *name, struct volume *out)
{
	json_t *spec = json_pack("{ss sI}", "name", name, "size", (json_int_t)MIB);
	struct problem p = {0};
	char id[UUID_TEXT_LEN];

	ck_assert_msg(!volume_create(&svc, spec, "tester", "r", id, &p), "%s", p.detail);
	ck_assert_int_eq(volume_require(&svc, id, out, &p), 0);
	ck_assert(out->ready);
	json_decref(spec);
}

void script(const char *name, const char *text, char path[128])
{
	test_file(name, text);
	snprintf(path, 128, "%s/%s", test_dir, name);
	ck_assert_int_eq(chmod(path, 0700), 0);
}

void copy_volume(const char *name, struct volume *out, char task[UUID_TEXT_LEN])
{
	json_t *spec = json_pack("{ss sI ss}", "name", name, "size", (json_int_t)MIB, "image",
				 TEST_INITRD);
	struct problem p = {0};
	char id[UUID_TEXT_LEN];

	ck_assert_int_eq(
		db_run(svc.db, "UPDATE image SET kind = 'disk' WHERE id = ?", "s", TEST_INITRD), 0);
	ck_assert_msg(!volume_create(&svc, spec, "tester", "r", id, &p), "%s", p.detail);
	ck_assert_int_eq(volume_require(&svc, id, out, &p), 0);
	ck_assert(db_value(svc.db, 0, "SELECT 1 FROM task WHERE target = ?", "s", id));
	{
		auto_query struct db_query *q =
			db_query(svc.db, "SELECT id FROM task WHERE target = ?", "s", id);

		ck_assert_int_eq(db_next(q), 1);
		snprintf(task, UUID_TEXT_LEN, "%s", db_text(q, 0));
	}
	json_decref(spec);
}

void wait_task(const char *id, const char *status)
{
	char found[16] = "";

	for (int i = 0; i < 1000; i++) {
		struct db_query *q =
			db_query(svc.db, "SELECT status FROM task WHERE id = ?", "s", id);

		ck_assert_int_eq(db_next(q), 1);
		snprintf(found, sizeof(found), "%s", db_text(q, 0));
		db_end(q);
		if (!strcmp(found, status))
			return;
		usleep(10000);
	}
	ck_abort_msg("the task is %s, not %s", found, status);
}
