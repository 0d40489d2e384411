/* SPDX-License-Identifier: Apache-2.0 */
#include "bzimage.h"

#include <errno.h>
#include <limits.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

/* Linux Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header". */
#define SETUP_SECTS          0x1f1
#define HEADER_MAGIC         0x202
#define PROTOCOL_VERSION     0x206
#define PAYLOAD_OFFSET       0x248
#define PAYLOAD_LENGTH       0x24c
#define HEADER_END           0x250
#define SECTOR               512
#define VERSION_WITH_PAYLOAD 0x0208
#define SIZE_TRAILER         4 /* the unpacked length, after the compressed data */

#define LZ4_LEGACY_MAGIC 0x184c2102u
#define XZ_MEMORY_LIMIT  (256ull << 20)

/*
 * An unpacker fills @out and says in @got how much that was. It never writes past @room.
 * Return: false when the data are damaged or longer than @room.
 */
struct payload_codec {
	const char *name;
	uint8_t magic[6];
	uint8_t magic_len;
	bool (*unpack)(const uint8_t *in, size_t len, uint8_t *out, size_t room, size_t *got);
};

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool unpack_gzip(const uint8_t *in, size_t len, uint8_t *out, size_t room, size_t *got)
{
	z_stream s = {0};
	int rc;

	if (len > UINT_MAX || room > UINT_MAX || inflateInit2(&s, MAX_WBITS + 16) != Z_OK)
		return false;
	s.next_in = (z_const Bytef *)in;
	s.avail_in = (uInt)len;
	s.next_out = out;
	s.avail_out = (uInt)room;
	rc = inflate(&s, Z_FINISH);
	*got = s.total_out;
	inflateEnd(&s);
	return rc == Z_STREAM_END;
}

static bool unpack_xz(const uint8_t *in, size_t len, uint8_t *out, size_t room, size_t *got)
{
	uint64_t limit = XZ_MEMORY_LIMIT;
	size_t in_pos = 0;

	*got = 0;
	return lzma_stream_buffer_decode(&limit, 0, NULL, in, &in_pos, len, out, got, room) ==
	       LZMA_OK;
}

/* The legacy frame: a magic number, then blocks, each with its packed length before it. */
static bool unpack_lz4(const uint8_t *in, size_t len, uint8_t *out, size_t room, size_t *got)
{
	size_t pos = 4;

	*got = 0;
	while (len - pos >= 4) {
		uint32_t packed = le32(in + pos);
		size_t left = room - *got;
		int n;

		pos += 4;
		if (packed == LZ4_LEGACY_MAGIC)
			continue;
		if (packed == 0)
			break;
		if (packed > len - pos || packed > INT_MAX)
			return false;
		n = LZ4_decompress_safe((const char *)in + pos, (char *)out + *got, (int)packed,
					left > INT_MAX ? INT_MAX : (int)left);
		if (n < 0)
			return false;
		*got += (size_t)n;
		pos += packed;
	}
	return true;
}

static bool unpack_zstd(const uint8_t *in, size_t len, uint8_t *out, size_t room, size_t *got)
{
	size_t frame = ZSTD_findFrameCompressedSize(in, len);

	if (ZSTD_isError(frame))
		return false;
	*got = ZSTD_decompress(out, room, in, frame);
	return !ZSTD_isError(*got);
}

static const struct payload_codec codecs[] = {
	{"gzip", {0x1f, 0x8b, 0x08}, 3, unpack_gzip},
	{"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, unpack_xz},
	{"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, unpack_lz4},
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, unpack_zstd},
};

static int bad(struct ts_error *err, const char *why)
{
	return ts_fail(err, TS_EKERNEL, -ENOEXEC, "the kernel is not usable: %s", why);
}

static const struct payload_codec *find_codec(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(*codecs); i++)
		if (size >= codecs[i].magic_len &&
		    memcmp(data, codecs[i].magic, codecs[i].magic_len) == 0)
			return &codecs[i];
	return NULL;
}

static int take_payload(const uint8_t *data, size_t size, bool keep_trailer,
			struct bzimage_payload *out, struct ts_error *err)
{
	struct bzimage_payload p = {.data = data};

	if (size <= SIZE_TRAILER)
		return bad(err, "its compressed part is empty");
	/* gzip's own last field is that length; the others have it appended. */
	p.size = keep_trailer ? size : size - SIZE_TRAILER;
	p.unpacked_size = le32(data + size - SIZE_TRAILER);
	p.codec = find_codec(data, p.size);
	if (!p.codec)
		return bad(err, "its compression is not gzip, xz, lz4 or zstd");
	if (p.codec->unpack == unpack_gzip)
		p.size = size;
	if (p.unpacked_size == 0 || p.unpacked_size > KERNEL_UNPACKED_MAX)
		return bad(err, "its unpacked size is out of range (is the file cut off?)");
	*out = p;
	return 0;
}

bool bzimage_probe(const uint8_t *data, size_t size)
{
	return size >= HEADER_MAGIC + 4 && memcmp(data + HEADER_MAGIC, "HdrS", 4) == 0;
}

int bzimage_find(const uint8_t *data, size_t size, struct bzimage_payload *out,
		 struct ts_error *err)
{
	uint64_t setup, start, len;
	unsigned int version;

	if (size < HEADER_END)
		return bad(err, "the boot image is cut off inside its header");
	version = (unsigned int)(data[PROTOCOL_VERSION] | data[PROTOCOL_VERSION + 1] << 8);
	if (version < VERSION_WITH_PAYLOAD)
		return bad(err, "the boot image is too old (protocol before 2.08)");
	setup = data[SETUP_SECTS] ? data[SETUP_SECTS] : 4;
	start = (setup + 1) * SECTOR + le32(data + PAYLOAD_OFFSET);
	len = le32(data + PAYLOAD_LENGTH);
	if (len > size || start > size - len)
		return bad(err, "the boot image is cut off");
	return take_payload(data + start, (size_t)len, false, out, err);
}

bool gzip_probe(const uint8_t *data, size_t size)
{
	return size >= codecs[0].magic_len &&
	       memcmp(data, codecs[0].magic, codecs[0].magic_len) == 0;
}

int gzip_find(const uint8_t *data, size_t size, struct bzimage_payload *out, struct ts_error *err)
{
	return take_payload(data, size, true, out, err);
}

int payload_unpack(const struct bzimage_payload *p, uint8_t *out, struct ts_error *err)
{
	size_t got = 0;

	if (!p->codec->unpack(p->data, p->size, out, p->unpacked_size, &got))
		return ts_fail(err, TS_EKERNEL, -ENOEXEC,
			       "the kernel is not usable: its %s data are damaged", p->codec->name);
	if (got != p->unpacked_size)
		return ts_fail(err, TS_EKERNEL, -ENOEXEC,
			       "the kernel is not usable: its %s data do not have the length "
			       "they claim",
			       p->codec->name);
	return 0;
}

const char *payload_codec_name(const struct bzimage_payload *p)
{
	return p->codec->name;
}
