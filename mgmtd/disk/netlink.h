/* SPDX-License-Identifier: Apache-2.0 */
/* As much of generic netlink (linux/genetlink.h) as one request and its answer need. */
#ifndef MGMTD_DISK_NETLINK_H
#define MGMTD_DISK_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include "../util/cleanup.h"

struct netlink_message {
	size_t len; /* bytes in use */
	_Alignas(8) uint8_t bytes[512];
};

/** Return: a socket, or -errno. */
must_check int netlink_open(void);
/** The number of a family. Return: 0, -ENOENT while there is none, -errno. */
must_check int netlink_family(int fd, const char *name, uint16_t *family);

void netlink_begin(struct netlink_message *m, uint16_t family, uint8_t command, uint8_t version);
/** Add an attribute. Messages are small: what does not fit is our mistake, and ends the process. */
void netlink_put(struct netlink_message *m, uint16_t type, const void *data, size_t len);
void netlink_put_u32(struct netlink_message *m, uint16_t type, uint32_t value);
void netlink_put_u64(struct netlink_message *m, uint16_t type, uint64_t value);
/** Begin an attribute that holds others. Return: what netlink_nest_end() is to be called with. */
size_t netlink_nest(struct netlink_message *m, uint16_t type);
void netlink_nest_end(struct netlink_message *m, size_t nest);

/**
 * Send the message and wait for the answer, at most 90 s. With @size, attribute @type of the answer is
 * copied to @out (-ENODATA: it has none of that size). Return: 0 or -errno, the kernel's too.
 */
must_check int netlink_call(int fd, struct netlink_message *m, uint16_t type, void *out,
			    size_t size);

#endif
