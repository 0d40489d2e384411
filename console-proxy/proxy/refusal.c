// SPDX-License-Identifier: Apache-2.0
#include "refusal.h"

#include "util.h"

#include <stdio.h>
#include <string.h>

static const struct {
	int status;
	const char *title;
	const char *code;
	const char *detail;
	const char *header; /* one more header line, or "" */
} refusals[REFUSAL_COUNT] = {
	[REFUSAL_MALFORMED] = {400, "Bad Request", "malformed_request",
			       "The request is not a valid websocket handshake.", ""},
	[REFUSAL_TOO_LARGE] = {431, "Request Header Fields Too Large", "header_too_large",
			       "The request's header is larger than 8 KiB.", ""},
	[REFUSAL_NOT_FOUND] = {404, "Not Found", "not_found", "Consoles are at /console.", ""},
	[REFUSAL_METHOD] = {405, "Method Not Allowed", "method_not_allowed",
			    "A websocket is opened with GET.", "Allow: GET\r\n"},
	[REFUSAL_NOT_WEBSOCKET] = {426, "Upgrade Required", "upgrade_required",
				   "This address speaks websocket only.", "Upgrade: websocket\r\n"},
	[REFUSAL_VERSION] = {426, "Upgrade Required", "websocket_version",
			     "Only websocket version 13 is spoken here.",
			     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"},
	[REFUSAL_SUBPROTOCOL] = {400, "Bad Request", "subprotocol_required",
				 "The subprotocols must be domus.console.v1 and a ticket.", ""},
	[REFUSAL_NO_TICKET] = {401, "Unauthorized", "ticket_required",
			       "A console ticket must be the second subprotocol.", ""},
	[REFUSAL_TICKET] = {401, "Unauthorized", "ticket_invalid",
			    "The ticket is unknown, used or expired. Ask for a new one.", ""},
	[REFUSAL_ORIGIN] = {403, "Forbidden", "origin_forbidden",
			    "The page that asks does not come from this host.", ""},
	[REFUSAL_KIND] = {501, "Not Implemented", "console_kind",
			  "This kind of console is not served here.", ""},
	[REFUSAL_USER_LIMIT] = {429, "Too Many Requests", "too_many_consoles",
				"This user has too many consoles open.", "Retry-After: 10\r\n"},
	[REFUSAL_TOTAL_LIMIT] = {503, "Service Unavailable", "too_many_connections",
				 "Too many consoles are open.", "Retry-After: 10\r\n"},
	[REFUSAL_TICKETS_DOWN] = {503, "Service Unavailable", "tickets_unavailable",
				  "Tickets cannot be checked at the moment.", "Retry-After: 2\r\n"},
	[REFUSAL_BACKEND_DOWN] = {503, "Service Unavailable", "console_unavailable",
				  "Consoles cannot be reached at the moment.",
				  "Retry-After: 2\r\n"},
	[REFUSAL_BACKEND_REFUSED] = {503, "Service Unavailable", "console_refused",
				     "This console cannot be opened.", ""},
	[REFUSAL_SLOW] = {408, "Request Timeout", "request_timeout", "The request took too long.",
			  ""},
};

const char *refusal_code(enum refusal why)
{
	return refusals[why].code;
}

size_t refusal_format(enum refusal why, char *out, size_t size)
{
	char body[320];
	int len;

	snprintf(body, sizeof(body),
		 "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\","
		 "\"detail\":\"%s\"}\n",
		 refusals[why].title, refusals[why].status, refusals[why].code,
		 refusals[why].detail);
	len = snprintf(out, size,
		       "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
		       "Content-Length: %zu\r\nCache-Control: no-store\r\n%sConnection: close\r\n"
		       "\r\n%s",
		       refusals[why].status, refusals[why].title, strlen(body),
		       refusals[why].header, body);
	return (size_t)len < size ? (size_t)len : size - 1;
}
