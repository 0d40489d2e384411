/* SPDX-License-Identifier: Apache-2.0 */
/* Lists by pages: filters, order and an opaque cursor that stays right while rows come and go. */
#ifndef MGMTD_STORE_PAGE_H
#define MGMTD_STORE_PAGE_H

#include <jansson.h>

#include "../util/cleanup.h"

struct db;

struct page_filter {
	const char *column;
	const char *value; /* NULL: no filter */
};

struct page_query {
	const char *select; /* "SELECT ... FROM t"; must give columns id and the sort's */
	struct page_filter filters[6]; /* ends at the first without a column */
	const char *sort;              /* column, with a leading '-' for descending; trusted text */
	const char *cursor;            /* of the caller, or NULL */
	unsigned int limit;
};

/**
 * Fetch one page. @items: rows as db_row_json(). @next: the cursor of the next page, NULL at the end.
 * Return: 0, -EINVAL for a bad cursor, -EIO.
 */
must_check int page_fetch(struct db *db, const struct page_query *pq, json_t **items, char **next);

#endif
