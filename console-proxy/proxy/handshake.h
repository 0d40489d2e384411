/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP request that opens a console. It is read here, whole and strictly, before anything else
 * sees it; libwebsockets is then given a request that we write ourselves (handshake_canonical), so
 * there are no two opinions about what the client has said, and the ticket goes no further.
 */
#ifndef PROXY_HANDSHAKE_H
#define PROXY_HANDSHAKE_H

#include "refusal.h"
#include "util.h"

#define HANDSHAKE_PROTOCOL   "domus.console.v1"
#define HANDSHAKE_HEAD_MAX   8192
#define HANDSHAKE_TICKET_MIN 16
#define HANDSHAKE_TICKET_MAX 128

struct handshake {
	char key[25]; /* Sec-WebSocket-Key: 16 bytes in base64 */
	char ticket[HANDSHAKE_TICKET_MAX + 1];
};

/**
 * Length of the request's head in @data, its empty line included; 0 when that has not come yet.
 */
size_t handshake_head_length(const char *data, size_t len);

/**
 * Check a head of @len bytes. @out is written only on REFUSAL_NONE.
 */
must_check enum refusal handshake_parse(const char *head, size_t len, struct handshake *out);

/**
 * True when a page of @origin may talk to @host (the Host header): same host and port, where a
 * missing port is the scheme's. Both are not terminated beyond their lengths.
 */
int handshake_same_origin(const char *origin, size_t origin_len, const char *host, size_t host_len);

/** Write the request that stands for @h. Return: its length. */
size_t handshake_canonical(const struct handshake *h, char *out, size_t size);

#endif
