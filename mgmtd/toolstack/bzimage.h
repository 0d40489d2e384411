/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and unpacks the compressed ELF inside a Linux bzImage. The file is not trusted. */
#ifndef DOMUS_TOOLSTACK_BZIMAGE_H
#define DOMUS_TOOLSTACK_BZIMAGE_H

#include "error.h"

/** More than any sane kernel unpacks to; keeps a decompression bomb small. */
#define KERNEL_UNPACKED_MAX (512ull << 20)

struct bzimage_payload {
	const uint8_t *data; /* compressed, without the length that follows it */
	size_t size;
	size_t unpacked_size; /* as the file says; 1..KERNEL_UNPACKED_MAX */
	const struct payload_codec *codec;
};

/** Is this a Linux boot image (its header is there)? */
bool bzimage_probe(const uint8_t *data, size_t size);
/** Find the payload of a boot image. Return: 0, or -ENOEXEC with TS_EKERNEL and the reason. */
TS_MUST_CHECK int bzimage_find(const uint8_t *data, size_t size, struct bzimage_payload *out,
			       struct ts_error *err);

/** Is this a gzip file? */
bool gzip_probe(const uint8_t *data, size_t size);
/** The whole of a gzip file as a payload. Errors as above. */
TS_MUST_CHECK int gzip_find(const uint8_t *data, size_t size, struct bzimage_payload *out,
			    struct ts_error *err);

/**
 * Unpack to @out, which has room for unpacked_size bytes.
 * Return: 0, or -ENOEXEC when the data are damaged or do not have the announced length.
 */
TS_MUST_CHECK int payload_unpack(const struct bzimage_payload *p, uint8_t *out,
				 struct ts_error *err);

/** "gzip", "xz", "lz4" or "zstd". */
const char *payload_codec_name(const struct bzimage_payload *p);

#endif
