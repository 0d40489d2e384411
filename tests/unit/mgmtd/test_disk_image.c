/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of disk images as a process: what it does, what it may do, and what it may say. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fixture.h"
#include "svc/disk_image.h"

#define SIZE (20 * MIB)

static struct svc svc;
static char path[160];

static void setup(void)
{
	test_dir_make();
	svc.config = test_config;
	snprintf(path, sizeof(path), "%s/file", test_dir);
}

/* A file of @size bytes that reads as zeros but for @text at @at. */
static int make_file(const char *name, off_t size, const char *text, off_t at)
{
	char file[192];
	int fd;

	snprintf(file, sizeof(file), "%s/%s", test_dir, name);
	fd = open(file, O_CREAT | O_TRUNC | O_RDWR, 0600);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	ck_assert_int_eq(pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
	return fd;
}

static bool count(void *opaque, uint64_t done, uint64_t size)
{
	ck_assert_uint_le(done, SIZE);
	ck_assert(size == SIZE || !done);
	return --*(int *)opaque > 0;
}

START_TEST(raw_content_comes_out)
{
	int from = make_file("from", SIZE, "content", 7 * MIB + 5),
	    to = make_file("to", SIZE, "", 0);
	int left = 1 << 30;
	struct disk_image_job job = {DISK_IMAGE_UNPACK, from, to, count, &left};
	struct disk_image disk;
	char text[8] = "";
	struct stat st;

	ck_assert_int_eq(disk_image_read(&svc, &job, &disk), 0);
	ck_assert_uint_eq(disk.size, SIZE);
	ck_assert_int_eq(pread(to, text, 7, 7 * MIB + 5), 7);
	ck_assert_str_eq(text, "content");
	/* What is zeros was not written. */
	ck_assert_int_eq(fstat(to, &st), 0);
	ck_assert_int_lt(st.st_blocks * 512, MIB);

	/* More than the volume holds is no way to make it longer. */
	ck_assert_int_eq(ftruncate(to, MIB), 0);
	ck_assert_int_eq(disk_image_read(&svc, &job, &disk), -EIO);
	ck_assert_int_eq(fstat(to, &st), 0);
	ck_assert_int_eq(st.st_size, MIB);
	left = 1;
	ck_assert_int_eq(disk_image_read(&svc, &job, &disk), -ECANCELED);
}
END_TEST

START_TEST(lies_are_told_in_words)
{
	int from = make_file("from", MIB, "QFI\xfb", 0);
	struct disk_image_job job = {DISK_IMAGE_CHECK, from, -1, NULL, NULL};
	struct disk_image disk;

	ck_assert_int_eq(disk_image_read(&svc, &job, &disk), -EINVAL);
	ck_assert_str_eq(disk.why, "Its version is not supported.");
}
END_TEST

static const struct {
	const char *script;
	int rc;
} readers[] = {
	{"kill -9 $$", -EINVAL},
	{"echo bad >&2", -EIO},
	{"exit 1", -EIO},
	{"exit 0", -EIO},
	{"echo size 1 >&2; exit 2", -EIO},
	{"printf 'bad \\033[2Jx\\nmore' >&2; exit 1", -EINVAL},
	{"head -c 300000 /dev/urandom >&2; exit 1", -EIO},
};

/* A reader that an image has taken over. */
START_TEST(readers_are_not_trusted)
{
	int from = make_file("from", MIB, "", 0);
	struct disk_image_job job = {DISK_IMAGE_SIZE, from, -1, NULL, NULL};
	struct disk_image disk;
	char text[256];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", readers[_i].script);
	test_file("file", text);
	ck_assert_int_eq(chmod(path, 0700), 0);
	svc.config.disk_reader = path;
	ck_assert_int_eq(disk_image_read(&svc, &job, &disk), readers[_i].rc);
	for (const char *c = disk.why; *c; c++)
		ck_assert(*c >= ' ' && *c <= '~');
	ck_assert_int_eq(readers[_i].rc == -EINVAL, disk.why[0] != '\0');
}
END_TEST

static pid_t start_blocked(int from, int report)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	dup2(from, 0);
	dup2(open("/dev/null", O_WRONLY), 1);
	dup2(report, 2);
	dup2(from, 77);
	execl(DISK_READER, "disk-reader", "check", NULL);
	_exit(127);
}

/* The words after @key in what the kernel says of @pid. */
static void status_of(pid_t pid, const char *key, char out[64])
{
	char file[64], line[256];
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/status", pid);
	f = fopen(file, "r");
	*out = '\0';
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			snprintf(out, 64, "%.*s", (int)strcspn(line + strlen(key), "\n"),
				 line + strlen(key));
	if (f)
		fclose(f);
}

/* Held where it first speaks of the image, by a pipe that is full. */
START_TEST(reader_is_confined)
{
	int from = make_file("from", MIB, "", 0), ends[2], status;
	static const char full[1 << 20];
	char text[64] = "", link[64];
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], full, sizeof(full)) > 0)
		;
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, 0), 0);
	pid = start_blocked(from, ends[1]);
	for (int i = 0; i < 1000 && strcmp(text, "\t2"); i++) {
		usleep(10000);
		status_of(pid, "Seccomp:", text);
	}
	ck_assert_str_eq(text, "\t2");
	status_of(pid, "NoNewPrivs:", text);
	ck_assert_str_eq(text, "\t1");
	status_of(pid, "CapEff:", text);
	ck_assert_str_eq(text, "\t0000000000000000");
	status_of(pid, "Uid:", text);
	ck_assert_int_ne(strtol(text, NULL, 10), 0);
	for (int fd = 0; fd < 100; fd++) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
		if (!geteuid())
			ck_assert_int_eq(!access(link, F_OK), fd < 3);
	}
	/* Nobody to tell: it ends by itself. */
	close(ends[0]);
	close(ends[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}
END_TEST

Suite *suite_disk_image(void)
{
	Suite *s = suite_create("disk image");
	TCase *tc = tcase_create("reader");

	tcase_add_checked_fixture(tc, setup, test_dir_remove);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, raw_content_comes_out);
	tcase_add_test(tc, lies_are_told_in_words);
	tcase_add_loop_test(tc, readers_are_not_trusted, 0, (int)ARRAY_SIZE(readers));
	tcase_add_test(tc, reader_is_confined);
	suite_add_tcase(s, tc);
	return s;
}
