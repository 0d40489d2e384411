/* SPDX-License-Identifier: Apache-2.0 */
/* Small things both console daemons need: scope-bound cleanup, clock, log lines. */
#ifndef CONSOLE_UTIL_H
#define CONSOLE_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define must_check      __attribute__((warn_unused_result))
#define _cleanup_free_  __attribute__((cleanup(util_freep)))
#define _cleanup_close_ __attribute__((cleanup(util_closep)))

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void util_freep(void *p)
{
	free(*(void **)p);
}

static inline void util_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/** Give up ownership of a descriptor held in a _cleanup_close_ variable. */
static inline int util_steal_fd(int *fd)
{
	int mine = *fd;

	*fd = -1;
	return mine;
}

/** Milliseconds of the monotonic clock. */
int64_t util_now_ms(void);

/** Write one line, prefixed with the program's name, to standard error. */
void util_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Parse a decimal number that fills the whole of @text.
 * Return: 0, or -EINVAL when it is no number or above @max.
 */
must_check int util_parse_u64(const char *text, uint64_t max, uint64_t *out);

/** True when @text is a UUID in the canonical lower-case form, and nothing else. */
int util_is_uuid(const char *text);

#define UUID_TEXT_SIZE 37

#endif
