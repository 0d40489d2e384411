/* SPDX-License-Identifier: Apache-2.0 */
/* What the fake toolstack says of the programs that serve disks. */
#ifndef FAKE_DISKS_H
#define FAKE_DISKS_H

#include <stdint.h>

#define FAKE_STUCK (-2)

/** Disk @slot of @domid has a server: @pidfd (borrowed) is readable once it has ended, -1 when it has, or FAKE_STUCK. */
void fake_disk_server(uint32_t domid, uint32_t slot, int pidfd);

#endif
