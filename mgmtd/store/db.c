/* SPDX-License-Identifier: Apache-2.0 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>

#include "../util/clock.h"
#include "../util/log.h"
#include "migrations.h"

#define CACHED_STATEMENTS 128
#define SLOW_MS           2000
/*
 * What is taken of the disk ahead of need: others, such as volumes that take room as they are written
 * to, may fill it to the last byte, and what becomes of that must still be recorded. The log is written
 * into the file after 1000 pages, and then from its beginning again; the rest is for when the file
 * can't grow just then. When that goes to its end, what remains is for db_begin_always().
 */
#define LOG_ROOM          (8 << 20)
#define LOG_KEPT          (2 << 20)
#define LOG_PAGE          4120 /* bytes, with its header */
#define LOG_BACK_PAGES    1000 /* when it is written into the file */
#define FILE_STEP         (1 << 20)

struct db_query {
	struct db *db;
	sqlite3_stmt *stmt;
	const char *sql; /* the literal; NULL: not to be kept */
	bool busy;
	bool heap; /* not one of the table's */
};

struct db {
	sqlite3 *sqlite;
	pthread_mutex_t lock;                     /* [d] recursive */
	int depth;                                /* [d] of transactions */
	bool failed;                              /* [d] an inner one was rolled back */
	bool guarded;                             /* [d] what remains is kept */
	int log_pages;                            /* [d] in the log and not yet in the file */
	struct db_query cache[CACHED_STATEMENTS]; /* [d] by address of the SQL text */
};

static _Thread_local int last_error = -EIO;

/* SQLite knows ENOSPC of a write by a name, and nothing of quotas: sqlite3_system_errno() is not always set. */
static bool is_full(sqlite3 *sqlite, int err)
{
	int rc = sqlite3_errcode(sqlite) & 0xff;

	return rc == SQLITE_FULL || (rc == SQLITE_IOERR && (err == ENOSPC || err == EDQUOT));
}

static int fail(struct db *db, const char *what)
{
	last_error = is_full(db->sqlite, errno) ? -ENOSPC : -EIO;
	log_line("database: %s: %s", what, sqlite3_errmsg(db->sqlite));
	return -EIO;
}

int db_error(void)
{
	return last_error;
}

int db_problem(struct problem *p, const char *where)
{
	return problem_failed(p, last_error, where);
}

/* Write the log into the file; then it begins anew. Context: locked. */
static void write_back(struct db *db)
{
	int pages, done;

	if (sqlite3_wal_checkpoint_v2(db->sqlite, "main", SQLITE_CHECKPOINT_PASSIVE, &pages,
				      &done) == SQLITE_OK &&
	    pages == done)
		db->log_pages = 0;
}

/* In place of SQLite's own, which does the same and does not tell how it went. */
static int committed(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
	struct db *db = arg;

	(void)sqlite;
	(void)name;
	db->log_pages = pages;
	if (pages >= LOG_BACK_PAGES)
		write_back(db);
	return SQLITE_OK;
}

static bool log_is_long(const struct db *db)
{
	return db->log_pages > (LOG_ROOM - LOG_KEPT) / LOG_PAGE;
}

/* Is what remains kept for others? Somebody may have made room meanwhile. Context: locked. */
static bool is_short(struct db *db)
{
	if (db->guarded && log_is_long(db))
		write_back(db);
	if (!db->guarded || !log_is_long(db))
		return false;
	last_error = -ENOSPC;
	return true;
}

static int exec(struct db *db, const char *sql)
{
	return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, sql);
}

/* Context: returns with the lock held. */
static void lock(struct db *db)
{
	int64_t began;

	if (!pthread_mutex_trylock(&db->lock))
		return;
	began = clock_mono_ms();
	pthread_mutex_lock(&db->lock);
	if (clock_mono_ms() - began >= SLOW_MS)
		log_line("database: others had it for %lld ms",
			 (long long)(clock_mono_ms() - began));
}

