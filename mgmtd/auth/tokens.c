/* SPDX-License-Identifier: Apache-2.0 */
#include "tokens.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/clock.h"
#include "../util/log.h"
#include "roles.h"

#define USED_EVERY_S 3600 /* how exactly the last use is kept */

int token_create(struct db *db, const struct identity *who, const char *name, const char *role,
		 int64_t life_ms, char secret[TOKEN_TEXT_LEN], char id[UUID_TEXT_LEN])
{
	char hash[SHA256_HEX_LEN], random[SECRET_TEXT_LEN];
	char created[CLOCK_TEXT_LEN], expires[CLOCK_TEXT_LEN];
	int64_t now = clock_wall_ms();

	crypt_secret(random);
	snprintf(secret, TOKEN_TEXT_LEN, TOKEN_PREFIX "%s", random);
	crypt_sha256_text(secret, hash);
	crypt_uuid(id);
	clock_format(now, created);
	clock_format(now + life_ms, expires);
	return db_run(db,
		      "INSERT INTO token (id, hash, user_id, name, role, created_at, expires_at,"
		      " expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		      "sssssssi", id, hash, who->user_id, name, role, created, expires,
		      now + life_ms);
}

/* Note the use, once an hour, if that can be. */
static void touch(struct db *db, const char *id, const char *last)
{
	char now[CLOCK_TEXT_LEN], hour_ago[CLOCK_TEXT_LEN];

	clock_now(now);
	clock_format(clock_wall_ms() - USED_EVERY_S * 1000, hour_ago);
	if (strcmp(last, hour_ago) <= 0 &&
	    db_run(db, "UPDATE token SET last_used_at = ? WHERE id = ?", "ss", now, id))
		log_line("the use of token %s could not be noted", id);
}

int token_find(struct db *db, const char *secret, struct identity *who)
{
	struct identity id = {.kind = IDENTITY_TOKEN};
	char hash[SHA256_HEX_LEN], last[CLOCK_TEXT_LEN];
	struct db_query *q;
	int rc;

	crypt_sha256_text(secret, hash);
	q = db_query(db,
		     "SELECT t.id, u.id, u.name, t.role, u.role, t.expires_ms, t.last_used_at"
		     " FROM token t JOIN user u ON u.id = t.user_id WHERE t.hash = ?",
		     "s", hash);
	rc = q ? db_next(q) : -EIO;
	if (rc != 1) {
		db_end(q);
		return rc ? rc : -ENOENT;
	}
	snprintf(id.credential, sizeof(id.credential), "%s", db_text(q, 0));
	snprintf(id.user_id, sizeof(id.user_id), "%s", db_text(q, 1));
	snprintf(id.user, sizeof(id.user), "%s", db_text(q, 2));
	snprintf(id.role, sizeof(id.role), "%s", role_least(db_text(q, 3), db_text(q, 4)));
	id.expires_ms = db_int(q, 5);
	snprintf(last, sizeof(last), "%s", db_text(q, 6));
	db_end(q);
	if (id.expires_ms <= clock_wall_ms())
		return -ENOENT;
	touch(db, id.credential, last);
	*who = id;
	return 0;
}

json_t *token_json(struct db *db, const char *user_id, const char *id)
{
	auto_query struct db_query *q =
		db_query(db, TOKEN_SELECT " WHERE user_id = ? AND id = ?", "ss", user_id, id);

	return q && db_next(q) == 1 ? db_row_json(q) : NULL;
}

int token_delete(struct db *db, const char *user_id, const char *id)
{
	int rc = db_begin_always(db);

	if (rc)
		return rc;
	rc = db_run(db, "DELETE FROM token WHERE user_id = ? AND id = ?", "ss", user_id, id);
	if (!rc && !db_changes(db))
		rc = -ENOENT;
	return db_commit(db) ? -EIO : rc;
}
