/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw files: the bytes of the disk, behind a loop device. The kernel takes that away with its last
 * user (LO_FLAGS_AUTOCLEAR), so that neither a domain's end nor this process' can leave one behind.
 *
 * DMA: blkback hands granted pages of the guest to the loop driver, which copies them into the page
 * cache or, with direct I/O, passes them on to the disk's driver, where swiotlb=force bounces them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "format.h"

#define LOOP_TRIES  16
#define SECTOR_SIZE 512

/*
 * Make a file that long and take the room of what is new: what a guest discarded stays the disk's. In memory
 * that would waste what is not used.
 */
static int resize(int fd, uint64_t size)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if ((uint64_t)st.st_size >= size)
		return ftruncate(fd, (off_t)size) ? -errno : 0;
	if (fstatfs(fd, &fs))
		return -errno;
	if (fs.f_type != TMPFS_MAGIC && !fallocate(fd, 0, st.st_size, (off_t)size - st.st_size))
		return 0;
	if (fs.f_type != TMPFS_MAGIC && errno != EOPNOTSUPP)
		return -errno;
	return ftruncate(fd, (off_t)size) ? -errno : 0;
}

/* What was begun before is wiped out, without giving the room back where the file system can. */
static int create(int fd, uint64_t size)
{
	if (!fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, (off_t)size))
		return 0;
	return ftruncate(fd, 0) ? -errno : resize(fd, size);
}

/* A loop device of @file. Return: its descriptor, or -errno. */
static int loop_try(int control, int file, uint32_t flags)
{
	struct loop_config config = {
		.fd = (uint32_t)file,
		.block_size = SECTOR_SIZE,
		.info.lo_flags = flags,
	};
	int n = ioctl(control, LOOP_CTL_GET_FREE), fd, rc;
	char path[32];

	if (n < 0)
		return -errno;
	snprintf(path, sizeof(path), "/dev/loop%d", n);
	fd = open(path, (flags & LO_FLAGS_READ_ONLY ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, LOOP_CONFIGURE, &config)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static int open_loop(struct disk_opening *o)
{
	auto_fd int file = disk_file_open(o);
	auto_fd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	uint32_t flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
	int fd = -EBUSY;

	if (file < 0)
		return file;
	if (o->read_only)
		flags |= LO_FLAGS_READ_ONLY;
	/* Somebody else may take the same free one. */
	for (int i = 0; i < LOOP_TRIES && fd == -EBUSY; i++)
		fd = control < 0 ? -ENODEV : loop_try(control, file, flags);
	if (fd < 0)
		snprintf(o->why, sizeof(o->why), "no loop device: %s", strerror(-fd));
	return fd;
}

const struct disk_format disk_format_raw = {
	.name = "raw",
	.suffix = "img",
	.reserves = true,
	.grows_live = true,
	.create = create,
	.resize = resize,
	.open = open_loop,
	.fill = disk_file_open,
};
