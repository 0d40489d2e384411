/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of machines, tasks and images when something fails midway. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "svc/image.h"
#include "svc/vm.h"

static struct svc svc;
static bool is_open;

static void open_svc(bool start)
{
	ck_assert_int_eq(svc_open(&test_config, &svc), 0);
	is_open = true;
	if (start)
		ck_assert_int_eq(svc_start(&svc), 0);
}

static void close_svc(void)
{
	if (is_open)
		svc_close(&svc);
	is_open = false;
}

static void setup(void)
{
	test_dir_make();
}

static void teardown(void)
{
	close_svc();
	test_dir_remove();
}

static void run_sql(const char *sql)
{
	struct db_query *q = db_query_json(svc.db, sql, NULL);

	ck_assert_ptr_nonnull(q);
	ck_assert_int_ge(db_next(q), 0);
	db_end(q);
}

static void make_vm(const char *name, const char *cmdline, char id[UUID_TEXT_LEN])
{
	json_t *spec = json_pack("{ss ss si sI s{ss ss}}", "name", name, "mode", "pvh", "vcpus", 1,
				 "memory", (json_int_t)(16 * MIB), "boot", "kernel", TEST_KERNEL,
				 "cmdline", cmdline);
	struct problem p = {0};

	ck_assert_msg(!vm_create(&svc, spec, "tester", "r", id, &p), "%s", p.detail);
	json_decref(spec);
}

/* A release brings images that the administrator has got ahead of, or has no more what is in use. */
START_TEST(images_of_a_release_do_not_stop_the_service)
{
	struct image image;
	char id[UUID_TEXT_LEN];

	open_svc(false);
	make_vm("one", "", id);
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

Suite *suite_trouble(void)
{
	Suite *suite = suite_create("trouble");
	TCase *tc = tcase_create("trouble");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, images_of_a_release_do_not_stop_the_service);
	suite_add_tcase(suite, tc);
	return suite;
}
