/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of virtual machines: volumes, and CD images. */
#ifndef MGMTD_SVC_DISK_H
#define MGMTD_SVC_DISK_H

#include "vm.h"

/**
 * Give the machine @vm a disk as @spec (a checked DiskCreate) says; at once when it runs, else from
 * its next start on. @id names the disk. Slow.
 */
must_check int disk_attach(struct svc *svc, const char *vm, const json_t *spec,
			   char id[UUID_TEXT_LEN], struct problem *p);
/**
 * Record the disks of the array @specs (checked DiskCreates, or NULL) for a machine that is being
 * made. Within its transaction; problems name their fields "disks.0.volume".
 */
must_check int disks_insert(struct svc *svc, const char *vm, const json_t *specs,
			    struct problem *p);
/** Take a disk away; a running guest is asked, and with @force is not. Slow. */
must_check int disk_detach(struct svc *svc, const char *vm, const char *id, bool force,
			   struct problem *p);
/** The resource as the API shows it, or NULL. */
json_t *disk_json(struct svc *svc, const char *vm, const char *id);
/** @volume has grown: let the domains that have it see that. Slow. */
must_check int disks_resized(struct svc *svc, const char *volume, struct problem *p);
/** Give the new domain of a machine all its disks. */
must_check int disk_attach_all(struct svc *svc, const char *vm, uint32_t domid, struct problem *p);

#endif
