/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console's way through the proxy, one thread:
 *   gate.c    reads the handshake, redeems the ticket, opens the backend; refuses in HTTP
 *   viewer.c  from then on: libwebsockets on one side, the backend's socket on the other
 *   inquiry.c asks now and then whether what a console was opened with is still good
 * libwebsockets owns the outer loop; ours, which holds everything that is not a websocket, is one
 * descriptor in it.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include <libwebsockets.h>
#include <sys/queue.h>

#include "backend.h"
#include "handshake.h"
#include "loop.h"

/* Handshakes under way; they are short, so this bounds what strangers can hold. */
#define PROXY_MAX_GATES 64

/* A question to the ticket service: there is one at a time. */
struct inquiry {
	struct proxy *proxy;
	struct loop_source service; /* fd -1: none under way */
	int64_t asked;              /* ms */
	char credential[GRANT_CREDENTIAL_SIZE];
	char line[TICKET_REPLY_MAX];
	size_t line_have;
};

struct proxy {
	struct loop loop;
	struct lws_context *lws;
	struct lws_vhost *vhost;
	struct loop_source listener;
	struct loop_source timer; /* ticks each second while there is anybody */
	bool ticking;
	LIST_HEAD(, gate) gates;
	LIST_HEAD(, viewer) viewers;
	struct inquiry inquiry;
	unsigned int gate_count, viewer_count;
	unsigned int max_total, max_per_user;
	const char *tickets; /* path of the ticket service's socket */
	struct backend_config backend;
};

/** Keep the tick in step with whether anything needs it. */
void proxy_update_timer(struct proxy *p);

/* gate.c */
/** Take over a fresh connection. */
void gate_create(struct proxy *p, int fd);
/** Refuse those that have had their time. */
void gate_tick(struct proxy *p, int64_t now_ms);
void gate_destroy_all(struct proxy *p);

/* viewer.c */
/**
 * Hand connection @fd with its checked handshake @h to libwebsockets, and join it to @backend_fd.
 * @rest are @rest_len bytes the client sent behind its handshake. Takes over both descriptors.
 */
void viewer_create(struct proxy *p, int fd, const struct handshake *h, const char *rest,
		   size_t rest_len, const struct grant *grant, int backend_fd);
/** How many viewers @user has. */
unsigned int viewer_count(const struct proxy *p, const char *user);
/** Close those whose session has ended. */
void viewer_tick(struct proxy *p);
/** The credential that is to be asked about, since one of its viewers was last @every_ms ago; or NULL. */
const char *viewer_due(struct proxy *p, int64_t now_ms, int64_t every_ms);
/** Close those who came by @credential. */
void viewer_end(struct proxy *p, const char *credential);
/** Free what is left once the libwebsockets context is gone. */
void viewer_destroy_all(struct proxy *p);
/** The one websocket protocol, for the libwebsockets context. */
extern const struct lws_protocols viewer_protocol;

/* inquiry.c */
void inquiry_init(struct inquiry *q, struct proxy *p);
/** Ask about the next credential that is due, unless a question is still open. */
void inquiry_next(struct inquiry *q, int64_t now_ms);

#endif
