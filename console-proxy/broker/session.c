// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	enum session_verb verb;
	int words; /* the verb included */
} session_verbs[] = {
	{"attach", SESSION_ATTACH, 3},
	{"log", SESSION_LOG, 2},
	{"forget", SESSION_FORGET, 2},
	{"ping", SESSION_PING, 1},
};

/* Split @line at single spaces. Return: number of words, or one more than fit. */
static int session_split(char *line, char *word[3])
{
	int n = 0;

	for (char *at = line; at; n++) {
		if (n == 3)
			return n + 1;
		word[n] = strsep(&at, " ");
	}
	return n;
}

static int session_refuse(const char **why, const char *words)
{
	*why = words;
	return -EINVAL;
}

int session_parse(const char *line, struct session_request *out, const char **why)
{
	struct session_request request = {0};
	char copy[SESSION_LINE_SIZE];
	char *word[3];
	size_t i;
	int words;

	if (strlen(line) >= sizeof(copy))
		return session_refuse(why, "request too long");
	strcpy(copy, line);
	words = session_split(copy, word);
	for (i = 0; i < ARRAY_SIZE(session_verbs); i++) {
		if (!strcmp(word[0], session_verbs[i].name))
			break;
	}
	if (i == ARRAY_SIZE(session_verbs))
		return session_refuse(why, "unknown request");
	if (words != session_verbs[i].words)
		return session_refuse(why, "wrong number of words");
	request.verb = session_verbs[i].verb;
	if (words > 1) {
		if (!util_is_uuid(word[1]))
			return session_refuse(why, "not a lower-case uuid");
		memcpy(request.uuid, word[1], sizeof(request.uuid));
	}
	if (words > 2) {
		request.writable = !strcmp(word[2], "rw");
		if (!request.writable && strcmp(word[2], "ro"))
			return session_refuse(why, "mode is neither rw nor ro");
	}
	*out = request;
	return 0;
}
