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
