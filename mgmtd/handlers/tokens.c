/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/crypto.h>

#include "../auth/audit.h"
#include "../auth/roles.h"
#include "../auth/tokens.h"
#include "handlers.h"

#define LIFE_DEFAULT_S 7776000 /* 90 days */

void handle_token_list(struct http_request *req)
{
	struct page_query pq = {
		.select = TOKEN_SELECT,
		.sort = "created_at",
		.filters = {{"user_id", req->who.user_id}, {"name", http_query(req, "name")}},
	};

	reply_list(req, &pq, NULL);
}

void handle_token_create(struct http_request *req)
{
	const json_t *life = json_object_get(req->json, "expires_in");
	const char *role = json_string_value(json_object_get(req->json, "role"));
	const char *name = json_string_value(json_object_get(req->json, "name"));
	char secret[TOKEN_TEXT_LEN], id[UUID_TEXT_LEN];
	struct svc *svc = svc_of(req);
	json_t *json;
	int rc;

	role = role ? role_least(role, req->who.role) : req->who.role;
	rc = token_create(svc->db, &req->who, name, role,
			  (life ? json_integer_value(life) : LIFE_DEFAULT_S) * 1000, secret, id);
	json = rc ? NULL : token_json(svc->db, req->who.user_id, id);
	if (rc == -EEXIST) {
		http_fail(req, 409, "name_taken", "You have a token of this name already.");
	} else if (!json) {
		svc_fail(req);
	} else {
		json_object_set_new(json, "token", json_string(secret));
		http_reply(req, 201, json);
		http_set_header(req, "Location", "/api/v1/tokens/%s", id);
	}
	OPENSSL_cleanse(secret, sizeof(secret));
}

static void no_token(struct http_request *req)
{
	http_fail(req, 404, "not_found", "You have no token with this id.");
}

void handle_token_get(struct http_request *req)
{
	json_t *json = token_json(svc_of(req)->db, req->who.user_id, req->args[0]);

	if (json)
		http_reply(req, 200, json);
	else
		no_token(req);
}

void handle_token_delete(struct http_request *req)
{
	int rc = token_delete(svc_of(req)->db, req->who.user_id, req->args[0]);

	if (rc == -ENOENT)
		no_token(req);
	else if (rc)
		svc_fail(req);
	else
		http_reply(req, 204, NULL);
}

void handle_audit_list(struct http_request *req)
{
	struct page_query pq = {
		.select = AUDIT_SELECT,
		.sort = "-time",
		.filters = {{"user", http_query(req, "user")},
			    {"action", http_query(req, "action")},
			    {"target", http_query(req, "target")}},
	};

	reply_list(req, &pq, NULL);
}
