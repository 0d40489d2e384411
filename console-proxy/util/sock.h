/* SPDX-License-Identifier: Apache-2.0 */
/* UNIX stream sockets: listening with the right owner, connecting, line-sized reads. */
#ifndef CONSOLE_SOCK_H
#define CONSOLE_SOCK_H

#include <stddef.h>
#include <sys/types.h>

#include "util.h"

/**
 * Listen on @path, replacing a stale socket there. The socket is born mode 0600; with a @group it
 * becomes 0660 and that group's.
 * Return: descriptor (non-blocking) or a negative errno.
 */
must_check int sock_listen(const char *path, const char *group);

/** Connect to @path without blocking. Return: descriptor or a negative errno. */
must_check int sock_connect(const char *path);

/** Accept one connection, non-blocking. Return: descriptor or a negative errno. */
must_check int sock_accept(int fd);

/**
 * Take one line of at most @size - 1 bytes from @fd into @line, without its newline, and nothing
 * that stands behind it. @have counts what earlier calls gathered; it starts at 0.
 * Return: length of the line; -EAGAIN when it is not complete yet; -EMSGSIZE when it is too long
 * or holds a NUL; -ECONNRESET at end of file; another negative errno.
 */
must_check ssize_t sock_read_line(int fd, char *line, size_t size, size_t *have);

#endif
