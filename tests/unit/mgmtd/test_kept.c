/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept on the data disk: that nothing of it is lost, or grows over, at a start, a kill or an end. */
#include <stdio.h>
#include <sys/stat.h>

#include "fixture.h"
#include "svc/volume.h"

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

static void make_volume(const char *name, struct volume *out)
{
	json_t *spec = json_pack("{ss sI}", "name", name, "size", (json_int_t)MIB);
	struct problem p = {0};
	char id[UUID_TEXT_LEN];

	ck_assert_msg(!volume_create(&svc, spec, "tester", "r", id, &p), "%s", p.detail);
	ck_assert_int_eq(volume_require(&svc, id, out, &p), 0);
	ck_assert(out->ready);
	json_decref(spec);
}

/* Killed after a file was made larger and before that was recorded: none of it is cut off again. */
START_TEST(killed_while_a_volume_grows)
{
	json_t *patch = json_pack("{sI}", "size", (json_int_t)(2 * MIB));
	struct problem p = {0};
	struct volume volume;
	char path[512];
	struct stat st;

	open_svc(false);
	make_volume("grows", &volume);
	volume_path(&svc, volume.id, path, sizeof(path));
	close_svc();
	ck_assert_int_eq(truncate(path, 3 * MIB), 0);
	open_svc(false);
	ck_assert_int_eq(volume_require(&svc, volume.id, &volume, &p), 0);
	ck_assert_int_lt(volume_update(&svc, &volume, patch, &p), 0);
	ck_assert_int_eq(p.status, 422);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 3 * MIB);
	ck_assert_uint_eq(volume.size, 3 * MIB);
	json_decref(patch);
	problem_fini(&p);
}
END_TEST

Suite *suite_kept(void)
{
	Suite *suite = suite_create("kept");
	TCase *tc = tcase_create("kept");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, killed_while_a_volume_grows);
	suite_add_tcase(suite, tc);
	return suite;
}
