/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"

#define CONNECTION_MEMORY (48u << 10)
#define CONNECTIONS_MAX   512u
#define IDLE_SECONDS      120u

static void request_free(struct http_request *req)
{
	if (req->state_free)
		req->state_free(req->state);
	wait_leave(req);
	reply_fini(&req->reply);
	json_decref(req->json);
	free(req->body);
	free(req->url);
	free(req);
}

static struct http_request *request_new(struct http_server *server, struct MHD_Connection *conn,
					const char *method, const char *url)
{
	struct http_request *req = calloc(1, sizeof(*req));
	uint8_t id[8];

	if (!req)
		return NULL;
	req->server = server;
	req->connection = conn;
	req->reply.fd = -1;
	req->started_ms = clock_mono_ms();
	crypt_random(id, sizeof(id));
	crypt_hex(id, sizeof(id), req->id);
	snprintf(req->method, sizeof(req->method), "%s", method);
	req->url = strdup(url);
	if (!req->url) {
		request_free(req);
		return NULL;
	}
	return req;
}

/* The front door overwrites X-Forwarded-For, and nobody else can reach the socket. */
static void find_address(struct http_request *req)
{
	const char *forwarded = http_header(req, "X-Forwarded-For");

	snprintf(req->address, sizeof(req->address), "%s", forwarded ? forwarded : "local");
}

static bool is_type(const char *header, const char *type)
{
	size_t len = strlen(type);

	return !strncasecmp(header, type, len) && (!header[len] || strchr("; \t", header[len]));
}

static bool has_body(const struct http_request *req, uint64_t *length)
{
	const char *text = http_header(req, "Content-Length");

	*length = text ? strtoull(text, NULL, 10) : 0;
	return *length || http_header(req, "Transfer-Encoding");
}

static void check_content_type(struct http_request *req)
{
	const char *type = http_header(req, "Content-Type");

	if (req->op->body == HTTP_BODY_NONE)
		return;
	if (req->op->body == HTTP_BODY_STREAM) {
		if (type && !is_type(type, "application/octet-stream"))
			http_fail(req, 415, "media_type",
				  "The body must be sent as application/octet-stream.");
		return;
	}
	if (type && (is_type(type, "application/json") ||
		     (req->op->merge_patch && is_type(type, "application/merge-patch+json"))))
		return;
	http_fail(req, 415, "media_type", "The body must be sent as %sapplication/json.",
		  req->op->merge_patch ? "application/merge-patch+json or " : "");
}

static void check_body(struct http_request *req)
{
	uint64_t length;

	if (!has_body(req, &length))
		return;
	check_content_type(req);
	if (!req->reply.status && req->op->body != HTTP_BODY_STREAM && length > HTTP_BODY_MAX)
		http_fail(req, 413, "too_large", "The body may have at most %u bytes.",
			  HTTP_BODY_MAX);
}

/* Everything that can be said before the body is there. */
static void request_open(struct http_request *req)
{
	const union MHD_ConnectionInfo *info;
	const struct http_config *config = &req->server->config;

	info = MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	find_address(req);
	if (info && info->header_size > HTTP_HEADER_MAX) {
		http_fail(req, 431, "headers_too_large", "All headers together may have %u bytes.",
			  HTTP_HEADER_MAX);
		req->close = true;
		return;
	}
	if (strcmp(req->url, "/api") && strncmp(req->url, "/api/", 5)) {
		static_serve(req);
		return;
	}
	route_request(req);
	if (!req->reply.status)
		config->authenticate(req);
	if (!req->reply.status)
		route_check_params(req);
	if (!req->reply.status)
		check_body(req);
	if (!req->reply.status && req->op->body == HTTP_BODY_STREAM && wait_admit_stream(req)) {
		req->begun = true;
		config->begin(req);
		if (!req->reply.status)
			req->op->begin(req);
	}
}

static void body_append(struct http_request *req, const char *data, size_t len)
{
	char *grown;

	if (req->reply.status)
		return;
	if (req->body_len + len > HTTP_BODY_MAX) {
		http_fail(req, 413, "too_large", "The body may have at most %u bytes.",
			  HTTP_BODY_MAX);
		return;
	}
	grown = realloc(req->body, req->body_len + len + 1);
	if (!grown) {
		http_fail(req, 503, "busy", "There is too little memory just now.");
		return;
	}
	memcpy(grown + req->body_len, data, len);
	req->body = grown;
	req->body_len += len;
	grown[req->body_len] = '\0';
}

/* Context: a thread of the request's own. */
static void stream_pass(struct http_request *req)
{
	if (req->sink(req, req->body, req->body_len) < 0 && !req->reply.status)
		http_fail(req, 500, "internal", "The body could not be taken.");
	req->body_len = 0;
}

/*
 * Collect what comes, and pass it on in large parts. MHD calls again at once for a chunk that was taken
 * whole, even after MHD_suspend_connection(): so that is done only when something is left.
 * Return: how much was taken.
 */
static size_t stream_data(struct http_request *req, const char *data, size_t len)
{
	size_t room = HTTP_STREAM_PART - req->body_len;
	size_t n = len < room ? len : room;

	if (req->reply.status)
		return len;
	if (!req->body && !(req->body = malloc(HTTP_STREAM_PART))) {
		http_fail(req, 503, "busy", "There is too little memory just now.");
		return len;
	}
	memcpy(req->body + req->body_len, data, n);
	req->body_len += n;
	return n < len && !wait_defer(req, stream_pass) ? len : n;
}

