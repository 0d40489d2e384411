/* SPDX-License-Identifier: Apache-2.0 */
/* Listening UNIX sockets. */
#ifndef MGMTD_UNIX_SOCKET_H
#define MGMTD_UNIX_SOCKET_H

#include "cleanup.h"

/**
 * Listen at @path, replacing what a former run left there. Only root and the group (when given and
 * known) may connect. Return: 0 or -errno.
 */
must_check int unix_listen(const char *path, const char *group, int *fd);

#endif
