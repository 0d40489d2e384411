/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client of the broker may ask, one line per connection:
 *   attach UUID rw|ro    the console from its present start, then live; rw clients may type
 *   log UUID             everything remembered, then end of file
 *   forget UUID          drop what is remembered and whoever watches it
 *   ping                 nothing
 */
#ifndef BROKER_SESSION_H
#define BROKER_SESSION_H

#include "util.h"

enum session_verb {
	SESSION_ATTACH,
	SESSION_LOG,
	SESSION_FORGET,
	SESSION_PING,
};

struct session_request {
	enum session_verb verb;
	char uuid[UUID_TEXT_SIZE];
	int writable;
};

/* Longest request line with its newline. */
#define SESSION_LINE_SIZE 64

/**
 * Parse @line (no newline). @why gets words for the client when it is refused.
 * Return: 0 or -EINVAL.
 */
must_check int session_parse(const char *line, struct session_request *out, const char **why);

#endif
