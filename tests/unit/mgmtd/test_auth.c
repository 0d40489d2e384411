/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/limiter.h"
#include "auth/password.h"
#include "auth/roles.h"
#include "auth/sessions.h"
#include "auth/tokens.h"
#include "auth/users.h"
#include "fixture.h"
#include "handlers/handlers.h"
#include "svc/ticket.h"

static struct db *db;
static char console[128];

static void setup(void)
{
	char path[128];

	test_dir_make();
	snprintf(path, sizeof(path), "%s/test.db", test_dir);
	snprintf(console, sizeof(console), "%s/console", test_dir);
	ck_assert_int_eq(db_open(path, &db), 0);
}

static void teardown(void)
{
	db_close(db);
	test_dir_remove();
}

START_TEST(passwords)
{
	char hash[PASSWORD_HASH_LEN], again[PASSWORD_HASH_LEN], made[PASSWORD_MADE_LEN];

	ck_assert_int_eq(password_hash("secret", hash), 0);
	ck_assert_int_eq(password_hash("secret", again), 0);
	ck_assert_str_ne(hash, again);
	ck_assert_ptr_null(strstr(hash, "secret"));
	ck_assert(password_verify("secret", hash));
	ck_assert(!password_verify("Secret", hash));
	ck_assert(!password_verify("secret", NULL));
	ck_assert(!password_verify("secret", "scrypt$1$"));
	password_make(made);
	ck_assert_uint_eq(strlen(made), 23);
	ck_assert_int_eq(made[5], '-');
}
END_TEST

START_TEST(first_start_makes_a_password)
{
	char line[128] = "", *password;
	struct user admin;
	FILE *f;

	ck_assert_int_eq(users_bootstrap(db, "/nonexistent", console), 0);
	f = fopen(console, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	ck_assert_int_eq(strncmp(line, "domus: administrator user=admin password=", 41), 0);
	password = line + 41;
	ck_assert_int_eq(user_find(db, "admin", &admin), 0);
	ck_assert(password_verify(password, admin.password));

	/* The second start leaves it alone; a given one takes its place. */
	unlink(console);
	ck_assert_int_eq(users_bootstrap(db, NULL, console), 0);
	ck_assert_int_ne(access(console, F_OK), 0);
	test_file("password", "another one\n");
	snprintf(line, sizeof(line), "%s/password", test_dir);
	ck_assert_int_eq(users_bootstrap(db, line, console), 0);
	ck_assert_int_eq(user_find(db, "admin", &admin), 0);
	ck_assert(password_verify("another one", admin.password));
}
END_TEST

static void *bootstrap(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)users_bootstrap(db, NULL, console);
}

/* Killed while the console is busy, the next start must make up and tell another one. */
START_TEST(no_password_is_kept_untold)
{
	char junk[4096] = "";
	pthread_t thread;
	size_t blocks = 0;
	void *rc;
	int fd;

	ck_assert_int_eq(mkfifo(console, 0600), 0);
	fd = open(console, O_RDWR | O_NONBLOCK);
	while (write(fd, junk, sizeof(junk)) == sizeof(junk))
		blocks++;
	ck_assert_int_eq(pthread_create(&thread, NULL, bootstrap, NULL), 0);
	usleep(1000000);
	ck_assert_int_eq(db_value(db, -1, "SELECT count(*) FROM user", ""), 0);
	while (blocks--)
		ck_assert_int_eq(read(fd, junk, sizeof(junk)), sizeof(junk));
	pthread_join(thread, &rc);
	ck_assert_ptr_null(rc);
	ck_assert_int_gt(read(fd, junk, sizeof(junk)), 0);
	ck_assert_int_eq(strncmp(junk, "domus: administrator", 20), 0);
	ck_assert_int_eq(db_value(db, -1, "SELECT count(*) FROM user", ""), 1);
	close(fd);
}
END_TEST

