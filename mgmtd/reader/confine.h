/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up all that reading an image does not need. */
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

#endif
