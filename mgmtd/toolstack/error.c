/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int ts_fail(struct ts_error *err, enum ts_code code, int rc, const char *fmt, ...)
{
	va_list args;

	if (rc >= 0)
		rc = -EIO;
	if (!err)
		return rc;
	*err = (struct ts_error){.code = code};
	va_start(args, fmt);
	vsnprintf(err->detail, sizeof(err->detail), fmt, args);
	va_end(args);
	return rc;
}

int ts_fail_memory(struct ts_error *err, uint64_t needed, uint64_t free_bytes)
{
	ts_fail(err, TS_ENOMEM_HOST, -ENOMEM,
		"not enough memory on the host: %llu MiB needed, %llu MiB free",
		(unsigned long long)((needed + (1u << 20) - 1) >> 20),
		(unsigned long long)(free_bytes >> 20));
	if (err) {
		err->needed = needed;
		err->free = free_bytes;
	}
	return -ENOMEM;
}

void ts_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void ts_free(void *ptr_to_pointer)
{
	void *p;

	memcpy(&p, ptr_to_pointer, sizeof(p));
	free(p);
}
