/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks whose format the kernel does not know: qemu-nbd, started and confined by disk-server, has the
 * file, and the kernel's nbd driver makes a block device of the socket between them.
 *
 * Nothing of it depends on the process that opened it. The kernel takes the device away with its last
 * user (NBD_CFLAG_DISCONNECT_ON_CLOSE), and qemu-nbd ends with its connection; the device itself
 * says (in sysfs) who serves it and whose disk it is, so that another process finds both.
 */
#ifndef MGMTD_DISK_NBD_H
#define MGMTD_DISK_NBD_H

#include <stddef.h>
#include <sys/types.h>

#include "format.h"

/** What a server says of the disk it has. */
struct nbd_export {
	uint64_t size;  /* bytes */
	uint16_t flags; /* NBD_FLAG_* */
	pid_t pid;      /* the server */
};

/** A device in use, and the server behind it. */
struct nbd_device {
	unsigned int number;
	uint32_t domid, slot; /* as it was opened for */
	int pidfd;            /* [owned] of the server; -1: it is of no use any more */
	bool stuck;           /* pidfd is -1 though it has not ended: it did not answer in time */
};

/** As disk_format.open. */
int nbd_open(struct disk_opening *o);

/**
 * Have @file served, and agree with the server on what is served.
 * Return: a socket that is ready for requests, or -errno with @o->why set. The server ends with it.
 */
must_check int nbd_serve(struct disk_opening *o, int file, struct nbd_export *out);
/**
 * The client's side of the agreement, on a new connection: the fixed newstyle handshake of the NBD
 * protocol, with the default export. @ms: how long the server may take.
 * Return: 0, -EPROTO, -ECONNRESET, -ETIMEDOUT.
 */
must_check int nbd_handshake(int sock, unsigned int ms, struct nbd_export *out);

/**
 * Whether the kernel has given up its connection to the server @pidfd, and the server has not noticed:
 * it did not answer a request in time. Never so for one that does its work, which ends then.
 */
bool nbd_given_up(int pidfd);
/** End the servers that have the file @path: stuck ones, whose device is gone already. */
void nbd_evict(const char *path);

/** The devices there are with a server. @list: to be freed with nbd_devices_free(). */
must_check int nbd_devices(struct nbd_device **list, size_t *count);
void nbd_devices_free(struct nbd_device *list, size_t count);
/** A device is of no use any more: every request fails at once from now on. */
must_check int nbd_disconnect(unsigned int number);
/** Take away what nobody uses: what a process left that ended between opening and handing on. */
void nbd_sweep(void);

#endif
