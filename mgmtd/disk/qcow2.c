/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2 files: they grow as they are written to. Here they are only made and enlarged, while nobody
 * has them open; whoever opens one has qemu-nbd serve it.
 *
 * The file begins with the header, the table of reference counts, the first block of these, and a
 * first-level table for as large a disk as there may be. That is a hole as long as it is empty, and
 * to enlarge the disk is to write one number.
 */
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "nbd.h"
#include "qcow2_header.h"

#define CLUSTER_BITS   16u
#define CLUSTER        (1u << CLUSTER_BITS)
#define REFCOUNT_ORDER 4u /* 16 bits each */
#define L1_ENTRY_REACH ((uint64_t)CLUSTER * (CLUSTER / 8))
#define L1_ENTRIES     131072u
#define SIZE_MAX_BYTES (L1_ENTRIES * L1_ENTRY_REACH) /* 64 TiB */

/* In clusters. */
#define REFCOUNT_TABLE_AT 1u
#define REFCOUNT_BLOCK_AT 2u
#define L1_AT             3u
#define CLUSTERS_USED     (L1_AT + L1_ENTRIES * 8 / CLUSTER)

static int put(int fd, const void *data, size_t len, uint64_t at)
{
	ssize_t n = pwrite(fd, data, len, (off_t)at);

	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

static int create(int fd, uint64_t size)
{
	const struct qcow2_header header = {
		.magic = QCOW2_MAGIC,
		.version = htobe32(3),
		.cluster_bits = htobe32(CLUSTER_BITS),
		.size = htobe64(size),
		.l1_size = htobe32(L1_ENTRIES),
		.l1_table_offset = htobe64(L1_AT * CLUSTER),
		.refcount_table_offset = htobe64(REFCOUNT_TABLE_AT * CLUSTER),
		.refcount_table_clusters = htobe32(1),
		.refcount_order = htobe32(REFCOUNT_ORDER),
		.header_length = htobe32(QCOW2_HEADER_V3),
	};
	const uint64_t block = htobe64(REFCOUNT_BLOCK_AT * CLUSTER);
	uint16_t counts[CLUSTERS_USED];
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		counts[i] = htobe16(1);
	if (size > SIZE_MAX_BYTES)
		return -EFBIG;
	if (ftruncate(fd, 0) || ftruncate(fd, CLUSTERS_USED * CLUSTER))
		return -errno;
	rc = put(fd, counts, sizeof(counts), REFCOUNT_BLOCK_AT * CLUSTER);
	if (!rc)
		rc = put(fd, &block, sizeof(block), REFCOUNT_TABLE_AT * CLUSTER);
	return rc ? rc : put(fd, &header, sizeof(header), 0);
}

static int resize(int fd, uint64_t size)
{
	const uint64_t now = htobe64(size);
	struct qcow2_header h;
	int rc = disk_file_lock(fd, false, 0);

	if (rc)
		return rc;
	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.magic, QCOW2_MAGIC, 4) ||
	    be32toh(h.cluster_bits) != CLUSTER_BITS)
		return -EINVAL;
	if ((size - 1) / L1_ENTRY_REACH >= be32toh(h.l1_size))
		return -EFBIG;
	return put(fd, &now, sizeof(now), offsetof(struct qcow2_header, size));
}

const struct disk_format disk_format_qcow2 = {
	.name = "qcow2",
	.suffix = "qcow2",
	.create = create,
	.resize = resize,
	.open = nbd_open,
	.fill = nbd_open,
};
