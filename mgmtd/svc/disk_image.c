/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_image.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "../util/log.h"

#define LOOK_MS  200
#define EXIT_BAD 1

static const char *const verbs[] = {
	[DISK_IMAGE_SIZE] = "size",
	[DISK_IMAGE_CHECK] = "check",
	[DISK_IMAGE_UNPACK] = "unpack",
};

/* What the reader says is no more to be trusted than the image. */
struct reading {
	const struct disk_image_job *job;
	struct disk_image *out;
	uint64_t done;
	unsigned int troubled; /* lines told of that, the first of which is logged */
	char line[256];
	size_t len;
};

static int spawn(struct svc *svc, const struct disk_image_job *job, int report, pid_t *pid)
{
	const char *program = svc->config.disk_reader;
	char *argv[] = {(char *)(uintptr_t) "disk-reader", (char *)(uintptr_t)verbs[job->what],
			NULL};
	char *envp[] = {NULL};
	posix_spawn_file_actions_t files;
	int rc;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, job->from, 0);
	if (job->what == DISK_IMAGE_UNPACK)
		posix_spawn_file_actions_adddup2(&files, job->to, 1);
	else
		posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, report, 2);
	rc = posix_spawn(pid, program, &files, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&files);
	return -rc;
}

static void take_line(struct reading *r)
{
	if (!strncmp(r->line, "size ", 5))
		r->out->size = strtoull(r->line + 5, NULL, 10);
	else if (!strncmp(r->line, "done ", 5))
		r->done = strtoull(r->line + 5, NULL, 10);
	else if (!strncmp(r->line, "bad ", 4))
		snprintf(r->out->why, sizeof(r->out->why), "%.*s", DISK_IMAGE_WHY - 1, r->line + 4);
	else if (!strncmp(r->line, "trouble", 7) && !r->troubled++)
		log_line("disk-reader: %s", r->line);
}

/* Only printable characters get anywhere, and of a line only what fits. */
static void take(struct reading *r, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			r->line[r->len] = '\0';
			take_line(r);
			r->len = 0;
		} else if (r->len + 1 < sizeof(r->line)) {
			r->line[r->len++] = data[i] >= ' ' && data[i] <= '~' ? data[i] : '?';
		}
	}
}

/* Hear it out. Return: 0 at its end, -ECANCELED. */
static int listen_to(struct reading *r, int report)
{
	const struct disk_image_job *job = r->job;
	struct pollfd p = {.fd = report, .events = POLLIN};
	char data[512];
	ssize_t n;

	for (;;) {
		if (job->go_on && !job->go_on(job->opaque, r->done, r->out->size))
			return -ECANCELED;
		if (poll(&p, 1, LOOK_MS) <= 0)
			continue;
		n = read(report, data, sizeof(data));
		if (n > 0)
			take(r, data, (size_t)n);
		else if (!n || errno != EINTR)
			return 0;
	}
}

static int settle(struct reading *r, int status)
{
	struct disk_image *out = r->out;

	if (WIFEXITED(status) && !WEXITSTATUS(status) && out->size)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_BAD && out->why[0])
		return -EINVAL;
	if (!WIFSIGNALED(status))
		return -EIO;
	/* An image that got that far was made to, or met a bug; it is not taken either way. */
	log_line("disk-reader was ended by signal %d", WTERMSIG(status));
	snprintf(out->why, sizeof(out->why), "Its reader was ended by signal %d.",
		 WTERMSIG(status));
	return -EINVAL;
}

int disk_image_read(struct svc *svc, const struct disk_image_job *job, struct disk_image *out)
{
	struct reading r = {.job = job, .out = out};
	int ends[2], status = 0, rc;
	pid_t pid;

	*out = (struct disk_image){0};
	if (pipe2(ends, O_CLOEXEC))
		return -EIO;
	rc = spawn(svc, job, ends[1], &pid);
	close(ends[1]);
	if (rc) {
		log_line("%s can't be started: %s", svc->config.disk_reader, strerror(-rc));
		close(ends[0]);
		return -EIO;
	}
	rc = listen_to(&r, ends[0]);
	if (rc)
		kill(pid, SIGKILL);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -EIO;
	return rc ? rc : settle(&r, status);
}
