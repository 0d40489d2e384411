/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: routes by a table made from the API document, checks requests against it, and
 * answers problems as RFC 9457 has it.
 *
 * A handler runs on one of the server's few threads and must not block, or, when the table says that
 * it is slow, on one of its own; the client is told 503 when too many of these run. What waits for
 * something uses http_wait().
 */
#ifndef MGMTD_HTTP_H
#define MGMTD_HTTP_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../util/cleanup.h"
#include "../util/clock.h"
#include "../util/crypt.h"
#include "../util/problem.h"
#include "identity.h"
#include "schema.h"

#define HTTP_PATH_ARGS 2
#define HTTP_HEADERS   8

struct http_request;
struct http_server;
struct idempotency_key;

typedef void (*http_handler)(struct http_request *req);

enum http_where { HTTP_IN_PATH, HTTP_IN_QUERY, HTTP_IN_HEADER };

struct http_param {
	const char *name;
	enum http_where where;
	bool required;
	const struct schema *schema;
};

enum http_body {
	HTTP_BODY_NONE,     /* none taken */
	HTTP_BODY_OPTIONAL, /* JSON, may be left out */
	HTTP_BODY_JSON,     /* JSON */
	HTTP_BODY_STREAM, /* bytes, to the request's sink, which may block, as they arrive; slow */
};

/** One row of the route table. */
struct http_operation {
	const char *id;
	const char *method;
	const char *path;       /* template: "/api/v1/vms/{id}" */
	const char *permission; /* NULL: anybody, even without credentials */
	enum http_body body;
	bool merge_patch;                /* application/merge-patch+json is welcome too */
	bool idempotent;                 /* honours Idempotency-Key */
	bool audited;                    /* recorded though it changes nothing */
	bool slow;                       /* the handler may block; it runs on a thread of its own */
	const struct schema *schema;     /* of the body */
	const struct http_param *params; /* ends with a NULL name */
	http_handler handler;
	http_handler begin; /* HTTP_BODY_STREAM: before the first byte; sets the sink */
};

struct http_reply {
	int status; /* 0: none yet */
	char *body; /* [owned] */
	size_t len;
	int fd; /* a file to send instead, or -1 */
	uint64_t fd_from, fd_size;
	bool (*intact)(struct http_request *req); /* is what was read of it still good? Or NULL */
	ssize_t (*reader)(struct http_request *req, char *buf,
			  size_t max); /* or an endless stream */
	struct {
		const char *name; /* static */
		char *value;      /* [owned] */
	} headers[HTTP_HEADERS];
	size_t headers_count;
};

struct http_request {
	struct http_server *server;
	struct MHD_Connection *connection;
	char id[17];
	char method[8];
	char *url;        /* [owned] path, unescaped */
	char address[64]; /* of the client, as the front door tells it */
	int64_t started_ms;
	const struct http_operation *op;
	char args[HTTP_PATH_ARGS][64]; /* in the order of the template */
	struct identity who;

	char *body; /* [owned] raw JSON body, NUL at its end; or what the sink is to have next */
	size_t body_len;
	json_t *json; /* [owned] parsed body, NULL when there is none */
	int (*sink)(struct http_request *req, const char *data,
		    size_t len); /* for streams; <0: replied */

	void *state; /* the handler's own, freed by @state_free */
	void (*state_free)(void *state);
	bool close;     /* answer without reading the body to its end */
	bool resumed;   /* the handler is being called again after http_wait() */
	bool suspended; /* the reply comes later */
	bool begun;     /* passed the checks: the handler was, or might have been, called */
	bool finished;  /* the reply stands */
	struct idempotency_key *idempotency; /* the answer is to be kept for repetition */
	http_handler work;                   /* for the thread of its own */
	unsigned int *admitted;              /* [w] the counter it is one of, or NULL */
	int64_t wait_until; /* monotonic ms; the reply of a slow handler is not sent before */
	bool held;          /* [w] the reply stands, but waits for @wait_until */
	struct http_request *wait_next; /* [w] list of those waiting */
	bool waiting;                   /* [w] */
	struct http_reply reply;
};

