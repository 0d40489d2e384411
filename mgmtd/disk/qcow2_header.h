/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a qcow2 file, version 3 (QEMU's docs/interop/qcow2.txt). */
#ifndef MGMTD_DISK_QCOW2_HEADER_H
#define MGMTD_DISK_QCOW2_HEADER_H

#include <assert.h>
#include <stdint.h>

#define QCOW2_MAGIC     "QFI\xfb"
#define QCOW2_HEADER_V2 72u
#define QCOW2_HEADER_V3 104u

/* On disk, big endian. */
struct qcow2_header {
	char magic[4];
	uint32_t version;
	uint64_t backing_file_offset;
	uint32_t backing_file_size;
	uint32_t cluster_bits;
	uint64_t size;
	uint32_t crypt_method;
	uint32_t l1_size;
	uint64_t l1_table_offset;
	uint64_t refcount_table_offset;
	uint32_t refcount_table_clusters;
	uint32_t nb_snapshots;
	uint64_t snapshots_offset;
	uint64_t incompatible_features;
	uint64_t compatible_features;
	uint64_t autoclear_features;
	uint32_t refcount_order;
	uint32_t header_length;
	uint8_t compression_type; /* this and what follows: only in longer headers */
	uint8_t padding[7];
};
static_assert(sizeof(struct qcow2_header) == QCOW2_HEADER_V3 + 8, "qcow2 header");

#endif
