/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/domain.h"

/** Gives every domain its watchdogs. */
extern const struct domain_part watchdog_part;

/**
 * SCHEDOP_watchdog (public sched.h): the domain is shut down with SHUTDOWN_watchdog when a watchdog
 * has not been set again for @seconds. @id: 0 takes a free one, else one that was taken; @seconds: 0
 * gives it back. Return: for @id 0 the new id, else 0; -EINVAL, -ENOSPC when all are taken.
 * Locking: takes the domain's watchdog lock.
 */
long watchdog_set(struct domain *d, uint32_t id, uint32_t seconds);
