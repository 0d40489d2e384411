/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/domain.h"

extern const struct domain_part gnttab_part;

#define GNTTAB_DEFAULT_FRAMES   64
#define GNTTAB_DEFAULT_MAPTRACK 1024

/** Limits for a new domain, before its table is first used. 0 keeps the default (of @max_version: 2).
 * Return: 0, -ENOMEM (nothing changed). */
int must_check gnttab_set_limits(struct domain *d, uint32_t max_frames,
				 uint32_t max_maptrack_frames, uint32_t max_version);
/** Frames that @d's table can have; @status: of status, 0 while it is of version 1. */
uint32_t gnttab_max_frames(struct domain *d, bool status);
/**
 * Frame @idx of @d's shared table, growing the table if need be, with a reference for a p2m entry.
 * @status asks for version 2 status frames. Return: 0, -EINVAL (bad index, version 1 has no status).
 */
int must_check gnttab_get_frame(struct domain *d, bool status, uint32_t idx, mfn_t *mfn);
/** Grants of @d that are in use at this moment, and mappings it has of others' grants. */
struct gnttab_usage {
	uint32_t used;
	uint32_t mapped;
};
struct gnttab_usage gnttab_usage(struct domain *d);

hypercall_fn gnttab_hypercall; /* __HYPERVISOR_grant_table_op */
