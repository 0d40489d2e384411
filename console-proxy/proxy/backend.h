/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the bytes of a console come from. A kind of console is a row of a table: which socket to
 * connect to, what to say there first, and whether one line of reply precedes the bytes.
 */
#ifndef PROXY_BACKEND_H
#define PROXY_BACKEND_H

#include "ticket.h"

#define BACKEND_LINE_MAX 128

struct backend_config {
	const char *broker; /* path of the console broker's socket */
};

struct backend {
	const char *kind;
	/** Connect for @grant. Return: descriptor or a negative errno. */
	int (*connect)(const struct backend_config *config, const struct grant *grant);
	/** Write the request line. Return: its length. NULL: there is no request and no reply. */
	size_t (*request)(const struct grant *grant, char *out, size_t size);
	/** True when @reply lets us go on. */
	bool (*accepts)(const char *reply);
};

/** Return: the backend for @kind of console, or NULL. */
const struct backend *backend_find(const char *kind);

#endif
