/* SPDX-License-Identifier: Apache-2.0 */
#include "authenticate.h"

#include <errno.h>
#include <string.h>

#include "roles.h"
#include "sessions.h"
#include "tokens.h"

static void refuse(struct http_request *req, const char *code, const char *detail)
{
	http_fail(req, 401, code, "%s", detail);
	http_set_header(req, "WWW-Authenticate", "Bearer realm=\"domus\"");
}

static bool csrf_holds(const struct http_request *req)
{
	const char *token = http_header(req, "X-CSRF-Token");

	return http_is_safe(req) || (token && crypt_equal(token, req->who.csrf));
}

static int identify(struct db *db, struct http_request *req, bool *tried)
{
	const char *bearer = http_header(req, "Authorization");
	const char *cookie = http_cookie(req, SESSION_COOKIE);

	*tried = bearer || cookie;
	if (bearer)
		return strncasecmp(bearer, "Bearer ", 7) ? -ENOENT :
							   token_find(db, bearer + 7, &req->who);
	return cookie ? session_find(db, cookie, &req->who) : -ENOENT;
}

int authenticate(struct db *db, struct http_request *req)
{
	bool tried;
	int rc;

	if (!req->op->permission)
		return 0;
	rc = identify(db, req, &tried);
	if (rc == -ENOENT)
		refuse(req, tried ? "bad_credentials" : "unauthenticated",
		       tried ? "The session or token is unknown or has expired." :
			       "This needs a session or a bearer token.");
	else if (rc)
		return rc;
	else if (req->who.kind == IDENTITY_SESSION && !csrf_holds(req))
		http_fail(req, 403, "csrf", "The header X-CSRF-Token is missing or wrong.");
	else if (!role_may(req->who.role, req->op->permission))
		http_fail(req, 403, "forbidden", "This needs the permission %s.",
			  req->op->permission);
	return 0;
}
