/* SPDX-License-Identifier: Apache-2.0 */
#include "format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define POLL_MS 20

static const struct disk_format *const formats[] = {&disk_format_raw, &disk_format_qcow2};

const struct disk_format *disk_format(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!name || !strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

int disk_file_open(struct disk_opening *o)
{
	int fd = open(o->path, (o->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC), rc;

	if (fd >= 0)
		return fd;
	rc = -errno;
	snprintf(o->why, sizeof(o->why), "its file can't be opened: %s", strerror(-rc));
	return rc;
}

int disk_file_lock(int fd, bool shared, unsigned int ms)
{
	const struct timespec nap = {.tv_nsec = POLL_MS * 1000000};

	for (unsigned int waited = 0;; waited += POLL_MS) {
		if (!flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (waited >= ms)
			return -EBUSY;
		nanosleep(&nap, NULL);
	}
}
