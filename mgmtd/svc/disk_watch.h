/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that serve disks can end before their disks do: the monitor looks after them. */
#ifndef MGMTD_SVC_DISK_WATCH_H
#define MGMTD_SVC_DISK_WATCH_H

#include <poll.h>

#include "svc.h"

#define DISK_WATCH_MAX 256 /* more are looked after, too, but only as often as the monitor looks */

/**
 * Disks whose server has ended fail at once and are recorded as failed; one of @fds (DISK_WATCH_MAX
 * of them) becomes readable when another one ends. Return: how many of @fds are in use.
 */
must_check size_t disk_watch(struct svc *svc, struct pollfd *fds);
/** Give @fds back. */
void disk_watch_end(struct pollfd *fds, size_t count);

#endif
