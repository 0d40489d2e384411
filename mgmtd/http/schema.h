/* SPDX-License-Identifier: Apache-2.0 */
/* The part of JSON Schema that requests are described with, as tables made from the API document. */
#ifndef MGMTD_HTTP_SCHEMA_H
#define MGMTD_HTTP_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../util/problem.h"

enum schema_type {
	SCHEMA_STRING = 1,
	SCHEMA_INTEGER = 2,
	SCHEMA_BOOLEAN = 4,
	SCHEMA_OBJECT = 8,
	SCHEMA_NULL = 16,
	SCHEMA_ARRAY = 32,
};

struct schema_field;

struct schema {
	unsigned int types;  /* enum schema_type, or'ed */
	bool uuid;           /* strings are UUIDs */
	uint32_t min_length; /* in code points */
	uint32_t max_length; /* 0: any */
	int64_t minimum;
	int64_t maximum;
	int64_t multiple_of;               /* 0: any */
	const char *pattern;               /* POSIX extended and ECMA alike, or NULL */
	const char *const *values;         /* enum, ends with NULL; or NULL */
	const struct schema_field *fields; /* of an object, ends with a NULL name */
	const struct schema *items;        /* of an array */
	uint32_t min_items;
	uint32_t max_items;
};

struct schema_field {
	const char *name;
	const struct schema *schema;
	bool required;
};

/** Check @value; adds a row to the `errors` of @p for each fault. @path: of the value, "" at the top. */
void schema_check(const struct schema *s, const json_t *value, const char *path, struct problem *p);
/** Is it UTF-8, as all that is kept or answered must be? */
bool schema_is_text(const char *text);
/** As schema_check() for text from a query, a header or a path. */
void schema_check_text(const struct schema *s, const char *text, const char *path,
		       struct problem *p);

#endif
