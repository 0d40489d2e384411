/* SPDX-License-Identifier: Apache-2.0 */
/* What a ticket is worth, as the ticket service answers it. */
#ifndef PROXY_TICKET_H
#define PROXY_TICKET_H

#include <stdbool.h>
#include <stddef.h>

#include "util.h"

#define TICKET_REPLY_MAX      1024
#define GRANT_CREDENTIAL_SIZE 81

struct grant {
	char vm[UUID_TEXT_SIZE];
	char kind[16];
	char user[129];
	char credential[GRANT_CREDENTIAL_SIZE]; /* what it was had with, to ask about; "": not told */
	bool read_only;
	int64_t expires; /* seconds since 1970; INT64_MAX: never */
};

/**
 * Parse the service's reply line.
 * Return: 0; -EACCES when it says the ticket is no good; -EPROTO when it makes no sense.
 */
must_check int ticket_parse(const char *line, struct grant *out);

/** True when the service's reply @line is a plain no. */
bool ticket_refuses(const char *line);

#endif
