/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats that the files of volumes have, and all that differs between them: how such a file is
 * made, enlarged, and opened as a block device. Whoever needs to know asks the table.
 */
#ifndef MGMTD_DISK_FORMAT_H
#define MGMTD_DISK_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "../util/cleanup.h"

#define DISK_NOBODY UINT32_MAX

/** What is to be opened, and for whom. */
struct disk_opening {
	const char *path;
	bool read_only;
	const char *server;   /* the program disk-server */
	uint32_t domid, slot; /* whose disk it becomes; DISK_NOBODY: no guest's */
	char why[128];        /* what went wrong, a clause; set when it could not be opened */
};

struct disk_format {
	const char *name;   /* as the API has it */
	const char *suffix; /* of a downloaded file's name */
	bool reserves;      /* takes all its room at once; else as it is written to */
	bool grows_live;    /* also while a guest has it */
	/** Make @fd, an empty file or one that was given up half-way, a disk of @size zeros. */
	int (*create)(int fd, uint64_t size);
	/**
	 * Enlarge the disk in @fd to @size bytes, or make it as small again as it was before that.
	 * -EBUSY: it is in use, and !grows_live.
	 */
	int (*resize)(int fd, uint64_t size);
	/**
	 * Open it as a block device that goes away by itself with its last user.
	 * Return: its descriptor, or -errno. Slow.
	 */
	int (*open)(struct disk_opening *o);
	/** Open it for its bytes to be written as the guest would see them. Return: as open. Slow. */
	int (*fill)(struct disk_opening *o);
};

/** The format of this name; NULL: the usual one. Return: NULL when there is none. */
const struct disk_format *disk_format(const char *name);

/** Open the file itself, for its bytes as they are. Return: its descriptor, or -errno with @o->why set. */
int disk_file_open(struct disk_opening *o);
/**
 * Wait, at most @ms, until no program that serves the file @fd (or, with @shared, none that may
 * write to it) is left, and keep others away until @fd is closed. Return: 0, -EBUSY, -errno.
 */
must_check int disk_file_lock(int fd, bool shared, unsigned int ms);

extern const struct disk_format disk_format_raw, disk_format_qcow2;

#endif
