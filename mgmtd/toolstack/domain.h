/* SPDX-License-Identifier: Apache-2.0 */
/* Life-cycle pieces that building a domain needs as well. */
#ifndef DOMUS_TOOLSTACK_DOMAIN_H
#define DOMUS_TOOLSTACK_DOMAIN_H

#include "internal.h"

/** Destroy and wait until nothing of the domain is left in the hypervisor. */
TS_MUST_CHECK int domain_kill(struct toolstack *ts, uint32_t domid, struct ts_error *err);
/** Remember, or forget, that a domain is whole. */
void domain_set_built(struct toolstack *ts, uint32_t domid, bool built);

#endif