START_TEST(sessions_open_and_end)
{
	char secret[SECRET_TEXT_LEN];
	struct identity who, found;
	struct user admin;

	ck_assert_int_eq(users_bootstrap(db, NULL, console), 0);
	ck_assert_int_eq(user_find(db, "admin", &admin), 0);
	ck_assert_int_eq(user_find(db, "nobody", &admin), -ENOENT);
	ck_assert_int_eq(session_create(db, &admin, "10.0.0.1", secret, &who), 0);
	ck_assert_int_eq(session_find(db, secret, &found), 0);
	ck_assert_str_eq(found.user, "admin");
	ck_assert_str_eq(found.csrf, who.csrf);
	ck_assert_int_eq(
		db_value(db, 0, "SELECT count(*) FROM session WHERE hash = ?", "s", secret), 0);
	secret[0] ^= 1;
	ck_assert_int_eq(session_find(db, secret, &found), -ENOENT);
	secret[0] ^= 1;
	ck_assert(credential_alive(db, &who));
	ck_assert_int_eq(db_run(db, "UPDATE session SET seen_ms = seen_ms - ?", "i",
				SESSION_IDLE_MS + 1),
			 0);
	ck_assert_int_eq(session_find(db, secret, &found), -ENOENT);
	ck_assert_int_eq(session_delete(db, who.credential), 0);
	ck_assert(!credential_alive(db, &who));
}
END_TEST

START_TEST(tokens_are_least_of_both)
{
	char secret[TOKEN_TEXT_LEN], id[UUID_TEXT_LEN];
	struct identity who = {.kind = IDENTITY_SESSION}, found;
	struct user admin;

	ck_assert_int_eq(users_bootstrap(db, NULL, console), 0);
	ck_assert_int_eq(user_find(db, "admin", &admin), 0);
	snprintf(who.user_id, sizeof(who.user_id), "%s", admin.id);
	ck_assert_int_eq(token_create(db, &who, "t", "operator", 60000, secret, id), 0);
	ck_assert_int_eq(token_create(db, &who, "t", "operator", 60000, secret, id), -EEXIST);
	ck_assert_int_eq(token_create(db, &who, "u", "operator", 60000, secret, id), 0);
	ck_assert_int_eq(token_find(db, secret, &found), 0);
	ck_assert_str_eq(found.role, "operator");
	ck_assert_int_eq(db_run(db, "UPDATE user SET role = 'viewer'", ""), 0);
	ck_assert_int_eq(token_find(db, secret, &found), 0);
	ck_assert_str_eq(found.role, "viewer");
	ck_assert_int_eq(db_run(db, "UPDATE token SET expires_ms = 1", ""), 0);
	ck_assert_int_eq(token_find(db, secret, &found), -ENOENT);
	ck_assert_int_eq(token_delete(db, admin.id, id), 0);
	ck_assert_int_eq(token_delete(db, admin.id, id), -ENOENT);
}
END_TEST

START_TEST(a_grant_ends_with_its_credential)
{
	char secret[TOKEN_TEXT_LEN], ticket[SECRET_TEXT_LEN], credential[80];
	struct identity who = {.kind = IDENTITY_SESSION};
	struct svc svc = {.db = db};
	struct user admin;
	json_t *grant;

	ck_assert_int_eq(users_bootstrap(db, NULL, console), 0);
	ck_assert_int_eq(user_find(db, "admin", &admin), 0);
	snprintf(who.user_id, sizeof(who.user_id), "%s", admin.id);
	ck_assert_int_eq(token_create(db, &who, "t", "operator", 60000, secret, who.credential), 0);
	ck_assert_int_eq(token_find(db, secret, &who), 0);
	ck_assert_int_eq(ticket_issue(&svc, &who, TEST_KERNEL, false, ticket), 0);
	grant = ticket_redeem(&svc, ticket);
	snprintf(credential, sizeof(credential), "%s",
		 json_string_value(json_object_get(grant, "credential")));
	json_decref(grant);
	ck_assert(ticket_credential_alive(&svc, credential));
	ck_assert(!ticket_credential_alive(&svc, strchr(credential, ':') + 1));
	ck_assert_int_eq(token_delete(db, admin.id, who.credential), 0);
	ck_assert(!ticket_credential_alive(&svc, credential));
}
END_TEST

