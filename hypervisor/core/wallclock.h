/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

struct domain;

/** Set the host's wall clock: @sec.@nsec UTC was the time when now_ns() was @system_time (platform_op
 * settime). Every domain's shared_info follows. */
void wallclock_set(uint64_t sec, uint32_t nsec, uint64_t system_time);
/** Write @d's wall clock record anew (creation, time offset changed). */
void wallclock_update_domain(struct domain *d);
