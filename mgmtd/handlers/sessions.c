/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "../auth/limiter.h"
#include "../auth/roles.h"
#include "../auth/sessions.h"
#include "../auth/users.h"
#include "handlers.h"

#define FAILED_DELAY_MS 1000

static json_t *session_json(const struct identity *who)
{
	char expires[CLOCK_TEXT_LEN];

	clock_format(who->expires_ms, expires);
	return json_pack("{ss ss so ss? ss}", "user", who->user, "role", who->role, "permissions",
			 role_permissions(who->role), "csrf_token",
			 who->kind == IDENTITY_SESSION ? who->csrf : NULL, "expires_at", expires);
}

static void open_session(struct http_request *req, const struct user *user)
{
	char secret[SECRET_TEXT_LEN];

	if (session_create(svc_of(req)->db, user, req->address, secret, &req->who)) {
		svc_fail(req);
		return;
	}
	http_reply(req, 201, session_json(&req->who));
	http_set_header(req, "Set-Cookie",
			SESSION_COOKIE "=%s; Path=/; Secure; HttpOnly;"
				       " SameSite=Strict; Max-Age=%lld",
			secret, SESSION_LIFE_MS / 1000);
	OPENSSL_cleanse(secret, sizeof(secret));
}

static const char *given(const struct http_request *req, const char *name)
{
	return json_string_value(json_object_get(req->json, name));
}

/* An unknown user costs as much time as a wrong password. */
static void log_in(struct http_request *req)
{
	const char *name = given(req, "username"), *password = given(req, "password");
	struct user user = {0};
	int rc = user_find(svc_of(req)->db, name, &user);

	if (rc && rc != -ENOENT) {
		svc_fail(req);
	} else if (password_verify(password, rc ? NULL : user.password)) {
		limiter_passed(name, req->address);
		open_session(req, &user);
	} else {
		http_fail(req, 401, "bad_credentials", "User name or password is wrong.");
		req->wait_until = clock_mono_ms() + FAILED_DELAY_MS;
	}
	OPENSSL_cleanse(&user, sizeof(user));
}

void handle_session_create(struct http_request *req)
{
	int64_t wait = limiter_try(given(req, "username"), req->address, clock_mono_ms());

	if (!wait) {
		log_in(req);
		return;
	}
	http_fail(req, 429, "too_many_logins", "Too many failed logins; try again in %lld s.",
		  (long long)(wait + 999) / 1000);
	http_set_header(req, "Retry-After", "%lld", (long long)(wait + 999) / 1000);
}

void handle_session_get(struct http_request *req)
{
	http_reply(req, 200, session_json(&req->who));
	http_set_header(req, "Cache-Control", "no-store");
}

void handle_session_delete(struct http_request *req)
{
	if (req->who.kind != IDENTITY_SESSION) {
		http_fail(req, 409, "no_session",
			  "A bearer token is not a session; delete the token.");
		return;
	}
	if (session_delete(svc_of(req)->db, req->who.credential)) {
		svc_fail(req);
		return;
	}
	http_reply(req, 204, NULL);
	http_set_header(req, "Set-Cookie",
			SESSION_COOKIE "=; Path=/; Secure; HttpOnly;"
				       " SameSite=Strict; Max-Age=0");
}
