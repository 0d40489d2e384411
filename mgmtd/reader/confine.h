/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up all that reading an image, or serving a disk, does not need. */
#ifndef MGMTD_READER_CONFINE_H
#define MGMTD_READER_CONFINE_H

#include <stdint.h>

#define CONFINE_USER    "domus-disk"
#define CONFINE_MEMORY  (256ull << 20) /* bytes of address space */
#define CONFINE_SECONDS 300            /* of CPU for a look that writes nothing */

/**
 * From here on this process has its descriptors 0 to 2 and its memory, and no call into the kernel
 * but to read and write those: another user without privileges, no way to open, connect, start or
 * signal anything, and no file longer than @file_max bytes. Any other call ends it, as does the end
 * of its parent. Return: 0 or -errno, upon which it must end.
 */
int confine(uint64_t file_max);

/**
 * Become the user @name (without one of that name nobody), and with @own >= 0 first make that file
 * his. Who is not root has no more to give up. Return: 0 or -errno, upon which it must end.
 */
int confine_user(int own, const char *name);
struct sock_fprog;
/** No privileges from now on, and no calls but @program's. Return: as confine_user(). */
int confine_calls(const struct sock_fprog *program);

#endif
