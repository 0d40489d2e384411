/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database: SQLite with write-ahead log and synchronous=FULL behind a few typed calls.
 *
 * Formats of arguments: 's' const char * (NULL is SQL NULL), 'i' int64_t, 'j' json_t * (text or
 * integer by its type). One lock, recursive, guards everything: it is held inside a call, from
 * db_query() to db_end(), and from db_begin() to db_commit() or db_rollback(). All who answer clients
 * need it: nothing that may be slow is done meanwhile.
 *
 * What failed returns -EIO, unless it says more; whether that was for want of room, db_error() knows.
 * Room is taken ahead, so that a good many things can be recorded when the disk is full, and then one
 * can still tidy up.
 */
#ifndef MGMTD_STORE_DB_H
#define MGMTD_STORE_DB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "../util/problem.h"

struct db;
struct db_query;

/** Open or make the database at @path and bring it to the newest version. Return: 0 or -errno. */
must_check int db_open(const char *path, struct db **out);
/** NULL is fine. */
void db_close(struct db *db);

/** Start a transaction; may nest, the outermost counts. */
must_check int db_begin(struct db *db);
/**
 * The same even when what remains of the room taken ahead is kept: for what takes something away, what
 * lets somebody in to do that, and what only reads.
 */
must_check int db_begin_always(struct db *db);
/** From now on it is kept. */
void db_guard(struct db *db);
/** End it. An inner rollback makes the outer commit fail. Return: 0 or -EIO. */
must_check int db_commit(struct db *db);
void db_rollback(struct db *db);

/** Run a statement without rows. Return: 0, -EEXIST on a UNIQUE conflict, or -EIO. */
must_check int db_run(struct db *db, const char *sql, const char *fmt, ...);
/** First column of the first row as integer, or @fallback when there is none. */
int64_t db_value(struct db *db, int64_t fallback, const char *sql, const char *fmt, ...);
/** How many rows the last db_run() of this thread's transaction changed. */
int db_changes(struct db *db);

/** The last failure of this thread, like errno: -ENOSPC when the disk was full, -EIO for any other. */
int db_error(void);
/** The same for a client: 507 or 500; @where goes to the log. Return: -ECANCELED. */
int db_problem(struct problem *p, const char *where);

/** Start a query. @sql must be a literal (statements are kept by address). NULL on failure. */
struct db_query *db_query(struct db *db, const char *sql, const char *fmt, ...);
/* Statements are kept by the address of their text: this lets only literals through. */
#define db_run(db, sql, ...)             (db_run)(db, "" sql, __VA_ARGS__)
#define db_value(db, fallback, sql, ...) (db_value)(db, fallback, "" sql, __VA_ARGS__)
#define db_query(db, sql, ...)           (db_query)(db, "" sql, __VA_ARGS__)
/** As db_query() for text that is made up, with the arguments as an array. */
struct db_query *db_query_json(struct db *db, const char *sql, json_t *args);
/** Next row. Return: 1, 0 at the end, -EIO. */
int db_next(struct db_query *q);
/** Column as text (valid until the next row), "" for NULL. */
const char *db_text(struct db_query *q, int column);
int64_t db_int(struct db_query *q, int column);
bool db_null(struct db_query *q, int column);
/**
 * The row as a JSON object. The columns' names say what they become: "x" text, "x:i" integer,
 * "x:b" boolean, "x:j" parsed JSON; a leading '#' leaves the column out.
 */
json_t *db_row_json(struct db_query *q);
/** End a query; NULL is fine. */
void db_end(struct db_query *q);

static inline void cleanup_query(struct db_query **q)
{
	db_end(*q);
}

#define auto_query cleanup(cleanup_query)

#endif
