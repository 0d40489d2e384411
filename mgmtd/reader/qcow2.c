/* SPDX-License-Identifier: Apache-2.0 */
#include "qcow2.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define CLUSTER_BITS_MIN 9u
#define CLUSTER_BITS_MAX 21u
#define L1_ENTRIES_MAX   (1u << 20) /* with the usual clusters that is 512 TiB */
#define SECTOR           512u
#define WINDOW_BITS      12 /* of deflated clusters */
#define SYNC_EVERY       (32ull << 20)

#define INCOMPATIBLE_CORRUPT     (1ull << 1)
#define INCOMPATIBLE_DATA_FILE   (1ull << 2)
#define INCOMPATIBLE_COMPRESSION (1ull << 3)
#define INCOMPATIBLE_KNOWN       (1ull | INCOMPATIBLE_COMPRESSION) /* bit 0: reference counts are stale */

#define ENTRY_OFFSET     0x00fffffffffffe00ull
#define ENTRY_COMPRESSED (1ull << 62)
#define ENTRY_ZERO       1ull /* version 3 */

struct unpacking {
	const struct qcow2 *q;
	int out;            /* or -1 */
	uint64_t cluster;   /* bytes */
	uint64_t l2_offset; /* of the table that is loaded; 0: none */
	uint64_t *l2;       /* [owned] a cluster each */
	uint8_t *data;      /* [owned] */
	uint8_t *packed;    /* [owned] two clusters: the most that one can be in */
	const char **why;
};

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

int read_all_at(int fd, void *to, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)to + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	memset((char *)to + done, 0, len - done);
	return 0;
}

int write_all_at(int fd, const uint8_t *from, size_t len, uint64_t offset)
{
	static uint64_t unsynced;

	unsynced += len;
	while (len) {
		ssize_t n = pwrite(fd, from, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	if (unsynced < SYNC_EVERY)
		return 0;
	unsynced = 0;
	return fdatasync(fd) ? -errno : 0;
}

bool qcow2_is(int fd)
{
	char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       !memcmp(magic, QCOW2_MAGIC, sizeof(magic));
}

static int check_features(const struct qcow2_header *h, struct qcow2 *q, const char **why)
{
	uint64_t features = be64toh(h->incompatible_features);
	uint32_t length = be32toh(h->header_length);

	if (length < QCOW2_HEADER_V3)
		return refuse(why, "Its header is too short.");
	if (features & INCOMPATIBLE_DATA_FILE)
		return refuse(why, "Its data is in another file.");
	if (features & INCOMPATIBLE_CORRUPT)
		return refuse(why, "It is marked as corrupt.");
	if (features & ~INCOMPATIBLE_KNOWN)
		return refuse(why, "It uses features that are not supported.");
	if (features & INCOMPATIBLE_COMPRESSION && length > QCOW2_HEADER_V3) {
		if (h->compression_type > 1)
			return refuse(why, "Its kind of compression is not supported.");
		q->zstd = h->compression_type == 1;
	}
	return 0;
}

int qcow2_open(int fd, struct qcow2 *q, const char **why)
{
	struct qcow2_header h;
	off_t end = lseek(fd, 0, SEEK_END);
	uint64_t reach, entries;
	uint32_t version;
	int rc = end < 0 ? -errno : read_all_at(fd, &h, sizeof(h), 0);

	if (rc)
		return rc;
	version = be32toh(h.version);
	*q = (struct qcow2){
		.fd = fd,
		.file_size = (uint64_t)end,
		.size = be64toh(h.size),
		.l1_offset = be64toh(h.l1_table_offset),
		.cluster_bits = be32toh(h.cluster_bits),
	};
	if (q->file_size < QCOW2_HEADER_V2 || memcmp(h.magic, QCOW2_MAGIC, sizeof(h.magic)))
		return refuse(why, "It is no qcow2 image.");
	if (version != 2 && version != 3)
		return refuse(why, "Its version is not supported.");
	if (h.backing_file_offset)
		return refuse(why, "It is only the changes to a backing file.");
	if (h.crypt_method)
		return refuse(why, "It is encrypted.");
	if (q->cluster_bits < CLUSTER_BITS_MIN || q->cluster_bits > CLUSTER_BITS_MAX)
		return refuse(why, "Its cluster size is not allowed.");
	rc = version == 3 ? check_features(&h, q, why) : 0;
	if (rc)
		return rc;
	if (!q->size || q->size > INT64_MAX || q->size % SECTOR)
		return refuse(why, "The size of its disk is not allowed.");
	reach = 1ull << (2 * q->cluster_bits -
			 3); /* of a first-level entry: a cluster of entries */
	entries = (q->size - 1) / reach + 1;
	if (entries > L1_ENTRIES_MAX)
		return refuse(why, "Its clusters are too small for the size of its disk.");
	if (be32toh(h.l1_size) < entries || q->l1_offset % (1u << q->cluster_bits) ||
	    q->l1_offset > q->file_size || entries * 8 > q->file_size - q->l1_offset)
		return refuse(why, "Its first-level table is corrupt.");
	return 0;
}

static int inflate_cluster(struct unpacking *u, size_t len)
{
	z_stream z = {.next_in = u->packed, .avail_in = (uInt)len};
	int rc;

	if (inflateInit2(&z, -WINDOW_BITS) != Z_OK)
		return -ENOMEM;
	z.next_out = u->data;
	z.avail_out = (uInt)u->cluster;
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* The end of the last sector is not part of it. */
	if ((rc != Z_STREAM_END && rc != Z_BUF_ERROR) || z.avail_out)
		return refuse(u->why, "A compressed block of it is corrupt.");
	return 0;
}

static int unzstd_cluster(struct unpacking *u, size_t len)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer in = {u->packed, len, 0};
	ZSTD_outBuffer out = {u->data, u->cluster, 0};
	size_t rc = 1;

	if (!z)
		return -ENOMEM;
	while (out.pos < out.size && in.pos < in.size) {
		rc = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(rc) || !rc)
			break;
	}
	ZSTD_freeDStream(z);
	if (ZSTD_isError(rc) || out.pos < out.size)
		return refuse(u->why, "A compressed block of it is corrupt.");
	return 0;
}

