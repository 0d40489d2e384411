/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading qcow2 images, versions 2 and 3 (QEMU's docs/interop/qcow2.txt), to unpack them into raw
 * volumes. Images are hostile: nothing outside the file itself is ever opened, so those with a
 * backing file or an external data file are refused, and every offset is checked.
 */
#ifndef MGMTD_READER_QCOW2_H
#define MGMTD_READER_QCOW2_H

#include <stdbool.h>
#include <stdint.h>

#include "../disk/qcow2_header.h"
#include "../util/cleanup.h"

struct qcow2 {
	int fd;             /* borrowed */
	uint64_t file_size; /* bytes */
	uint64_t size;      /* of the disk, bytes */
	uint64_t l1_offset; /* of the first-level table in the file */
	unsigned int cluster_bits;
	bool zstd;                    /* compressed clusters are, else deflate */
	void (*done)(uint64_t bytes); /* is told how far it is, or NULL */
};

/** Does the file begin as a qcow2 image does? */
bool qcow2_is(int fd);
/**
 * Read the header of @fd, which @q goes on to use.
 * Return: 0, or -EINVAL with @why a sentence on what is wrong or not supported, or another -errno.
 */
must_check int qcow2_open(int fd, struct qcow2 *q, const char **why);
/**
 * Check all tables, and with @out >= 0 also write each block that has content to its place in that
 * file, which must read as zeros. Never writes beyond @q->size. Return: as qcow2_open().
 */
must_check int qcow2_unpack(const struct qcow2 *q, int out, const char **why);

/** Read @len bytes at @offset; what is past the end of the file is zeros. Return: 0 or -errno. */
must_check int read_all_at(int fd, void *to, size_t len, uint64_t offset);
/**
 * Write @len bytes at @offset. Now and then it waits until all is on the disk: one that is full may say so
 * only then, and what comes after would be in vain. Return: 0 or -errno.
 */
must_check int write_all_at(int fd, const uint8_t *from, size_t len, uint64_t offset);

#endif
