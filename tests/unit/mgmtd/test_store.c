/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"
#include "store/db.h"
#include "store/migrations.h"
#include "store/page.h"

static char path[128];
static struct db *db;

static void setup(void)
{
	test_dir_make();
	snprintf(path, sizeof(path), "%s/test.db", test_dir);
	ck_assert_int_eq(db_open(path, &db), 0);
}

static void teardown(void)
{
	db_close(db);
	test_dir_remove();
}

START_TEST(migrations_run_once)
{
	ck_assert_int_eq(db_value(db, -1, "PRAGMA user_version", ""), (int64_t)migrations_count);
	ck_assert_int_eq(db_value(db, -1, "PRAGMA synchronous", ""), 2);
	ck_assert_int_eq(
		db_run(db, "INSERT INTO audit VALUES ('1', 't', 'u', 'a', 'x', NULL, 200, 'r')",
		       ""),
		0);
	db_close(db);
	ck_assert_int_eq(db_open(path, &db), 0);
	ck_assert_int_eq(db_value(db, -1, "SELECT count(*) FROM audit", ""), 1);
}
END_TEST

START_TEST(migrations_go_on_from_any_version)
{
	for (size_t have = 0; have < migrations_count; have++) {
		char pragma[64];
		sqlite3 *raw;

		db_close(db);
		unlink(path);
		ck_assert_int_eq(sqlite3_open(path, &raw), SQLITE_OK);
		for (size_t i = 0; i < have; i++)
			ck_assert_int_eq(sqlite3_exec(raw, migrations[i].sql, NULL, NULL, NULL), 0);
		snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %zu", have);
		ck_assert_int_eq(sqlite3_exec(raw, pragma, NULL, NULL, NULL), 0);
		sqlite3_close(raw);
		ck_assert_int_eq(db_open(path, &db), 0);
		ck_assert_int_eq(db_value(db, -1, "PRAGMA user_version", ""),
				 (int64_t)migrations_count);
		ck_assert_int_eq(db_value(db, -1, "SELECT count(*) FROM event", ""), 0);
	}
}
END_TEST

START_TEST(newer_database_is_refused)
{
	struct db *other = NULL;

	ck_assert_int_eq(db_run(db, "PRAGMA user_version = 999", ""), 0);
	ck_assert_int_eq(db_open(path, &other), -EPROTO);
	ck_assert_ptr_null(other);
}
END_TEST

static int add(const char *name, int64_t size)
{
	return db_run(db,
		      "INSERT INTO image (id, name, kind, size, path, created_at)"
		      " VALUES (?, ?, 'initrd', ?, '', '')",
		      "ssi", name, name, size);
}

/* Its log has room however full the disk gets, and is no longer than what is in it. */
START_TEST(room_is_taken_ahead)
{
	char log[160];
	struct stat st;
	int fd;

	snprintf(log, sizeof(log), "%s-try", path);
	fd = open(log, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (!fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096)) {
		snprintf(log, sizeof(log), "%s-wal", path);
		for (int i = 0; i < 30; i++) /* 100 pages each */
			ck_assert_int_eq(db_run(db,
						"INSERT INTO event (type, time, vm, resource)"
						" VALUES ('t', 'now', 'v', hex(zeroblob(204800)))",
						""),
					 0);
		ck_assert_int_eq(stat(log, &st), 0);
		ck_assert_int_lt(st.st_size, 6 << 20);
		ck_assert_int_ge(st.st_blocks * 512, 8 << 20);
		/* What was written back took its room in steps. */
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_int_eq(st.st_size % (1 << 20), 0);
	}
	close(fd);
}
END_TEST

START_TEST(transactions_nest)
{
	ck_assert_int_eq(db_begin(db), 0);
	ck_assert_int_eq(add("a", 1), 0);
	ck_assert_int_eq(db_begin(db), 0);
	ck_assert_int_eq(add("b", 1), 0);
	ck_assert_int_eq(db_commit(db), 0);
	ck_assert_int_eq(db_commit(db), 0);
	ck_assert_int_eq(db_value(db, -1, "SELECT count(*) FROM image", ""), 2);

	ck_assert_int_eq(db_begin(db), 0);
	ck_assert_int_eq(add("c", 1), 0);
	ck_assert_int_eq(db_begin(db), 0);
	db_rollback(db);
	ck_assert_int_eq(db_commit(db), -EIO);
	ck_assert_int_eq(db_value(db, -1, "SELECT count(*) FROM image", ""), 2);
	ck_assert_int_eq(add("a", 1), -EEXIST);
}
END_TEST

/* Walk all pages; the names in order, with blanks between. */
static const char *walk(const char *sort, unsigned int limit)
{
	struct page_query pq = {
		.select = "SELECT id, name, size AS \"size:i\" FROM image",
		.sort = sort,
		.limit = limit,
		.filters = {{"kind", "initrd"}},
	};
	static char names[256];
	char *cursor = NULL, *next;
	json_t *items, *item;
	size_t i;

	names[0] = '\0';
	do {
		pq.cursor = cursor;
		ck_assert_int_eq(page_fetch(db, &pq, &items, &next), 0);
		ck_assert_uint_le(json_array_size(items), limit);
		json_array_foreach(items, i, item) {
			strcat(names, json_string_value(json_object_get(item, "name")));
			strcat(names, " ");
		}
		json_decref(items);
		free(cursor);
		cursor = next;
	} while (cursor);
	return names;
}

START_TEST(pages_are_complete_and_ordered)
{
	static const struct {
		const char *name;
		int64_t size;
	} rows[] = {
		{"d", 30}, {"a", 100}, {"c", 30}, {"b", 9}, {"e", 30},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_int_eq(add(rows[i].name, rows[i].size), 0);
	for (unsigned int limit = 1; limit < 7; limit++) {
		ck_assert_str_eq(walk("name", limit), "a b c d e ");
		ck_assert_str_eq(walk("-name", limit), "e d c b a ");
		ck_assert_str_eq(walk("size", limit), "b c d e a ");
		ck_assert_str_eq(walk("-size", limit), "a e d c b ");
	}
}
END_TEST

START_TEST(foreign_cursors_are_refused)
{
	static const char *const cursors[] = {
		"", "x", "!!", "e30", "W10", "WyJuYW1lIl0", "WyJzaXplIiwxLCJhIl0",
	};
	struct page_query pq = {.select = "SELECT id, name FROM image", .sort = "name", .limit = 3};
	json_t *items;
	char *next;

	for (size_t i = 0; i < ARRAY_SIZE(cursors); i++) {
		pq.cursor = cursors[i];
		ck_assert_msg(page_fetch(db, &pq, &items, &next) == -EINVAL, "\"%s\"", cursors[i]);
	}
}
END_TEST

Suite *suite_store(void)
{
	Suite *suite = suite_create("store");
	TCase *tc = tcase_create("store");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, migrations_run_once);
	tcase_add_test(tc, migrations_go_on_from_any_version);
	tcase_add_test(tc, newer_database_is_refused);
	tcase_add_test(tc, room_is_taken_ahead);
	tcase_add_test(tc, transactions_nest);
	tcase_add_test(tc, pages_are_complete_and_ordered);
	tcase_add_test(tc, foreign_cursors_are_refused);
	suite_add_tcase(suite, tc);
	return suite;
}
