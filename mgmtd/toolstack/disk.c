/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: a file becomes a loop device, and the loop device a disk of Linux' blkback. The loop
 * device goes away by itself when its last user closes it (LO_FLAGS_AUTOCLEAR), so that neither a
 * domain's end nor this process' can leave one behind.
 *
 * DMA: blkback hands granted pages of the guest to the loop driver, which copies them into the page
 * cache or, with direct I/O, passes them on to the disk's driver, where swiotlb=force bounces them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xenbus.h>

#include "device.h"

#define XVD_MAJOR   202u
#define LOOP_TRIES  16
#define OPEN_POLLS  1000 /* of 10 ms: a host that has just started loads blkback meanwhile */
#define POLL_NS     10000000L
#define DETACH_MS   10000
#define SECTOR_SIZE 512

static struct device device_of(uint32_t domid, uint32_t slot)
{
	return (struct device){.type = "vbd", .domid = domid, .id = XVD_MAJOR << 8 | slot << 4};
}

/* A loop device of @file. Return: its descriptor, or -errno. */
static int loop_try(int control, int file, uint32_t flags, unsigned int *number)
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
	*number = (unsigned int)n;
	return fd;
}

static int loop_open(const char *path, bool read_only, unsigned int *number)
{
	TS_CLEANUP(ts_close_fd) int file = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	TS_CLEANUP(ts_close_fd) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	uint32_t flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
	int fd = -EBUSY;

	if (file < 0 || control < 0)
		return -errno;
	if (read_only)
		flags |= LO_FLAGS_READ_ONLY;
	/* Somebody else may take the same free one. */
	for (int i = 0; i < LOOP_TRIES && fd == -EBUSY; i++)
		fd = loop_try(control, file, flags, number);
	return fd;
}

/* blkback has opened the disk when it shows its counters. */
static int wait_opened(const struct device *d, struct ts_error *err)
{
	char path[128];

	snprintf(path, sizeof(path),
		 "/sys/bus/xen-backend/devices/vbd-%" PRIu32 "-%" PRIu32 "/statistics", d->domid,
		 d->id);
	for (int i = 0; i < OPEN_POLLS; i++) {
		if (!access(path, F_OK))
			return 0;
		nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
	}
	return ts_fail(err, TS_EIO, -EIO, "the block backend did not open the disk");
}

int ts_disk_attach(struct toolstack *ts, uint32_t domid, const struct ts_disk *disk,
		   struct ts_error *err)
{
	const struct device d = device_of(domid, disk->slot);
	const char *kind = disk->cdrom ? "cdrom" : "disk";
	char physical[16], id[16], target[8];
	unsigned int number = 0;
	const struct device_node back[] = {
		{"params", disk->path},
		{"type", "phy"},
		{"dev", target},
		{"mode", disk->read_only ? "r" : "w"},
		{"device-type", kind},
		{"physical-device", physical},
		{"bootable", disk->slot ? "0" : "1"},
		{"hotplug-status", "connected"},
		{NULL, NULL},
	};
	const struct device_node front[] = {
		{"virtual-device", id}, {"device-type", kind}, {NULL, NULL}};
	TS_CLEANUP(ts_close_fd) int loop = -1;
	struct stat st;
	int rc;

	if (disk->slot >= TS_DISKS_MAX || (disk->cdrom && !disk->read_only))
		return ts_fail(err, TS_EINVAL, -EINVAL, "there is no such disk");
	loop = loop_open(disk->path, disk->read_only, &number);
	if (loop < 0 || fstat(loop, &st))
		return ts_fail(err, TS_EIO, loop, "the disk's file can't be opened: %s",
			       strerror(loop < 0 ? -loop : errno));
	snprintf(physical, sizeof(physical), "%x:%x", major(st.st_rdev), minor(st.st_rdev));
	snprintf(id, sizeof(id), "%" PRIu32, d.id);
	snprintf(target, sizeof(target), "xvd%c", (char)('a' + disk->slot));
	rc = device_add(ts, &d, back, front, err);
	if (rc)
		return rc;
	rc = wait_opened(&d, err);
	if (rc)
		(void)!device_remove(ts, &d, 0, true, NULL);
	return rc;
}

int ts_disk_detach(struct toolstack *ts, uint32_t domid, uint32_t slot, bool force,
		   struct ts_error *err)
{
	const struct device d = device_of(domid, slot);

	return device_remove(ts, &d, DETACH_MS, force, err);
}

int ts_disk_resize(struct toolstack *ts, uint32_t domid, uint32_t slot, struct ts_error *err)
{
	const struct device d = device_of(domid, slot);
	TS_CLEANUP(ts_free) char *physical = device_get(ts, &d, "physical-device");
	TS_CLEANUP(ts_close_fd) int loop = -1;
	unsigned int high, low;
	char path[32];

	if (!physical)
		return 0;
	if (sscanf(physical, "%x:%x", &high, &low) != 2 || high != LOOP_MAJOR)
		return ts_fail(err, TS_EIO, -EIO, "the disk is no loop device");
	snprintf(path, sizeof(path), "/dev/loop%u", low);
	loop = open(path, O_RDONLY | O_CLOEXEC);
	if (loop < 0 || ioctl(loop, LOOP_SET_CAPACITY, 0))
		return ts_fail(err, TS_EIO, -errno, "the disk's new size can't be set: %s",
			       strerror(errno));
	return 0;
}
