// SPDX-License-Identifier: Apache-2.0
#include "ticket.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

static void ticket_json_decref(json_t **json)
{
	json_decref(*json);
}

/* Copy string member @name. Return: 0 when it is missing, empty or too long. */
static int ticket_string(const json_t *json, const char *name, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(json, name));

	if (!text || !*text || strlen(text) >= size)
		return 0;
	strcpy(out, text);
	return 1;
}

/* RFC 3339 in UTC, as all times of the API are. */
static int ticket_time(const char *text, int64_t *out)
{
	struct tm tm = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (end && *end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (!end || (strcmp(end, "Z") && strcmp(end, "+00:00")))
		return 0;
	*out = timegm(&tm);
	return 1;
}

static int ticket_expiry(const json_t *json, int64_t *out)
{
	const json_t *value = json_object_get(json, "session_expires");

	*out = INT64_MAX;
	if (!value || json_is_null(value))
		return 1;
	if (json_is_string(value))
		return ticket_time(json_string_value(value), out);
	if (!json_is_number(value))
		return 0;
	if (json_number_value(value) < 1e12 && json_number_value(value) > 0)
		*out = (int64_t)json_number_value(value);
	return 1;
}

/* Optional. It goes back as a word of a line. */
static int ticket_credential(const json_t *json, char *out)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_";

	if (!json_object_get(json, "credential"))
		return 1;
	return ticket_string(json, "credential", out, GRANT_CREDENTIAL_SIZE) &&
	       !out[strspn(out, allowed)];
}

bool ticket_refuses(const char *line)
{
	return !strncmp(line, "error", 5) && (!line[5] || line[5] == ' ');
}

int ticket_parse(const char *line, struct grant *out)
{
	__attribute__((cleanup(ticket_json_decref))) json_t *json = NULL;
	struct grant grant = {0};
	const json_t *read_only;

	if (ticket_refuses(line))
		return -EACCES;
	if (strncmp(line, "ok ", 3))
		return -EPROTO;
	json = json_loads(line + 3, JSON_REJECT_DUPLICATES, NULL);
	read_only = json_object_get(json, "read_only");
	if (!json_is_boolean(read_only) || !ticket_string(json, "vm", grant.vm, sizeof(grant.vm)) ||
	    !util_is_uuid(grant.vm) ||
	    !ticket_string(json, "kind", grant.kind, sizeof(grant.kind)) ||
	    !ticket_string(json, "user", grant.user, sizeof(grant.user)) ||
	    !ticket_expiry(json, &grant.expires) || !ticket_credential(json, grant.credential))
		return -EPROTO;
	grant.read_only = json_is_true(read_only);
	*out = grant;
	return 0;
}
