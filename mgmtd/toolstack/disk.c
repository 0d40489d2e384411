/* SPDX-License-Identifier: Apache-2.0 */
/* Disks: a block device, which its format makes of a file, becomes a disk of Linux' blkback. */
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

#include "../disk/nbd.h"
#include "device.h"

#define XVD_MAJOR  202u
#define OPEN_POLLS 1000 /* of 10 ms: a host that has just started loads blkback meanwhile */
#define POLL_NS    10000000L
#define DETACH_MS  10000

static struct device device_of(uint32_t domid, uint32_t slot)
{
	return (struct device){.type = "vbd", .domid = domid, .id = XVD_MAJOR << 8 | slot << 4};
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
	char physical[16], id[16], target[8];
	struct disk_opening opening = {
		.path = disk->path,
		.read_only = disk->read_only,
		.server = disk->server,
		.domid = domid,
		.slot = disk->slot,
	};
	const struct device_node back[] = {
		{"params", disk->path},
		{"type", "phy"},
		{"dev", target},
		{"mode", disk->read_only ? "r" : "w"},
		{"device-type", disk->cdrom ? "cdrom" : "disk"},
		{"physical-device", physical},
		{"bootable", disk->slot ? "0" : "1"},
		{"hotplug-status", "connected"},
		{NULL, NULL},
	};
	/* Linux leaves CDs to an emulated drive where it is no PV guest, and PVH has none. */
	const struct device_node front[] = {
		{"virtual-device", id}, {"device-type", "disk"}, {NULL, NULL}};
	const struct disk_format *format = disk_format(disk->format);
	TS_CLEANUP(ts_close_fd) int fd = -1;
	struct stat st;
	int rc;

	if (!format || disk->slot >= TS_DISKS_MAX || (disk->cdrom && !disk->read_only))
		return ts_fail(err, TS_EINVAL, -EINVAL, "there is no such disk");
	snprintf(target, sizeof(target), "xvd%c", (char)('a' + disk->slot));
	fd = format->open(&opening);
	if (fd < 0 || fstat(fd, &st))
		return ts_fail(err, TS_EIO, fd, "%s can't be opened: %s", target, opening.why);
	snprintf(physical, sizeof(physical), "%x:%x", major(st.st_rdev), minor(st.st_rdev));
	snprintf(id, sizeof(id), "%" PRIu32, d.id);
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

/* A device counts while the backend that it was made for has it. */
static bool is_disk(struct toolstack *ts, const struct nbd_device *nbd)
{
	const struct device d = device_of(nbd->domid, nbd->slot);
	TS_CLEANUP(ts_free) char *physical = device_get(ts, &d, "physical-device");
	unsigned int high, low;

	return physical && sscanf(physical, "%x:%x", &high, &low) == 2 && high == NBD_MAJOR &&
	       low == nbd->number;
}

int ts_disk_servers(struct toolstack *ts, struct ts_disk_server **list, size_t *count)
{
	struct nbd_device *devices;
	size_t n, found = 0;
	int rc = nbd_devices(&devices, &n);
	struct ts_disk_server *out = rc ? NULL : calloc(n + 1, sizeof(*out));

	for (size_t i = 0; out && i < n; i++) {
		if (devices[i].domid == DISK_NOBODY || !is_disk(ts, &devices[i]))
			continue;
		out[found++] = (struct ts_disk_server){
			.domid = devices[i].domid,
			.slot = devices[i].slot,
			.pidfd = devices[i].pidfd,
			.stuck = devices[i].stuck,
		};
		devices[i].pidfd = -1;
	}
	if (!rc)
		nbd_devices_free(devices, n);
	if (!out)
		return rc ? rc : -ENOMEM;
	*list = out;
	*count = found;
	return 0;
}

void ts_disk_fail(struct toolstack *ts, uint32_t domid, uint32_t slot)
{
	struct nbd_device *devices;
	size_t n;

	if (nbd_devices(&devices, &n))
		return;
	/* One whose server lives has taken its place meanwhile. */
	for (size_t i = 0; i < n; i++)
		if (devices[i].pidfd < 0 && devices[i].domid == domid && devices[i].slot == slot &&
		    is_disk(ts, &devices[i]))
			(void)!nbd_disconnect(devices[i].number);
	nbd_devices_free(devices, n);
}

void ts_disks_sweep(void)
{
	nbd_sweep();
}