struct http_config {
	const struct http_operation *operations; /* ends with a NULL id */
	const char *webui;                       /* directory of the static UI, or NULL */
	int listen_fd;                           /* [owned from the start on] */
	unsigned int threads;
	void *opaque; /* the application's */
	/** Who is it? Fills in req->who or replies with a problem. */
	void (*authenticate)(struct http_request *req);
	/** After all checks, before the handler; may reply (and so skip the handler). */
	void (*begin)(struct http_request *req);
	/** When the reply stands, before it is sent; or with status 0 when the client has gone away. */
	void (*end)(struct http_request *req);
};

must_check int http_start(const struct http_config *config, struct http_server **out);
/** Let everybody go and stop. NULL is fine. */
void http_stop(struct http_server *server);
void *http_opaque(const struct http_request *req);

/* Reading a request. */
const char *http_header(const struct http_request *req, const char *name);
const char *http_query(const struct http_request *req, const char *name);
/** Value of the cookie @name, or NULL. */
const char *http_cookie(const struct http_request *req, const char *name);
/** An integer of the query that has been checked already. */
int64_t http_query_int(const struct http_request *req, const char *name, int64_t fallback);
/** Does If-Match allow a change of what has @etag? If not, a 412 has been replied. */
must_check bool http_if_match(struct http_request *req, const char *etag);
/** The same of what is at @revision and was answered with http_set_revision(). */
must_check bool http_if_revision(struct http_request *req, int64_t revision);
/** Is @etag one of those in the list @header? */
bool http_etag_listed(const char *header, const char *etag);
/** Is it a request that changes nothing? */
bool http_is_safe(const struct http_request *req);

/* Answering. A later answer replaces an earlier one. */
/** Takes over @body; NULL for none. */
void http_reply(struct http_request *req, int status, json_t *body);
void http_reply_problem(struct http_request *req, const struct problem *p);
__attribute__((format(printf, 4, 5))) void http_fail(struct http_request *req, int status,
						     const char *code, const char *fmt, ...);
/** Takes over @data. */
void http_reply_bytes(struct http_request *req, int status, const char *type, char *data,
		      size_t len);
/** Sends the file; takes over @fd. */
void http_reply_file(struct http_request *req, const char *type, int fd, uint64_t size);
/**
 * Sends the file of @size bytes, or the range of it that the client asks for; takes over @fd. An ETag
 * that is to be heeded is set before. @intact, or NULL, is asked when a piece has been read: if it
 * says no, the answer breaks off, which the client sees by its length.
 */
void http_reply_content(struct http_request *req, const char *type, int fd, uint64_t size,
			bool (*intact)(struct http_request *req));
/** Calls @reader until it returns -1; 0 means it has called http_wait(). */
void http_reply_stream(struct http_request *req, const char *type,
		       ssize_t (*reader)(struct http_request *req, char *buf, size_t max));
__attribute__((format(printf, 3, 4))) void http_set_header(struct http_request *req,
							   const char *name, const char *fmt, ...);
/** The ETag of what is answered, for If-Match later on. */
void http_set_revision(struct http_request *req, int64_t revision);
const char *http_get_set_header(const struct http_request *req, const char *name);

/* Waiting. */
/** A number that changes with every http_wake(); read it before looking for news. */
uint64_t http_generation(const struct http_server *server);
/**
 * Be called again after the next http_wake() past @generation, or at @until (monotonic ms).
 * Return: false if there has been one already or the server stops: look again, or answer.
 */
must_check bool http_wait(struct http_request *req, uint64_t generation, int64_t until);
/** Something changed: call again all who wait. Context: any thread. */
void http_wake(struct http_server *server);
bool http_stopping(const struct http_server *server);

#endif
