/* SPDX-License-Identifier: Apache-2.0 */
/* Disk images are hostile: a confined process of its own, disk-reader, reads them. */
#ifndef MGMTD_SVC_DISK_IMAGE_H
#define MGMTD_SVC_DISK_IMAGE_H

#include "svc.h"

#define DISK_IMAGE_WHY 120

enum disk_image_what {
	DISK_IMAGE_SIZE,   /* how large a disk it holds */
	DISK_IMAGE_CHECK,  /* that, and whether all its tables are sound */
	DISK_IMAGE_UNPACK, /* that, and all its content into @to */
};

struct disk_image_job {
	enum disk_image_what what;
	int from;
	int to; /* reads as zeros; -1 unless it is unpacked */
	/* Called several times a second with the bytes done; false ends the job. Or NULL. */
	bool (*go_on)(void *opaque, uint64_t done, uint64_t size);
	void *opaque;
};

struct disk_image {
	uint64_t size; /* bytes of the disk */
	char why[DISK_IMAGE_WHY];
};

/**
 * Read an image. Slow.
 * Return: 0; -EINVAL with @out->why a sentence on what is wrong with the image; -ECANCELED when
 * go_on said so; -EIO, which the log explains.
 */
must_check int disk_image_read(struct svc *svc, const struct disk_image_job *job,
			       struct disk_image *out);

#endif
