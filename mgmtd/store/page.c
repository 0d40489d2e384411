/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/crypt.h"
#include "db.h"

struct builder {
	char sql[1536];
	size_t len;
	json_t *args;
};

static void add(struct builder *b, const char *a, const char *c, const char *d)
{
	int n = snprintf(b->sql + b->len, sizeof(b->sql) - b->len, "%s%s%s", a, c, d);

	b->len += (size_t)n;
	if (b->len >= sizeof(b->sql))
		b->len = sizeof(b->sql) - 1;
}

/* A cursor is base64url of the JSON array [sort, value, id]. */
static json_t *cursor_parse(const char *text, const char *sort)
{
	size_t len = 0;
	auto_free char *raw = crypt_unbase64(text, &len);
	json_t *cursor = raw ? json_loadb(raw, len, 0, NULL) : NULL;
	const char *made_for = json_string_value(json_array_get(cursor, 0));
	const json_t *value = json_array_get(cursor, 1);

	if (made_for && !strcmp(made_for, sort) && json_is_string(json_array_get(cursor, 2)) &&
	    (json_is_string(value) || json_is_integer(value)))
		return cursor;
	json_decref(cursor);
	return NULL;
}

static char *cursor_make(const char *sort, const char *column, json_t *last)
{
	auto_json json_t *cursor = json_pack("[sOO]", sort, json_object_get(last, column),
					     json_object_get(last, "id"));
	auto_free char *text = cursor ? json_dumps(cursor, JSON_COMPACT) : NULL;

	return text ? crypt_base64(text, strlen(text)) : NULL;
}

static int build(struct builder *b, const struct page_query *pq)
{
	const char *column = pq->sort + (pq->sort[0] == '-');
	const char *order = pq->sort[0] == '-' ? " DESC" : "";
	const char *glue = " WHERE ";

	add(b, pq->select, "", "");
	for (size_t i = 0; i < ARRAY_SIZE(pq->filters) && pq->filters[i].column; i++) {
		if (!pq->filters[i].value)
			continue;
		add(b, glue, pq->filters[i].column, " = ?");
		json_array_append_new(b->args, json_string(pq->filters[i].value));
		glue = " AND ";
	}
	if (pq->cursor) {
		auto_json json_t *cursor = cursor_parse(pq->cursor, pq->sort);

		if (!cursor)
			return -EINVAL;
		add(b, glue, "(", column);
		add(b, ", id) ", *order ? "<" : ">", " (?, ?)");
		json_array_append(b->args, json_array_get(cursor, 1));
		json_array_append(b->args, json_array_get(cursor, 2));
	}
	add(b, " ORDER BY ", column, order);
	add(b, ", id", order, " LIMIT ?");
	json_array_append_new(b->args, json_integer((json_int_t)pq->limit + 1));
	return 0;
}

int page_fetch(struct db *db, const struct page_query *pq, json_t **items, char **next)
{
	auto_json json_t *args = json_array();
	auto_json json_t *rows = json_array();
	auto_query struct db_query *q = NULL;
	struct builder b = {.args = args};
	int rc = build(&b, pq);

	if (rc)
		return rc;
	q = db_query_json(db, b.sql, args);
	if (!q)
		return -EIO;
	while ((rc = db_next(q)) == 1 && json_array_size(rows) < pq->limit)
		json_array_append_new(rows, db_row_json(q));
	if (rc < 0)
		return rc;
	*next = rc == 1 ? cursor_make(pq->sort, pq->sort + (pq->sort[0] == '-'),
				      json_array_get(rows, pq->limit - 1)) :
			  NULL;
	*items = json_incref(rows);
	return 0;
}
