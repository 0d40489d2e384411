/* SPDX-License-Identifier: Apache-2.0 */
#include "sessions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/clock.h"
#include "../util/log.h"

#define SEEN_EVERY_MS (5 * 60 * 1000) /* how exactly idleness is kept */

/* The CSRF token follows from the secret, so that a page loaded anew can be told it again. */
static void make_csrf(const char *secret, char out[SECRET_TEXT_LEN])
{
	char text[SECRET_TEXT_LEN + 8], hash[SHA256_HEX_LEN];

	snprintf(text, sizeof(text), "csrf:%s", secret);
	crypt_sha256_text(text, hash);
	snprintf(out, SECRET_TEXT_LEN, "%.43s", hash);
}

int session_create(struct db *db, const struct user *user, const char *address,
		   char secret[SECRET_TEXT_LEN], struct identity *who)
{
	int64_t now = clock_wall_ms();
	char text[CLOCK_TEXT_LEN];
	struct identity id = {.kind = IDENTITY_SESSION, .expires_ms = now + SESSION_LIFE_MS};

	crypt_secret(secret);
	crypt_sha256_text(secret, id.credential);
	make_csrf(secret, id.csrf);
	snprintf(id.user_id, sizeof(id.user_id), "%s", user->id);
	snprintf(id.user, sizeof(id.user), "%s", user->name);
	snprintf(id.role, sizeof(id.role), "%s", user->role);
	clock_format(now, text);
	if (db_begin_always(db))
		return -EIO;
	if (db_run(db, "DELETE FROM session WHERE expires_ms < ? OR seen_ms < ?", "ii", now,
		   now - SESSION_IDLE_MS) ||
	    db_run(db,
		   "INSERT INTO session (hash, user_id, address, created_at, expires_ms, seen_ms)"
		   " VALUES (?, ?, ?, ?, ?, ?)",
		   "ssssii", id.credential, user->id, address, text, id.expires_ms, now)) {
		db_rollback(db);
		return -EIO;
	}
	if (db_commit(db))
		return -EIO;
	*who = id;
	return 0;
}

int session_find(struct db *db, const char *secret, struct identity *who)
{
	struct identity id = {.kind = IDENTITY_SESSION};
	int64_t now = clock_wall_ms(), seen;
	struct db_query *q;
	int rc;

	crypt_sha256_text(secret, id.credential);
	q = db_query(db,
		     "SELECT u.id, u.name, u.role, s.expires_ms, s.seen_ms FROM session s"
		     " JOIN user u ON u.id = s.user_id WHERE s.hash = ?",
		     "s", id.credential);
	rc = q ? db_next(q) : -EIO;
	if (rc != 1) {
		db_end(q);
		return rc ? rc : -ENOENT;
	}
	snprintf(id.user_id, sizeof(id.user_id), "%s", db_text(q, 0));
	snprintf(id.user, sizeof(id.user), "%s", db_text(q, 1));
	snprintf(id.role, sizeof(id.role), "%s", db_text(q, 2));
	id.expires_ms = db_int(q, 3);
	seen = db_int(q, 4);
	db_end(q);
	if (id.expires_ms <= now || seen + SESSION_IDLE_MS <= now)
		return -ENOENT;
	/* On a full disk one must still be able to look, and to tidy up. */
	if (now - seen > SEEN_EVERY_MS &&
	    db_run(db, "UPDATE session SET seen_ms = ? WHERE hash = ?", "is", now, id.credential))
		log_line("the use of a session could not be noted");
	make_csrf(secret, id.csrf);
	*who = id;
	return 0;
}

bool credential_alive(struct db *db, const struct identity *who)
{
	int64_t now = clock_wall_ms();

	if (who->expires_ms <= now)
		return false;
	if (who->kind == IDENTITY_SESSION)
		return db_value(db, 0, "SELECT 1 FROM session WHERE hash = ?", "s",
				who->credential);
	return db_value(db, 0, "SELECT 1 FROM token WHERE id = ?", "s", who->credential);
}

int session_delete(struct db *db, const char *hash)
{
	int rc = db_begin_always(db);

	if (rc)
		return rc;
	rc = db_run(db, "DELETE FROM session WHERE hash = ?", "s", hash);
	return db_commit(db) ? -EIO : rc;
}