/* A compressed cluster: where it begins, to the byte, and in how many more sectors it goes on. */
static int load_compressed(struct unpacking *u, uint64_t entry)
{
	unsigned int shift = 62 - (u->q->cluster_bits - 8);
	uint64_t offset = entry & ((1ull << shift) - 1);
	uint64_t more = (entry & (ENTRY_COMPRESSED - 1)) >> shift;
	uint64_t len = (more + 1) * SECTOR - offset % SECTOR;
	int rc;

	if (offset >= u->q->file_size || len > 2 * u->cluster)
		return refuse(u->why, "A second-level table of it is corrupt.");
	if (u->out < 0)
		return 0;
	if (len > u->q->file_size - offset)
		len = u->q->file_size - offset;
	rc = read_all_at(u->q->fd, u->packed, len, offset);
	if (rc)
		return rc;
	return u->q->zstd ? unzstd_cluster(u, len) : inflate_cluster(u, len);
}

/* The content of a cluster into @u->data. Return: 1 when there is some, 0 for zeros, or <0. */
static int load_cluster(struct unpacking *u, uint64_t entry)
{
	uint64_t offset = entry & ENTRY_OFFSET;
	int rc;

	if (entry & ENTRY_COMPRESSED) {
		rc = load_compressed(u, entry);
		return rc ? rc : 1;
	}
	if (entry & ENTRY_ZERO || !offset)
		return 0;
	if (offset % u->cluster || offset >= u->q->file_size)
		return refuse(u->why, "A second-level table of it is corrupt.");
	rc = u->out < 0 ? 0 : read_all_at(u->q->fd, u->data, u->cluster, offset);
	return rc ? rc : 1;
}

/* All that one first-level entry stands for, from @at of the disk on. */
static int unpack_table(struct unpacking *u, uint64_t entry, uint64_t at)
{
	uint64_t offset = entry & ENTRY_OFFSET, len;
	int rc;

	if (!offset)
		return 0;
	if (offset % u->cluster || offset > u->q->file_size ||
	    u->cluster > u->q->file_size - offset)
		return refuse(u->why, "Its first-level table is corrupt.");
	if (offset != u->l2_offset) {
		rc = read_all_at(u->q->fd, u->l2, u->cluster, offset);
		if (rc)
			return rc;
		u->l2_offset = offset;
	}
	for (uint64_t i = 0; i < u->cluster / 8 && at < u->q->size; i++, at += u->cluster) {
		rc = load_cluster(u, be64toh(u->l2[i]));
		if (rc < 0)
			return rc;
		len = u->q->size - at < u->cluster ? u->q->size - at : u->cluster;
		rc = rc && u->out >= 0 ? write_all_at(u->out, u->data, len, at) : 0;
		if (rc)
			return rc;
		if (u->q->done)
			u->q->done(at);
	}
	return 0;
}

int qcow2_unpack(const struct qcow2 *q, int out, const char **why)
{
	uint64_t cluster = 1ull << q->cluster_bits, reach = cluster * (cluster / 8), at = 0, entry;
	auto_free uint64_t *l2 = malloc(cluster);
	auto_free uint8_t *data = malloc(cluster);
	auto_free uint8_t *packed = malloc(2 * cluster);
	struct unpacking u = {
		.q = q,
		.out = out,
		.cluster = cluster,
		.l2 = l2,
		.data = data,
		.packed = packed,
		.why = why,
	};
	int rc = l2 && data && packed ? 0 : -ENOMEM;

	for (uint64_t i = 0; !rc && at < q->size; i++, at += reach) {
		rc = read_all_at(q->fd, &entry, sizeof(entry), q->l1_offset + i * sizeof(entry));
		if (!rc)
			rc = unpack_table(&u, be64toh(entry), at);
	}
	return rc;
}
