/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "../auth/sessions.h"
#include "../svc/event.h"
#include "handlers.h"

#define HEARTBEAT_MS 15000
#define BATCH        32 /* events fetched at a time */

struct stream {
	char *text; /* [owned] what is to be sent */
	size_t len, size, sent;
	int64_t last; /* id of the last event looked at */
	char vm[UUID_TEXT_LEN];
	char types[260];  /* ",a,b," or "" for all */
	int64_t heard_ms; /* when something was last sent */
	int64_t known_ms; /* when whoever reads was last known to be allowed to */
};

static void stream_free(void *state)
{
	struct stream *s = state;

	free(s->text);
	free(s);
}

__attribute__((format(printf, 2, 3))) static void put(struct stream *s, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (s->len + (size_t)n > s->size) {
		char *grown = realloc(s->text, s->len + (size_t)n);

		if (!grown) {
			free(text);
			return;
		}
		s->text = grown;
		s->size = s->len + (size_t)n;
	}
	memcpy(s->text + s->len, text, (size_t)n);
	s->len += (size_t)n;
	free(text);
}

/* "vm.updated" is wanted when the list has it, or "vm". */
static bool is_wanted(const struct stream *s, const char *type, const char *vm)
{
	char item[64];

	if (s->vm[0] && strcmp(s->vm, vm))
		return false;
	if (!s->types[0])
		return true;
	snprintf(item, sizeof(item), ",%s,", type);
	if (strstr(s->types, item))
		return true;
	snprintf(item, sizeof(item), ",%.*s,", (int)strcspn(type, "."), type);
	return strstr(s->types, item);
}

static void put_event(struct stream *s, struct db_query *q)
{
	const char *type = db_text(q, 1), *vm = db_text(q, 3);
	char quoted[UUID_TEXT_LEN + 2] = "null";

	if (!is_wanted(s, type, vm))
		return;
	if (vm[0])
		snprintf(quoted, sizeof(quoted), "\"%s\"", vm);
	put(s,
	    "id: %lld\nevent: %s\ndata: {\"id\":%lld,\"type\":\"%s\",\"time\":\"%s\",\"vm\":%s,"
	    "\"resource\":%s}\n\n",
	    (long long)db_int(q, 0), type, (long long)db_int(q, 0), type, db_text(q, 2), quoted,
	    db_text(q, 4));
}

/* What was missed is not kept any more: all is to be loaded anew, as of @newest. */
static void put_reset(struct stream *s, int64_t newest)
{
	put(s, "id: %lld\nevent: reset\ndata: {\"id\":%lld}\n\n", (long long)newest,
	    (long long)newest);
	s->last = newest;
}

/* Fetch what is new. Return: false when there was nothing to look at. */
static bool fetch(struct svc *svc, struct stream *s)
{
	auto_query struct db_query *q =
		db_query(svc->db,
			 "SELECT id, type, time, vm, resource FROM event WHERE id > ? ORDER BY id"
			 " LIMIT ?",
			 "ii", s->last, (int64_t)BATCH);
	bool any = false;

	while (q && db_next(q) == 1) {
		if (db_int(q, 0) > s->last + 1) { /* too slow a reader: ids have no gaps */
			put_reset(s, event_newest(svc));
			return true;
		}
		put_event(s, q);
		s->last = db_int(q, 0);
		any = true;
	}
	return any;
}

static ssize_t hand_out(struct stream *s, char *buf, size_t max)
{
	size_t n = s->len - s->sent < max ? s->len - s->sent : max;

	memcpy(buf, s->text + s->sent, n);
	s->sent += n;
	if (s->sent == s->len)
		s->sent = s->len = 0;
	s->heard_ms = clock_mono_ms();
	return (ssize_t)n;
}

/* Looked at now and then, however much there is to say. */
static bool is_allowed(struct http_request *req, struct stream *s)
{
	int64_t now = clock_mono_ms();

	if (now - s->known_ms < HEARTBEAT_MS)
		return true;
	s->known_ms = now;
	return credential_alive(svc_of(req)->db, &req->who);
}

static ssize_t read_events(struct http_request *req, char *buf, size_t max)
{
	struct stream *s = req->state;

	for (;;) {
		uint64_t generation = http_generation(req->server);

		if (!is_allowed(req, s))
			return -1;
		if (s->len)
			return hand_out(s, buf, max);
		if (http_stopping(req->server))
			return -1;
		if (fetch(svc_of(req), s))
			continue;
		if (clock_mono_ms() - s->heard_ms >= HEARTBEAT_MS) {
			put(s, ": still here\n\n");
			continue;
		}
		if (http_wait(req, generation, s->heard_ms + HEARTBEAT_MS))
			return 0;
	}
}

/* Where the client left off, or -1 when it begins. */
static int64_t starting_point(const struct http_request *req)
{
	const char *header = http_header(req, "Last-Event-ID");

	if (header && *header)
		return strtoll(header, NULL, 10);
	return http_query_int(req, "after", -1);
}

void handle_event_stream(struct http_request *req)
{
	const char *types = http_query(req, "types"), *vm = http_query(req, "vm");
	int64_t newest = event_newest(svc_of(req)), oldest = event_oldest(svc_of(req));
	int64_t after = starting_point(req);
	struct stream *s = calloc(1, sizeof(*s));

	if (!s) {
		http_fail(req, 503, "busy", "There is too little memory just now.");
		return;
	}
	if (types && *types)
		snprintf(s->types, sizeof(s->types), ",%s,", types);
	snprintf(s->vm, sizeof(s->vm), "%s", vm ? vm : "");
	req->state = s;
	req->state_free = stream_free;
	s->heard_ms = s->known_ms = clock_mono_ms();
	put(s, "retry: 2000\nid: %lld\nevent: hello\ndata: {\"id\":%lld}\n\n",
	    (long long)(after < 0 ? newest : after), (long long)newest);
	s->last = after < 0 ? newest : after;
	/* Past what is kept, or from another life of the database: nothing can be replayed. */
	if (after > newest || (after >= 0 && oldest && after < oldest - 1))
		put_reset(s, newest);
	http_reply_stream(req, "text/event-stream", read_events);
	http_set_header(req, "Cache-Control", "no-store");
	http_set_header(req, "X-Accel-Buffering", "no");
}
