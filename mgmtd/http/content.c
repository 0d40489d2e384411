/* SPDX-License-Identifier: Apache-2.0 */
/* Files for download: whole, or the one range that a client asks for to go on where it was. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

struct range {
	uint64_t from, len;
};

enum wanted { WANT_ALL, WANT_RANGE, WANT_NOTHING };

/* A run of digits. Return: what comes after, or NULL. */
static const char *take_number(const char *text, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 18)
		return NULL;
	*out = strtoull(text, NULL, 10);
	return text + digits;
}

/* "-N": the last N bytes. */
static enum wanted take_suffix(const char *text, uint64_t size, struct range *out)
{
	uint64_t count;
	const char *rest = take_number(text, &count);

	if (!rest || *rest)
		return WANT_ALL;
	if (!count || !size)
		return WANT_NOTHING;
	out->len = count < size ? count : size;
	out->from = size - out->len;
	return WANT_RANGE;
}

/* RFC 9110, 14.2: what is no single range of bytes is as if it were not there. */
static enum wanted parse(const char *text, uint64_t size, struct range *out)
{
	uint64_t last = UINT64_MAX;

	if (strncasecmp(text, "bytes=", 6))
		return WANT_ALL;
	text += 6;
	if (*text == '-')
		return take_suffix(text + 1, size, out);
	text = take_number(text, &out->from);
	if (!text || *text++ != '-')
		return WANT_ALL;
	if (*text && (!(text = take_number(text, &last)) || *text || last < out->from))
		return WANT_ALL;
	if (out->from >= size)
		return WANT_NOTHING;
	out->len = (last < size ? last + 1 : size) - out->from;
	return WANT_RANGE;
}

static enum wanted find_range(const struct http_request *req, uint64_t size, struct range *out)
{
	const char *text = http_header(req, "Range"), *only_if = http_header(req, "If-Range");
	const char *etag = http_get_set_header(req, "ETag");

	if (!text || strcmp(req->method, "GET") || (only_if && (!etag || strcmp(only_if, etag))))
		return WANT_ALL;
	return parse(text, size, out);
}

void http_reply_content(struct http_request *req, const char *type, int fd, uint64_t size,
			bool (*intact)(struct http_request *req))
{
	struct range range = {0};
	enum wanted wanted = find_range(req, size, &range);

	if (wanted == WANT_ALL)
		range = (struct range){0, size};
	req->reply.fd = fd;
	if (wanted == WANT_NOTHING) {
		http_fail(req, 416, "range", "It has %" PRIu64 " bytes.", size);
		http_set_header(req, "Content-Range", "bytes */%" PRIu64, size);
		return;
	}
	http_reply_file(req, type, fd, range.len);
	req->reply.fd_from = range.from;
	req->reply.intact = intact;
	http_set_header(req, "Accept-Ranges", "bytes");
	if (wanted == WANT_ALL)
		return;
	req->reply.status = 206;
	http_set_header(req, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.from,
			range.from + range.len - 1, size);
}
