/* SPDX-License-Identifier: Apache-2.0 */
/* Browser sessions: a secret in a cookie, its hash here. */
#ifndef MGMTD_AUTH_SESSIONS_H
#define MGMTD_AUTH_SESSIONS_H

#include "../http/http.h"
#include "../store/db.h"
#include "users.h"

#define SESSION_COOKIE  "__Host-domus"
#define SESSION_LIFE_MS (12 * 3600 * 1000ll) /* from the login on */
#define SESSION_IDLE_MS (2 * 3600 * 1000ll)  /* since the last request */

/** Open a session; @secret goes into the cookie, @who says what it gives. Return: 0 or -EIO. */
must_check int session_create(struct db *db, const struct user *user, const char *address,
			      char secret[SECRET_TEXT_LEN], struct identity *who);
/** Whose session is it? Return: 0, -ENOENT when it is unknown or over, -EIO. */
must_check int session_find(struct db *db, const char *secret, struct identity *who);
/** Is a session or token still good? */
bool credential_alive(struct db *db, const struct identity *who);
must_check int session_delete(struct db *db, const char *hash);

#endif
