/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound clean-up: a variable that owns something says so where it is declared. */
#ifndef MGMTD_CLEANUP_H
#define MGMTD_CLEANUP_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(fn)   __attribute__((cleanup(fn)))
#define must_check    __attribute__((warn_unused_result))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_json(json_t **p)
{
	json_decref(*p);
}

static inline void cleanup_file(FILE **p)
{
	if (*p)
		fclose(*p);
}

static inline void cleanup_fd(int *p)
{
	if (*p >= 0)
		close(*p);
}

#define auto_free cleanup(cleanup_free)
#define auto_json cleanup(cleanup_json)
#define auto_file cleanup(cleanup_file)
#define auto_fd   cleanup(cleanup_fd)

#endif