START_TEST(roles_and_operations_fit)
{
	ck_assert(role_may("admin", "vm.write"));
	ck_assert(role_may("operator", "vm.power"));
	ck_assert(!role_may("operator", "vm.write"));
	ck_assert(!role_may("viewer", "vm.power"));
	ck_assert(!role_may("", "vm.read"));
	ck_assert(!role_may("admin", "no.such"));
	ck_assert_str_eq(role_least("admin", "viewer"), "viewer");
	/* Each permission the API document names is one that an administrator has. */
	for (const struct http_operation *op = http_operations; op->id; op++)
		ck_assert_msg(!op->permission || role_may("admin", op->permission), "%s", op->id);
}
END_TEST

START_TEST(guessing_gets_slower)
{
	int64_t now = 1000, last = 0;

	limiter_reset();
	/* Each counts as failed from its start: it is not known yet how the others end. */
	for (int i = 0; i < LIMITER_FREE_TRIES; i++)
		ck_assert_int_eq(limiter_try("u", "a", now), 0);
	for (int i = 0; i < 5; i++) {
		int64_t wait = limiter_try("u", "a", now);

		ck_assert_int_gt(wait, last);
		ck_assert_int_eq(limiter_try("u", "a", now),
				 wait); /* refused ones don't add to it */
		last = wait;
		now += wait;
		ck_assert_int_eq(limiter_try("u", "a", now), 0);
	}
	ck_assert_int_eq(limiter_try("u", "b", now), 0);
	ck_assert_int_eq(limiter_try("v", "a", now), 0);
	limiter_passed("u", "a");
	ck_assert_int_eq(limiter_try("u", "a", now), 0);
	limiter_reset();
}
END_TEST

START_TEST(names_and_addresses_are_no_way_around)
{
	char text[INET6_ADDRSTRLEN];

	limiter_reset();
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		(void)limiter_try(text, "10.0.0.1", 1000);
	}
	ck_assert_int_gt(limiter_try("fresh", "10.0.0.1", 1000), 0);
	ck_assert_int_eq(limiter_try("fresh", "10.0.0.2", 1000), 0);
	for (int i = 0; i < LIMITER_FREE_TRIES; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x:%x", i, i);
		ck_assert_int_eq(limiter_try("u", text, 1000), 0);
	}
	ck_assert_int_gt(limiter_try("u", "2001:db8::42", 1000), 0);
	ck_assert_int_eq(limiter_try("u", "2001:db8:0:1::42", 1000), 0);
	/* Those of IPv4 are all in one /64. */
	for (int i = 0; i < LIMITER_FREE_TRIES; i++)
		ck_assert_int_eq(limiter_try("u", "::ffff:10.0.0.3", 1000), 0);
	ck_assert_int_gt(limiter_try("u", "::ffff:10.0.0.3", 1000), 0);
	ck_assert_int_eq(limiter_try("u", "::ffff:10.0.0.4", 1000), 0);
	/* Many people behind one address, who know their passwords. */
	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(limiter_try("w", "10.0.0.5", 1000), 0);
		limiter_passed("w", "10.0.0.5");
	}
	limiter_reset();
}
END_TEST

Suite *suite_auth(void)
{
	Suite *suite = suite_create("auth");
	TCase *tc = tcase_create("auth");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, passwords);
	tcase_add_test(tc, first_start_makes_a_password);
	tcase_add_test(tc, no_password_is_kept_untold);
	tcase_add_test(tc, sessions_open_and_end);
	tcase_add_test(tc, tokens_are_least_of_both);
	tcase_add_test(tc, a_grant_ends_with_its_credential);
	tcase_add_test(tc, roles_and_operations_fit);
	tcase_add_test(tc, guessing_gets_slower);
	tcase_add_test(tc, names_and_addresses_are_no_way_around);
	suite_add_tcase(suite, tc);
	return suite;
}
