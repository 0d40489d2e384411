/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slows down who guesses passwords: per address, and per user and address; of IPv6, whoever has one address
 * has its whole /64 (RFC 6177). In memory, bounded. Any thread.
 */
#ifndef MGMTD_AUTH_LIMITER_H
#define MGMTD_AUTH_LIMITER_H

#include <stdint.h>

#define LIMITER_FREE_TRIES  5
#define LIMITER_MAX_WAIT_MS 300000

/**
 * Begin a try. It counts as failed from here on, so that tries at the same time are no more than one after
 * the other; each past the free ones doubles the wait.
 * Return: 0, or how long (ms) this one must wait before the next try, which has not begun then.
 */
int64_t limiter_try(const char *user, const char *address, int64_t now);
/** The try succeeded. */
void limiter_passed(const char *user, const char *address);
/** Forget everything. */
void limiter_reset(void);

#endif
