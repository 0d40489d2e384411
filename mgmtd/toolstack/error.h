/* SPDX-License-Identifier: Apache-2.0 */
/* How functions of this room report failures, and helpers that give things back at scope's end. */
#ifndef DOMUS_TOOLSTACK_ERROR_H
#define DOMUS_TOOLSTACK_ERROR_H

#include "toolstack.h"

#define TS_MUST_CHECK        __attribute__((warn_unused_result))
#define TS_CLEANUP(fn)       __attribute__((__cleanup__(fn)))
#define TS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/**
 * Fill @err (NULL is fine) with @code and a sentence.
 * Return: @rc, so that a failing function can end with `return ts_fail(...)`; -EIO when @rc is no
 * error, as after a library call that failed without setting errno.
 */
int ts_fail(struct ts_error *err, enum ts_code code, int rc, const char *fmt, ...) TS_PRINTF(4, 5);

/** TS_ENOMEM_HOST with its numbers. Return: -ENOMEM. */
int ts_fail_memory(struct ts_error *err, uint64_t needed, uint64_t free_bytes);

/** For TS_CLEANUP on an int: closes a descriptor that is not negative. */
void ts_close_fd(int *fd);
/** For TS_CLEANUP on any pointer from malloc(). */
void ts_free(void *ptr_to_pointer);

#endif
