/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ETAG_LEN 32

void *http_opaque(const struct http_request *req)
{
	return req->server->config.opaque;
}

const char *http_header(const struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_HEADER_KIND, name);
}

const char *http_query(const struct http_request *req, const char *name)
{
	const char *value = NULL;
	size_t len;

	if (MHD_lookup_connection_value_n(req->connection, MHD_GET_ARGUMENT_KIND, name,
					  strlen(name), &value, &len) != MHD_YES)
		return NULL;
	return value ? value : "";
}

const char *http_cookie(const struct http_request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_COOKIE_KIND, name);
}

int64_t http_query_int(const struct http_request *req, const char *name, int64_t fallback)
{
	const char *text = http_query(req, name);

	return text ? strtoll(text, NULL, 10) : fallback;
}

bool http_is_safe(const struct http_request *req)
{
	return !strcmp(req->method, "GET") || !strcmp(req->method, "HEAD");
}

/* RFC 9110, 13.1: "*", or tags between commas; for a GET a weak one will do. */
bool http_etag_listed(const char *header, const char *etag)
{
	size_t len = strlen(etag);

	while (*header) {
		header += strspn(header, " \t,");
		if (*header == '*')
			return true;
		if (!strncmp(header, "W/", 2))
			header += 2;
		if (!strncmp(header, etag, len) && strchr(" \t,", header[len]))
			return true;
		header += strcspn(header, ",");
	}
	return false;
}

bool http_if_match(struct http_request *req, const char *etag)
{
	const char *wanted = http_header(req, "If-Match");

	if (!wanted || http_etag_listed(wanted, etag))
		return true;
	http_fail(req, 412, "changed", "It has changed since it was read: its ETag is now %s.",
		  etag);
	return false;
}

static void make_etag(int64_t revision, char out[ETAG_LEN])
{
	snprintf(out, ETAG_LEN, "\"r%lld\"", (long long)revision);
}

void http_set_revision(struct http_request *req, int64_t revision)
{
	char etag[ETAG_LEN];

	make_etag(revision, etag);
	http_set_header(req, "ETag", "%s", etag);
}

bool http_if_revision(struct http_request *req, int64_t revision)
{
	char etag[ETAG_LEN];

	make_etag(revision, etag);
	return http_if_match(req, etag);
}
