/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept on the data disk: that nothing of it is lost, or grows over, at a start, a kill or an end. */
#include <sys/stat.h>

#include "fixture.h"
#include "services.h"
#include "svc/image.h"
#include "svc/task.h"
#include "svc/volume.h"

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

/* A reader that was taken over by its image can't have the API say what it must not. */
START_TEST(readers_that_lie_get_nowhere)
{
	static const char lies[] = "#!/bin/sh\necho size 9 >&2\n[ $1 = size ] && exit\n"
				   "echo done 900 >&2\nexec sleep 50\n";
	char task[UUID_TEXT_LEN], reader[128];
	struct problem p = {0};
	struct volume volume;
	int64_t progress = 0;

	script("lies", lies, reader);
	test_config.disk_reader = reader;
	open_svc(true);
	copy_volume("copy", &volume, task);
	for (int i = 0; i < 500 && !progress; i++) {
		usleep(10000);
		progress = db_value(svc.db, 0, "SELECT progress FROM task WHERE id = ?", "s", task);
	}
	ck_assert_int_gt(progress, 0);
	ck_assert_int_le(progress, 100);
	ck_assert_int_eq(task_cancel(&svc, task, &p), 0);
	wait_task(task, "cancelled");
}
END_TEST

static void *upload(void *arg)
{
	struct image_upload *up;
	struct problem *p = arg;
	char id[UUID_TEXT_LEN];

	ck_assert_int_eq(image_upload_open(&svc, "slow", "disk", NULL, 0, &up, p), 0);
	ck_assert_int_eq(image_upload_write(up, "a disk", 6, p), 0);
	ck_assert_int_ne(image_upload_finish(up, id, p), 0);
	image_upload_close(up);
	return NULL;
}

/* Whoever looks at an image for long is not waited for when the service stops. */
START_TEST(uploads_do_not_hold_up_the_end)
{
	int64_t began = clock_mono_ms();
	struct problem p = {0};
	pthread_t thread;
	char reader[128];

	script("slow", "#!/bin/sh\nexec sleep 50\n", reader);
	test_config.disk_reader = reader;
	open_svc(true);
	ck_assert_int_eq(pthread_create(&thread, NULL, upload, &p), 0);
	usleep(300000);
	svc_stop(&svc);
	pthread_join(thread, NULL);
	ck_assert_int_lt(clock_mono_ms() - began, 10000);
	ck_assert_int_eq(p.status, 503);
}
END_TEST

Suite *suite_kept(void)
{
	Suite *suite = suite_create("kept");
	TCase *tc = tcase_create("kept");

	tcase_add_checked_fixture(tc, test_dir_make, services_end);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, killed_while_a_volume_grows);
	tcase_add_test(tc, readers_that_lie_get_nowhere);
	tcase_add_test(tc, uploads_do_not_hold_up_the_end);
	suite_add_tcase(suite, tc);
	return suite;
}
