/* SPDX-License-Identifier: Apache-2.0 */
#include "idempotency.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"

#define KEEP_MS 86400000ll

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

static void answer_known(struct svc *svc, struct http_request *req, const char *key,
			 const char *fingerprint)
{
	auto_query struct db_query *q = db_query(
		svc->db, "SELECT request, status, headers, body FROM idempotency WHERE key = ?",
		"s", key);

	if (!q || db_next(q) != 1)
		svc_fail(req);
	else if (strcmp(db_text(q, 0), fingerprint))
		http_fail(req, 422, "idempotency_key_reused",
			  "This Idempotency-Key was used for another request.");
	else if (!db_int(q, 1))
		http_fail(req, 409, "idempotency_key_in_use",
			  "The first request with this Idempotency-Key is still being done.");
	else
		replay(req, q);
}

void idempotency_begin(struct svc *svc, struct http_request *req)
{
	char key[SHA256_HEX_LEN], fingerprint[SHA256_HEX_LEN];
	int64_t now = clock_wall_ms();
	int rc;

	if (!make_key(req, key))
		return;
	make_fingerprint(req, fingerprint);
	rc = db_run(svc->db, "DELETE FROM idempotency WHERE created_ms < ?", "i", now - KEEP_MS);
	if (!rc)
		rc = db_run(svc->db,
			    "INSERT INTO idempotency (key, request, status, created_ms)"
			    " VALUES (?, ?, 0, ?)",
			    "ssi", key, fingerprint, now);
	if (rc == -EEXIST)
		answer_known(svc, req, key, fingerprint);
	else if (rc)
		svc_fail(req);
	req->idempotency_open = !rc;
}

/* A failed request changed nothing: it may be tried again with the same key. */
void idempotency_end(struct svc *svc, struct http_request *req)
{
	bool keep = req->reply.status >= 200 && req->reply.status < 300;
	auto_json json_t *headers = json_object();
	auto_free char *text = NULL;
	char key[SHA256_HEX_LEN];
	int rc;

	if (!req->idempotency_open || !make_key(req, key))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kept_headers); i++) {
		const char *value = http_get_set_header(req, kept_headers[i]);

		if (value)
			json_object_set_new(headers, kept_headers[i], json_string(value));
	}
	text = json_dumps(headers, JSON_COMPACT);
	rc = keep ? db_run(svc->db,
			   "UPDATE idempotency SET status = ?, headers = ?, body = ?"
			   " WHERE key = ?",
			   "isss", (int64_t)req->reply.status, text,
			   req->reply.body ? req->reply.body : "", key) :
		    db_run(svc->db, "DELETE FROM idempotency WHERE key = ?", "s", key);
	if (rc)
		log_line("request %s: its answer could not be kept for repetition", req->id);
}
