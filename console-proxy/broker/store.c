// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define STORE_STEP ((size_t)64 << 10)

static size_t store_length(const struct store *s)
{
	return HISTORY_HEADER_SIZE + s->size;
}

static void *store_map(const struct store *s, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

	return mmap(NULL, store_length(s), PROT_READ | PROT_WRITE, flags, fd, 0);
}

/* Give [0, end) of the file backing. */
static int store_claim(int fd, size_t end)
{
	return -posix_fallocate(fd, 0, (off_t)end);
}

static size_t store_round(const struct store *s, size_t used)
{
	size_t up = (used + STORE_STEP - 1) / STORE_STEP * STORE_STEP;

	return up < s->size ? up : s->size;
}

static size_t store_used(const struct store *s, uint64_t total)
{
	return total < s->size ? (size_t)total : s->size;
}

static int store_open_file(struct store *s, int dirfd, const char *uuid)
{
	_cleanup_close_ int fd = -1;
	void *mem;

	fd = openat(dirfd, uuid, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (store_claim(fd, HISTORY_HEADER_SIZE) || ftruncate(fd, (off_t)store_length(s)))
		return -ENOSPC;
	mem = store_map(s, fd);
	if (mem == MAP_FAILED)
		return -ENOMEM;
	if (history_open(&s->history, mem, s->size))
		history_format(&s->history, mem, s->size);
	s->claimed = store_round(s, store_used(s, history_end(&s->history)));
	if (store_claim(fd, HISTORY_HEADER_SIZE + s->claimed)) {
		munmap(mem, store_length(s));
		return -ENOSPC;
	}
	s->fd = util_steal_fd(&fd);
	return 0;
}

int store_open(struct store *s, int dirfd, const char *uuid, size_t size)
{
	void *mem;

	*s = (struct store){.size = size, .fd = -1};
	if (dirfd >= 0 && !store_open_file(s, dirfd, uuid))
		return 0;
	mem = store_map(s, -1);
	if (mem == MAP_FAILED)
		return -ENOMEM;
	history_format(&s->history, mem, size);
	s->claimed = size;
	return 0;
}

/* The tmpfs is full: from here on the history is kept in plain memory. */
static int store_move(struct store *s)
{
	void *mem = store_map(s, -1);

	if (mem == MAP_FAILED)
		return -ENOMEM;
	memcpy(mem, s->history.header, HISTORY_HEADER_SIZE + s->claimed);
	munmap(s->history.header, store_length(s));
	util_closep(&s->fd);
	s->fd = -1;
	s->claimed = s->size;
	if (history_open(&s->history, mem, s->size))
		history_format(&s->history, mem, s->size);
	util_log("no room for console histories on disk; one is kept in memory alone");
	return 0;
}

void store_append(struct store *s, const void *data, size_t len)
{
	size_t need = store_used(s, history_end(&s->history) + len);

	if (need > s->claimed) {
		size_t end = store_round(s, need);

		if (!store_claim(s->fd, HISTORY_HEADER_SIZE + end))
			s->claimed = end;
		else if (store_move(s))
			return;
	}
	history_append(&s->history, data, len);
}

void store_close(struct store *s)
{
	munmap(s->history.header, store_length(s));
	util_closep(&s->fd);
	s->fd = -1;
}

void store_remove(int dirfd, const char *uuid)
{
	if (dirfd >= 0)
		unlinkat(dirfd, uuid, 0);
}
