/* SPDX-License-Identifier: Apache-2.0 */
/* API tokens: shown once, hashed at rest. */
#ifndef MGMTD_AUTH_TOKENS_H
#define MGMTD_AUTH_TOKENS_H

#include "../http/identity.h"
#include "../store/db.h"
#include "../util/crypt.h"

#define TOKEN_PREFIX   "domus_"
#define TOKEN_TEXT_LEN (SECRET_TEXT_LEN + 6)
#define TOKEN_SELECT   "SELECT id, name, role, created_at, expires_at, last_used_at FROM token"

/** Make a token of @who. Return: 0, -EEXIST when that name is taken, -EIO. */
must_check int token_create(struct db *db, const struct identity *who, const char *name,
			    const char *role, int64_t life_ms, char secret[TOKEN_TEXT_LEN],
			    char id[UUID_TEXT_LEN]);
/** Whose token is it? Return: 0, -ENOENT, -EIO. */
must_check int token_find(struct db *db, const char *secret, struct identity *who);
/** The token @id of @user_id as the API shows it, or NULL. */
json_t *token_json(struct db *db, const char *user_id, const char *id);
/** Return: 0, -ENOENT, -EIO. */
must_check int token_delete(struct db *db, const char *user_id, const char *id);

#endif
