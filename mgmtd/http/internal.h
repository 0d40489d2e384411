/* SPDX-License-Identifier: Apache-2.0 */
/* Shared among the files of this room. */
#ifndef MGMTD_HTTP_INTERNAL_H
#define MGMTD_HTTP_INTERNAL_H

#include <pthread.h>

#include "http.h"

#define HTTP_HEADER_MAX  16384u     /* bytes of all request headers */
#define HTTP_BODY_MAX    65536u     /* bytes of a JSON body */
#define HTTP_DRAIN_MAX   (1u << 20) /* bytes of a refused body that are read and dropped */
#define HTTP_SLOW_MAX    8
#define HTTP_STREAMS_MAX 8
#define HTTP_STREAM_PART (256u << 10) /* bytes of a stream that are handed on at a time */

struct static_file;

struct http_server {
	struct http_config config;
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;   /* [w] */
	pthread_cond_t changed; /* [w] monotonic clock */
	pthread_t waker;
	struct http_request *waiters; /* [w] */
	uint64_t generation;          /* [w] */
	unsigned int threads;         /* [w] of requests */
	unsigned int slow;            /* [w] handlers on threads of their own */
	unsigned int streams;         /* [w] bodies coming in */
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
/** Run @work, which may reply, on a thread of its own. Return: false, with 503 replied, if too many run. */
bool wait_defer(struct http_request *req, http_handler work);
/** May one more body stream in? If not, a 503 has been replied. */
must_check bool wait_admit_stream(struct http_request *req);
/** The request is over. */
void wait_leave(struct http_request *req);

/* static.c */
void static_serve(struct http_request *req);
void static_fini(struct http_server *server);

/* reply.c */
enum MHD_Result reply_queue(struct http_request *req);
void reply_fini(struct http_reply *reply);

#endif