static size_t request_data(struct http_request *req, const char *data, size_t len)
{
	if (req->op && req->op->body == HTTP_BODY_STREAM)
		return stream_data(req, data, len);
	if (req->op)
		body_append(req, data, len);
	return len;
}

static void parse_body(struct http_request *req)
{
	json_error_t error;

	if (!req->body_len) {
		if (req->op->body == HTTP_BODY_JSON)
			http_fail(req, 400, "malformed", "The body is missing; it must be JSON.");
		return;
	}
	if (req->op->body == HTTP_BODY_NONE) {
		http_fail(req, 400, "malformed", "This request takes no body.");
		return;
	}
	req->json = json_loadb(req->body, req->body_len, JSON_REJECT_DUPLICATES, &error);
	if (!req->json)
		http_fail(req, 400, "malformed", "The body is not JSON: line %d, column %d: %s.",
			  error.line, error.column, error.text);
}

static void validate_body(struct http_request *req)
{
	auto_problem struct problem p = {.status = 422, .code = "invalid"};
	const json_t *first;

	if (!req->json || !req->op->schema)
		return;
	schema_check(req->op->schema, req->json, "", &p);
	if (!p.extra)
		return;
	first = json_array_get(json_object_get(p.extra, "errors"), 0);
	snprintf(p.detail, sizeof(p.detail), "%s %s.",
		 json_string_length(json_object_get(first, "field")) ?
			 json_string_value(json_object_get(first, "field")) :
			 "The body",
		 json_string_value(json_object_get(first, "detail")));
	http_reply_problem(req, &p);
}

/* Context: a thread of the request's own. */
static void perform(struct http_request *req)
{
	if (req->sink && req->body_len)
		stream_pass(req);
	if (!req->reply.status)
		req->op->handler(req);
}

static void request_run(struct http_request *req)
{
	if (!req->resumed && req->op->body != HTTP_BODY_STREAM) {
		parse_body(req);
		if (!req->reply.status)
			validate_body(req);
		if (req->reply.status)
			return;
		req->begun = true;
		req->server->config.begin(req);
		if (req->reply.status)
			return;
	}
	if (req->op->slow)
		wait_defer(req, perform);
	else
		req->op->handler(req);
}

static enum MHD_Result request_finish(struct http_request *req)
{
	if (!req->reply.status)
		http_fail(req, 500, "internal", "This request was not answered.");
	req->finished = true;
	req->server->config.end(req);
	if (req->op && (req->reply.status >= 400 || !http_is_safe(req)))
		log_line("%s %s -> %d in %lld ms, request %s, user %s from %s", req->method,
			 req->url, req->reply.status,
			 (long long)(clock_mono_ms() - req->started_ms), req->id,
			 req->who.kind ? req->who.user : "-", req->address);
	return reply_queue(req);
}

static enum MHD_Result access_handler(void *cls, struct MHD_Connection *conn, const char *url,
				      const char *method, const char *version, const char *data,
				      size_t *size, void **state)
{
	struct http_request *req = *state;
	uint64_t length;

	(void)version;
	if (!req) {
		req = request_new(cls, conn, method, url);
		if (!req)
			return MHD_NO;
		*state = req;
		request_open(req);
		/*
		 * A reply on the first call closes the connection with the body unread, and the
		 * proxy may then lose the reply: only for a body that would be long in coming
		 * or whose length is not told. All others are read and dropped.
		 */
		if (req->reply.status && has_body(req, &length) &&
		    (length > HTTP_DRAIN_MAX || !length)) {
			req->close = true;
			return request_finish(req);
		}
		return MHD_YES;
	}
	if (*size) {
		*size -= request_data(req, data, *size);
		return MHD_YES;
	}
	/* Set again, on this thread alone, by http_wait() and wait_defer(). */
	req->suspended = false;
	if (!req->reply.status)
		request_run(req);
	return req->suspended ? MHD_YES : request_finish(req);
}

static void completed(void *cls, struct MHD_Connection *conn, void **state,
		      enum MHD_RequestTerminationCode why)
{
	struct http_request *req = *state;

	(void)cls;
	(void)conn;
	(void)why;
	if (!req)
		return;
	/* Broken off by the client: nothing is answered, but what was begun is to be ended. */
	if (req->begun && !req->finished) {
		reply_fini(&req->reply);
		req->server->config.end(req);
	}
	request_free(req);
	*state = NULL;
}

int http_start(const struct http_config *config, struct http_server **out)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int rc;

	if (!server)
		return -ENOMEM;
	server->config = *config;
	pthread_mutex_init(&server->files_lock, NULL);
	rc = wait_start(server);
	if (rc)
		goto out_stop;
	server->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		access_handler, server, MHD_OPTION_LISTEN_SOCKET, config->listen_fd,
		MHD_OPTION_THREAD_POOL_SIZE, config->threads, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_THREAD_STACK_SIZE,
		(size_t)(256u << 10), MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
	if (!server->daemon) {
		rc = -EIO;
		goto out_stop;
	}
	*out = server;
	return 0;
out_stop:
	http_stop(server);
	return rc;
}

void http_stop(struct http_server *server)
{
	if (!server)
		return;
	wait_stop(server);
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	static_fini(server);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
	pthread_mutex_destroy(&server->files_lock);
	free(server);
}