/* Nothing makes the log shorter until db_close() deletes it, so that it keeps its room. */
static void take_room(struct db *db, const char *path)
{
	int step = FILE_STEP;
	char log[512];
	int fd;

	sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_CHUNK_SIZE, &step);
	snprintf(log, sizeof(log), "%s-wal", path);
	/* Of the files this one alone has no locks on it, which closing it would undo. */
	fd = open(log, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LOG_ROOM))
		log_line("database: no room could be kept for it: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static int migrate(struct db *db)
{
	int64_t version = db_value(db, -1, "PRAGMA user_version", "");
	char pragma[64];

	if (version < 0 || version > (int64_t)migrations_count) {
		log_line("database: version %lld is not of this release", (long long)version);
		return -EPROTO;
	}
	for (; version < (int64_t)migrations_count; version++) {
		snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", (int)version + 1);
		if (exec(db, "BEGIN IMMEDIATE"))
			return -EIO;
		if (exec(db, migrations[version].sql) || exec(db, pragma) || exec(db, "COMMIT")) {
			exec(db, "ROLLBACK");
			return -EIO;
		}
		/* The version was read through a kept statement: it must be read anew. */
	}
	return 0;
}

int db_open(const char *path, struct db **out)
{
	struct db *db = calloc(1, sizeof(*db));
	pthread_mutexattr_t attr;
	int rc = -EIO;

	if (!db)
		return -ENOMEM;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&db->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	if (sqlite3_open_v2(path, &db->sqlite,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK) {
		log_line("database: %s: %s", path, sqlite3_errmsg(db->sqlite));
		goto out_close;
	}
	sqlite3_busy_timeout(db->sqlite, 5000);
	sqlite3_wal_hook(db->sqlite, committed, db);
	if (exec(db,
		 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		 "PRAGMA foreign_keys = ON; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;"))
		goto out_close;
	rc = migrate(db);
	if (rc)
		goto out_close;
	take_room(db, path);
	*out = db;
	return 0;
out_close:
	db_close(db);
	return rc;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (int i = 0; i < CACHED_STATEMENTS; i++)
		sqlite3_finalize(db->cache[i].stmt);
	sqlite3_close(db->sqlite);
	pthread_mutex_destroy(&db->lock);
	free(db);
}

void db_guard(struct db *db)
{
	lock(db);
	db->guarded = true;
	pthread_mutex_unlock(&db->lock);
}

static int begin(struct db *db, bool always)
{
	lock(db);
	if (db->depth == 0) {
		db->failed = false;
		last_error = -EIO;
		if ((!always && is_short(db)) || exec(db, "BEGIN IMMEDIATE")) {
			pthread_mutex_unlock(&db->lock);
			return -EIO;
		}
	}
	db->depth++;
	return 0;
}

int db_begin(struct db *db)
{
	return begin(db, false);
}

int db_begin_always(struct db *db)
{
	return begin(db, true);
}

static int leave(struct db *db)
{
	int rc = 0;

	if (--db->depth == 0) {
		if (db->failed)
			rc = -EIO;
		if (db->failed || exec(db, "COMMIT")) {
			rc = -EIO;
			if (!sqlite3_get_autocommit(db->sqlite)) /* a full disk has undone it */
				exec(db, "ROLLBACK");
		}
	}
	pthread_mutex_unlock(&db->lock);
	return rc;
}

int db_commit(struct db *db)
{
	return leave(db);
}

void db_rollback(struct db *db)
{
	db->failed = true;
	leave(db);
}

/* Find the kept statement for @sql, or a place for it. Context: locked. */
static struct db_query *cache_find(struct db *db, const char *sql)
{
	struct db_query *q = NULL;

	for (int i = 0; i < CACHED_STATEMENTS; i++) {
		if (db->cache[i].sql == sql && !db->cache[i].busy)
			return &db->cache[i];
		if (!q && !db->cache[i].sql)
			q = &db->cache[i];
	}
	return q;
}

/* Context: returns with the lock held, unless it fails. */
static struct db_query *prepare(struct db *db, const char *sql, bool keep)
{
	struct db_query *q;

	lock(db);
	q = keep ? cache_find(db, sql) : NULL;
	if (!q) {
		q = calloc(1, sizeof(*q));
		if (!q)
			goto out_unlock;
		q->heap = true;
	}
	if (!q->stmt &&
	    sqlite3_prepare_v3(db->sqlite, sql, -1, q->heap ? 0 : SQLITE_PREPARE_PERSISTENT,
			       &q->stmt, NULL) != SQLITE_OK) {
		fail(db, sql);
		if (q->heap)
			free(q);
		goto out_unlock;
	}
	q->db = db;
	q->sql = sql;
	q->busy = true;
	return q;
out_unlock:
	pthread_mutex_unlock(&db->lock);
	return NULL;
}

static void bind_text(sqlite3_stmt *stmt, int i, const char *text)
{
	if (text)
		sqlite3_bind_text(stmt, i, text, -1, SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(stmt, i);
}

static void bind_json(sqlite3_stmt *stmt, int i, const json_t *v)
{
	if (json_is_integer(v))
		sqlite3_bind_int64(stmt, i, json_integer_value(v));
	else
		bind_text(stmt, i, json_string_value(v));
}

static struct db_query *vquery(struct db *db, const char *sql, const char *fmt, va_list ap)
{
	struct db_query *q = prepare(db, sql, true);

	if (!q)
		return NULL;
	for (int i = 1; *fmt; fmt++, i++) {
		if (*fmt == 'i')
			sqlite3_bind_int64(q->stmt, i, va_arg(ap, int64_t));
		else if (*fmt == 'j')
			bind_json(q->stmt, i, va_arg(ap, const json_t *));
		else
			bind_text(q->stmt, i, va_arg(ap, const char *));
	}
	return q;
}

struct db_query *(db_query)(struct db *db, const char *sql, const char *fmt, ...)
{
	struct db_query *q;
	va_list ap;

	va_start(ap, fmt);
	q = vquery(db, sql, fmt, ap);
	va_end(ap);
	return q;
}

struct db_query *db_query_json(struct db *db, const char *sql, json_t *args)
{
	struct db_query *q = prepare(db, sql, false);
	json_t *arg;
	size_t i;

	if (!q)
		return NULL;
	json_array_foreach(args, i, arg)
		bind_json(q->stmt, (int)i + 1, arg);
	return q;
}

int db_next(struct db_query *q)
{
	int rc = sqlite3_step(q->stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	if (sqlite3_extended_errcode(q->db->sqlite) == SQLITE_CONSTRAINT_UNIQUE ||
	    sqlite3_extended_errcode(q->db->sqlite) == SQLITE_CONSTRAINT_PRIMARYKEY)
		return -EEXIST;
	return fail(q->db, q->sql);
}

void db_end(struct db_query *q)
{
	struct db *db;

	if (!q)
		return;
	db = q->db;
	sqlite3_reset(q->stmt);
	sqlite3_clear_bindings(q->stmt);
	q->busy = false;
	if (q->heap) {
		sqlite3_finalize(q->stmt);
		free(q);
	}
	pthread_mutex_unlock(&db->lock);
}

int(db_run)(struct db *db, const char *sql, const char *fmt, ...)
{
	struct db_query *q;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	q = vquery(db, sql, fmt, ap);
	va_end(ap);
	if (!q)
		return -EIO;
	rc = !db->depth && !sqlite3_stmt_readonly(q->stmt) && is_short(db) ? -EIO : db_next(q);
	db_end(q);
	return rc < 0 ? rc : 0;
}

int64_t(db_value)(struct db *db, int64_t fallback, const char *sql, const char *fmt, ...)
{
	struct db_query *q;
	va_list ap;

	va_start(ap, fmt);
	q = vquery(db, sql, fmt, ap);
	va_end(ap);
	if (!q)
		return fallback;
	if (db_next(q) == 1 && !db_null(q, 0))
		fallback = db_int(q, 0);
	db_end(q);
	return fallback;
}

int db_changes(struct db *db)
{
	return sqlite3_changes(db->sqlite);
}

const char *db_text(struct db_query *q, int column)
{
	const char *text = (const char *)sqlite3_column_text(q->stmt, column);

	return text ? text : "";
}

int64_t db_int(struct db_query *q, int column)
{
	return sqlite3_column_int64(q->stmt, column);
}

bool db_null(struct db_query *q, int column)
{
	return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

static json_t *column_json(struct db_query *q, int column, const char *kind)
{
	if (db_null(q, column))
		return json_null();
	if (!strcmp(kind, ":i"))
		return json_integer(db_int(q, column));
	if (!strcmp(kind, ":b"))
		return json_boolean(db_int(q, column));
	if (!strcmp(kind, ":j"))
		return json_loads(db_text(q, column), JSON_DECODE_ANY, NULL);
	return json_string(db_text(q, column));
}

json_t *db_row_json(struct db_query *q)
{
	json_t *row = json_object();

	for (int i = 0; i < sqlite3_column_count(q->stmt); i++) {
		const char *name = sqlite3_column_name(q->stmt, i);
		size_t len = strcspn(name, ":");
		char key[64];

		if (name[0] == '#')
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)len, name);
		json_object_set_new_nocheck(row, key, column_json(q, i, name + len));
	}
	return row;
}
