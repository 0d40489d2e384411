/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CONTENT_PIECE (128u << 10) /* bytes of a file that are read and checked at a time */

static const struct {
	int status;
	const char *title;
} titles[] = {
	{400, "Bad request"},
	{401, "Not logged in"},
	{403, "Not allowed"},
	{404, "Not found"},
	{405, "Method not allowed"},
	{409, "Conflict"},
	{412, "Precondition failed"},
	{413, "Too large"},
	{415, "Unsupported media type"},
	{416, "Range not satisfiable"},
	{422, "Invalid"},
	{429, "Too many requests"},
	{431, "Headers too large"},
	{500, "Internal error"},
	{503, "Not available"},
	{507, "Not enough room"},
};

static const char *title_of(int status)
{
	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "Error";
}

void reply_fini(struct http_reply *reply)
{
	free(reply->body);
	if (reply->fd >= 0)
		close(reply->fd);
	for (size_t i = 0; i < reply->headers_count; i++)
		free(reply->headers[i].value);
	memset(reply, 0, sizeof(*reply));
	reply->fd = -1;
}

void http_set_header(struct http_request *req, const char *name, const char *fmt, ...)
{
	struct http_reply *r = &req->reply;
	char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0)
		value = NULL;
	va_end(ap);
	if (!value)
		return;
	for (size_t i = 0; i < r->headers_count; i++) {
		if (!strcmp(r->headers[i].name, name)) {
			free(r->headers[i].value);
			r->headers[i].value = value;
			return;
		}
	}
	if (r->headers_count == HTTP_HEADERS) {
		free(value);
		return;
	}
	r->headers[r->headers_count].name = name;
	r->headers[r->headers_count++].value = value;
}

const char *http_get_set_header(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->reply.headers_count; i++)
		if (!strcmp(req->reply.headers[i].name, name))
			return req->reply.headers[i].value;
	return NULL;
}

void http_reply_bytes(struct http_request *req, int status, const char *type, char *data,
		      size_t len)
{
	free(req->reply.body);
	req->reply.body = data;
	req->reply.len = len;
	req->reply.status = status;
	if (type)
		http_set_header(req, "Content-Type", "%s", type);
}

struct text {
	char *data;
	size_t len, room;
};

static int text_add(const char *part, size_t len, void *opaque)
{
	struct text *t = opaque;

	if (t->len + len >= t->room) {
		size_t room = 2 * (t->len + len) + 512;
		char *grown = realloc(t->data, room);

		if (!grown)
			return -1;
		t->data = grown;
		t->room = room;
	}
	memcpy(t->data + t->len, part, len);
	t->len += len;
	t->data[t->len] = '\0';
	return 0;
}

/* Takes @body. Grows in place, where json_dumps() would copy a long list time and again. */
static void reply_json(struct http_request *req, int status, const char *type, json_t *body)
{
	struct text t = {0};

	if (body && json_dump_callback(body, text_add, &t, JSON_COMPACT)) {
		free(t.data);
		t = (struct text){0};
	}
	json_decref(body);
	http_reply_bytes(req, status, t.data ? type : NULL, t.data, t.len);
}

void http_reply(struct http_request *req, int status, json_t *body)
{
	reply_json(req, status, "application/json", body);
}

void http_reply_problem(struct http_request *req, const struct problem *p)
{
	json_t *body = json_pack("{so ss si ss ss ss}", "type",
				 json_sprintf("urn:domus:problem:%s", p->code), "title",
				 title_of(p->status), "status", p->status, "detail", p->detail,
				 "code", p->code, "request_id", req->id);

	/* What the handler had set belongs to the answer that is not given. */
	reply_fini(&req->reply);
	if (p->extra)
		json_object_update(body, p->extra);
	reply_json(req, p->status, "application/problem+json", body);
}

void http_fail(struct http_request *req, int status, const char *code, const char *fmt, ...)
{
	struct problem p = {.status = status, .code = code};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p.detail, sizeof(p.detail), fmt, ap);
	va_end(ap);
	http_reply_problem(req, &p);
}

void http_reply_file(struct http_request *req, const char *type, int fd, uint64_t size)
{
	req->reply.fd = fd;
	req->reply.fd_size = size;
	req->reply.status = 200;
	http_set_header(req, "Content-Type", "%s", type);
}

void http_reply_stream(struct http_request *req, const char *type,
		       ssize_t (*reader)(struct http_request *req, char *buf, size_t max))
{
	req->reply.reader = reader;
	req->reply.status = 200;
	http_set_header(req, "Content-Type", "%s", type);
}

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct http_request *req = cls;
	ssize_t n = req->reply.reader(req, buf, max);

	(void)pos;
	return n < 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static ssize_t read_content(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct http_request *req = cls;
	ssize_t n = pread(req->reply.fd, buf, max, (off_t)(req->reply.fd_from + pos));

	if (n <= 0 || !req->reply.intact(req))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return n;
}

/* A GET without a tag of its own gets one from its bytes, and 304 when the client has them. */
static void tag(struct http_request *req)
{
	const char *known = http_header(req, "If-None-Match");
	char hash[SHA256_HEX_LEN];
	const char *etag;

	if (req->reply.status != 200 || !http_is_safe(req) || req->reply.reader)
		return;
	if (!http_get_set_header(req, "ETag") && req->reply.body) {
		crypt_sha256(req->reply.body, req->reply.len, hash);
		http_set_header(req, "ETag", "\"%.32s\"", hash);
	}
	etag = http_get_set_header(req, "ETag");
	if (!known || !etag || !http_etag_listed(known, etag))
		return;
	free(req->reply.body);
	req->reply.body = NULL;
	req->reply.len = 0;
	if (req->reply.fd >= 0)
		close(req->reply.fd);
	req->reply.fd = -1;
	req->reply.status = 304;
}

static struct MHD_Response *make_response(struct http_request *req)
{
	struct http_reply *r = &req->reply;
	struct MHD_Response *response;

	if (r->reader)
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, req,
							 NULL);
	if (r->fd >= 0 && r->intact)
		return MHD_create_response_from_callback(r->fd_size, CONTENT_PIECE, read_content,
							 req, NULL);
	if (r->fd >= 0) {
		response = MHD_create_response_from_fd_at_offset64(r->fd_size, r->fd, r->fd_from);
		if (response)
			r->fd = -1;
		return response;
	}
	response = MHD_create_response_from_buffer(
		r->len, r->body, r->body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (response)
		r->body = NULL;
	return response;
}

enum MHD_Result reply_queue(struct http_request *req)
{
	struct http_reply *r = &req->reply;
	struct MHD_Response *response;
	enum MHD_Result rc;

	tag(req);
	response = make_response(req);
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < r->headers_count; i++)
		MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
	if (!http_get_set_header(req, "Cache-Control"))
		MHD_add_response_header(response, "Cache-Control",
					r->status == 200 || r->status == 304 ? "no-cache" :
									       "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "X-Request-Id", req->id);
	if (req->close)
		MHD_add_response_header(response, "Connection", "close");
	rc = MHD_queue_response(req->connection, (unsigned int)r->status, response);
	MHD_destroy_response(response);
	return rc;
}
