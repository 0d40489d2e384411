/* SPDX-License-Identifier: Apache-2.0 */
/* Shared among the files of this room. */
#ifndef MGMTD_HTTP_INTERNAL_H
#define MGMTD_HTTP_INTERNAL_H

#include <pthread.h>

#include "http.h"

#define HTTP_HEADER_MAX   16384u     /* bytes of all request headers */
#define HTTP_BODY_MAX     65536u     /* bytes of a JSON body */
#define HTTP_DRAIN_MAX    (1u << 20) /* bytes of a refused body that are read and dropped */
#define HTTP_DEFERRED_MAX 8

struct static_file;

struct http_server {
	struct http_config config;
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;   /* [w] */
	pthread_cond_t changed; /* [w] monotonic clock */
	pthread_t waker;
	struct http_request *waiters; /* [w] */
	uint64_t generation;          /* [w] */
	unsigned int deferred;        /* [w] threads running */
	bool stopping;                /* [w] */
	bool waker_runs;
	pthread_mutex_t files_lock; /* [f] */
	struct static_file *files;  /* [f] what is known of static files */
};

/* route.c */
/** Find the operation; replies 404 or 405 when there is none. */
void route_request(struct http_request *req);
/** Check path, query and headers against the operation's parameters. */
void route_check_params(struct http_request *req);

/* wait.c */
must_check int wait_start(struct http_server *server);
void wait_stop(struct http_server *server);
/** Run the handler on a thread of its own, whose reply is sent; or reply 503 when too many run. */
void wait_defer(struct http_request *req);

/* static.c */
void static_serve(struct http_request *req);
void static_fini(struct http_server *server);

/* reply.c */
enum MHD_Result reply_queue(struct http_request *req);
void reply_fini(struct http_reply *reply);

#endif
