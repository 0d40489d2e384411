/* SPDX-License-Identifier: Apache-2.0 */
#include "idempotency.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"

#define KEEP_MS 86400000ll

/* Of a request that is being done. */
struct idempotency_key {
	struct idempotency_key *next; /* [s] */
	char key[SHA256_HEX_LEN];
	char request[SHA256_HEX_LEN]; /* its fingerprint */
};

static const char *const kept_headers[] = {"Location", "ETag"};

/* A key is its user's, for this path. */
static bool make_key(const struct http_request *req, char out[SHA256_HEX_LEN])
{
	const char *key = http_header(req, "Idempotency-Key");
	char text[512];

	if (!key || !req->op || !req->op->idempotent || !req->who.kind)
		return false;
	snprintf(text, sizeof(text), "%s\n%s\n%s", req->who.user_id, req->url, key);
	crypt_sha256_text(text, out);
	return true;
}

struct digest {
	char text[2048];
	size_t len;
};

static enum MHD_Result add_param(void *cls, enum MHD_ValueKind kind, const char *name,
				 const char *value)
{
	struct digest *d = cls;

	(void)kind;
	d->len += (size_t)snprintf(d->text + d->len, sizeof(d->text) - d->len, "%s=%s\n", name,
				   value ? value : "");
	if (d->len >= sizeof(d->text))
		d->len = sizeof(d->text) - 1;
	return MHD_YES;
}

/* What makes two requests the same: query and body; of a stream its length must do. */
static void make_fingerprint(const struct http_request *req, char out[SHA256_HEX_LEN])
{
	const char *length = http_header(req, "Content-Length");
	char body[SHA256_HEX_LEN];
	struct digest d = {.len = 0};

	MHD_get_connection_values(req->connection, MHD_GET_ARGUMENT_KIND, add_param, &d);
	crypt_sha256(req->body ? req->body : "", req->body_len, body);
	add_param(&d, MHD_HEADER_KIND, body, req->sink || !length ? "" : length);
	crypt_sha256_text(d.text, out);
}

static void replay(struct http_request *req, struct db_query *q)
{
	auto_json json_t *headers = json_loads(db_text(q, 2), 0, NULL);
	const char *body = db_text(q, 3);

	if (body[0])
		http_reply_bytes(req, (int)db_int(q, 1), "application/json", strdup(body),
				 strlen(body));
	else
		http_reply(req, (int)db_int(q, 1), NULL);
	for (size_t i = 0; i < ARRAY_SIZE(kept_headers); i++) {
		const char *value = json_string_value(json_object_get(headers, kept_headers[i]));

		if (value)
			http_set_header(req, kept_headers[i], "%s", value);
	}
	http_set_header(req, "Idempotency-Replayed", "true");
}

static void answer_reused(struct http_request *req)
{
	http_fail(req, 422, "idempotency_key_reused",
		  "This Idempotency-Key was used for another request.");
}

/* Has it been done before? Then it is answered as it was. */
static void answer_done(struct svc *svc, struct http_request *req,
			const struct idempotency_key *key)
{
	auto_query struct db_query *q =
		db_query(svc->db,
			 "SELECT request, status, headers, body FROM idempotency"
			 " WHERE key = ? AND status > 0 AND created_ms >= ?",
			 "si", key->key, clock_wall_ms() - KEEP_MS);
	int rc = q ? db_next(q) : -EIO;

	if (rc < 0)
		svc_fail(req);
	else if (rc && strcmp(db_text(q, 0), key->request))
		answer_reused(req);
	else if (rc)
		replay(req, q);
}

/* Be among those being done; if there is one of this key already, the request is answered. */
static bool enter(struct svc *svc, struct http_request *req, struct idempotency_key *key)
{
	struct idempotency_key **at = &svc->keys;
	bool first, same;

	pthread_mutex_lock(&svc->lock);
	while (*at && strcmp((*at)->key, key->key))
		at = &(*at)->next;
	first = !*at;
	same = first || !strcmp((*at)->request, key->request);
	if (first)
		*at = key;
	pthread_mutex_unlock(&svc->lock);
	if (!same)
		answer_reused(req);
	else if (!first)
		http_fail(req, 409, "idempotency_key_in_use",
			  "The first request with this Idempotency-Key is still being done.");
	return first;
}

static void leave(struct svc *svc, struct idempotency_key *key)
{
	struct idempotency_key **at = &svc->keys;

	pthread_mutex_lock(&svc->lock);
	while (*at != key)
		at = &(*at)->next;
	*at = key->next;
	pthread_mutex_unlock(&svc->lock);
	free(key);
}

void idempotency_begin(struct svc *svc, struct http_request *req)
{
	struct idempotency_key *key = calloc(1, sizeof(*key));

	if (!key || !make_key(req, key->key)) {
		free(key);
		return;
	}
	make_fingerprint(req, key->request);
	if (!enter(svc, req, key)) {
		free(key);
		return;
	}
	answer_done(svc, req, key);
	if (req->reply.status)
		leave(svc, key);
	else
		req->idempotency = key;
}

static int record(struct svc *svc, const struct http_request *req)
{
	auto_json json_t *headers = json_object();
	auto_free char *text = NULL;
	int64_t now = clock_wall_ms();

	for (size_t i = 0; i < ARRAY_SIZE(kept_headers); i++) {
		const char *value = http_get_set_header(req, kept_headers[i]);

		if (value)
			json_object_set_new(headers, kept_headers[i], json_string(value));
	}
	text = json_dumps(headers, JSON_COMPACT);
	if (db_run(svc->db, "DELETE FROM idempotency WHERE created_ms < ?", "i", now - KEEP_MS))
		return -EIO;
	return db_run(
		svc->db,
		"INSERT OR REPLACE INTO idempotency"
		" (key, request, status, headers, body, created_ms) VALUES (?, ?, ?, ?, ?, ?)",
		"ssissi", req->idempotency->key, req->idempotency->request,
		(int64_t)req->reply.status, text, req->reply.body ? req->reply.body : "", now);
}

/* A failed request changed nothing: it may be tried again with the same key. */
void idempotency_end(struct svc *svc, struct http_request *req)
{
	bool done = req->reply.status >= 200 && req->reply.status < 300;

	if (!req->idempotency)
		return;
	if (done && record(svc, req))
		log_line("request %s: its answer could not be kept for repetition", req->id);
	leave(svc, req->idempotency);
	req->idempotency = NULL;
}
