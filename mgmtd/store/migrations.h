/* SPDX-License-Identifier: Apache-2.0 */
/* The schema, as numbered steps that are never edited once released. */
#ifndef MGMTD_STORE_MIGRATIONS_H
#define MGMTD_STORE_MIGRATIONS_H

#include <stddef.h>

struct migration {
	const char *name;
	const char *sql;
};

/** Step n takes a database from version n to n + 1. */
extern const struct migration migrations[];
extern const size_t migrations_count;

#endif
