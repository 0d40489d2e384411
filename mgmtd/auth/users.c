/* SPDX-License-Identifier: Apache-2.0 */
#include "users.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "../util/clock.h"
#include "../util/log.h"

#define PASSWORD_MAX        256
#define CONSOLE_PATIENCE_MS 5000

int user_find(struct db *db, const char *name, struct user *out)
{
	auto_query struct db_query *q =
		db_query(db, "SELECT id, name, role, password FROM user WHERE name = ?", "s", name);
	int rc = q ? db_next(q) : -EIO;

	if (rc != 1)
		return rc ? rc : -ENOENT;
	snprintf(out->id, sizeof(out->id), "%s", db_text(q, 0));
	snprintf(out->name, sizeof(out->name), "%s", db_text(q, 1));
	snprintf(out->role, sizeof(out->role), "%s", db_text(q, 2));
	snprintf(out->password, sizeof(out->password), "%s", db_text(q, 3));
	return 0;
}

/* First line of the file; false when there is none. */
static bool read_password(const char *file, char out[PASSWORD_MAX])
{
	auto_file FILE *f = file ? fopen(file, "re") : NULL;

	if (!f || !fgets(out, PASSWORD_MAX, f))
		return false;
	out[strcspn(out, "\r\n")] = '\0';
	return out[0] != '\0';
}

/* Write all of it, waiting a while for a console that is busy, but not for ever. */
static bool write_patiently(int fd, const char *text)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && (errno != EAGAIN || poll(&ready, 1, CONSOLE_PATIENCE_MS) <= 0))
			return false;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* O_NOCTTY: the console's hang-up must not signal us. */
static void tell_console(const char *console, const char *password)
{
	char line[PASSWORD_MAX + 64];
	auto_fd int fd = -1;

	if (!console)
		return;
	snprintf(line, sizeof(line), "domus: administrator user=admin password=%s\n", password);
	fd = open(console, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd < 0 || !write_patiently(fd, line))
		log_line("the administrator's password could not be shown on %s: %s", console,
			 strerror(errno));
	OPENSSL_cleanse(line, sizeof(line));
}

/* A changed password ends what the old one opened. */
static int store_password(struct db *db, const char *password)
{
	char hash[PASSWORD_HASH_LEN], id[UUID_TEXT_LEN], now[CLOCK_TEXT_LEN];
	int rc = password_hash(password, hash);

	if (rc)
		return rc;
	crypt_uuid(id);
	clock_now(now);
	rc = db_begin(db);
	if (rc)
		return rc;
	if (db_run(db,
		   "INSERT INTO user (id, name, password, role, created_at)"
		   " VALUES (?, 'admin', ?, 'admin', ?)"
		   " ON CONFLICT (name) DO UPDATE SET password = excluded.password",
		   "sss", id, hash, now) ||
	    db_run(db,
		   "DELETE FROM session WHERE user_id = (SELECT id FROM user WHERE name = 'admin')",
		   "")) {
		db_rollback(db);
		return -EIO;
	}
	return db_commit(db);
}

int users_bootstrap(struct db *db, const char *file, const char *console)
{
	bool first = db_value(db, -1, "SELECT count(*) FROM user", "") == 0;
	char password[PASSWORD_MAX];
	bool given = read_password(file, password);
	struct user admin;
	int rc = 0;

	if (!given && first)
		password_make(password);
	if (!given && !first)
		return 0;
	/* Told first: one that is stored and was never told would shut everybody out. */
	if (!given)
		tell_console(console, password);
	/* The same password again (every boot gives it): sessions go on. */
	if (first || user_find(db, "admin", &admin) || !password_verify(password, admin.password))
		rc = store_password(db, password);
	if (!rc && given)
		log_line("the administrator's password is the one given on the local machine");
	OPENSSL_cleanse(password, sizeof(password));
	return rc;
}
