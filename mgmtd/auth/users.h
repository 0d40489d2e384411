/* SPDX-License-Identifier: Apache-2.0 */
/* The people who may log in. */
#ifndef MGMTD_AUTH_USERS_H
#define MGMTD_AUTH_USERS_H

#include "../store/db.h"
#include "../util/crypt.h"
#include "password.h"

struct user {
	char id[UUID_TEXT_LEN];
	char name[64];
	char role[16];
	char password[PASSWORD_HASH_LEN];
};

/** Return: 0, -ENOENT, -EIO. */
must_check int user_find(struct db *db, const char *name, struct user *out);
/**
 * See to it that there is an administrator. A password in @file (if that is there) becomes admin's;
 * without one, the first start makes one up. @console gets the one line that tells it, or NULL.
 */
must_check int users_bootstrap(struct db *db, const char *file, const char *console);

#endif
