/* SPDX-License-Identifier: Apache-2.0 */
/* What a client is told when something can't be done: the heart of an RFC 9457 problem. */
#ifndef MGMTD_PROBLEM_H
#define MGMTD_PROBLEM_H

#include <jansson.h>

#include "cleanup.h"

struct problem {
	int status;       /* HTTP */
	const char *code; /* stable, static storage */
	char detail[320]; /* a sentence for people */
	json_t *extra;    /* [owned] further members, or NULL */
};

/** Fill in @p, dropping what it held. Return: -ECANCELED, for `return problem_set(...)`. */
int problem_set(struct problem *p, int status, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** 500 without any inner detail; @where goes to the log. Return: -ECANCELED. */
int problem_internal(struct problem *p, const char *where);
/**
 * A system call or the like has failed with @rc, a negative errno: 507 when there was no room, else as
 * problem_internal(). Return: -ECANCELED.
 */
int problem_failed(struct problem *p, int rc, const char *where);
/** 409: somebody else was first. Return: -ECANCELED. */
int problem_changed(struct problem *p);
/** 503: svc_claim() was not to be had any more. Return: -ECANCELED. */
int problem_stopping(struct problem *p);
/** Add a member; takes over @value. */
void problem_extra(struct problem *p, const char *name, json_t *value);
/** Add a row to `errors`. */
void problem_field(struct problem *p, const char *field, const char *code, const char *detail);
/** A 422 about one field. Return: -ECANCELED. */
int problem_invalid(struct problem *p, const char *field, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** What it says of a field is of that of item @index of @array: "volume" becomes "disks.0.volume". */
void problem_prefix(struct problem *p, const char *array, size_t index);
void problem_fini(struct problem *p);
/** Copy @from, counting up the shared members. */
void problem_copy(struct problem *to, const struct problem *from);

#define auto_problem cleanup(problem_fini)

#endif
