/* SPDX-License-Identifier: Apache-2.0 */
/* Why a websocket is refused, and how that is said: an HTTP status and an RFC 9457 problem. */
#ifndef PROXY_REFUSAL_H
#define PROXY_REFUSAL_H

#include <stddef.h>

enum refusal {
	REFUSAL_NONE,
	REFUSAL_MALFORMED,
	REFUSAL_TOO_LARGE,
	REFUSAL_NOT_FOUND,
	REFUSAL_METHOD,
	REFUSAL_NOT_WEBSOCKET,
	REFUSAL_VERSION,
	REFUSAL_SUBPROTOCOL,
	REFUSAL_NO_TICKET,
	REFUSAL_TICKET,
	REFUSAL_ORIGIN,
	REFUSAL_KIND,
	REFUSAL_USER_LIMIT,
	REFUSAL_TOTAL_LIMIT,
	REFUSAL_TICKETS_DOWN,
	REFUSAL_BACKEND_DOWN,
	REFUSAL_BACKEND_REFUSED,
	REFUSAL_SLOW,
	REFUSAL_COUNT,
};

/** The machine-readable code of @why. */
const char *refusal_code(enum refusal why);

/**
 * Write the whole HTTP response that says @why to @out.
 * Return: its length, at most @size - 1.
 */
size_t refusal_format(enum refusal why, char *out, size_t size);

#endif
