/* SPDX-License-Identifier: Apache-2.0 */
/* Slows down who guesses passwords: per address, and per user and address. In memory, bounded. */
#ifndef MGMTD_AUTH_LIMITER_H
#define MGMTD_AUTH_LIMITER_H

#include <stdint.h>

#define LIMITER_FREE_TRIES  5
#define LIMITER_MAX_WAIT_MS 300000

/** How long (ms) must this one wait before the next try? 0: not at all. */
int64_t limiter_wait(const char *user, const char *address, int64_t now);
/** A try failed; each past the free ones doubles the wait. */
void limiter_failed(const char *user, const char *address, int64_t now);
/** One succeeded. */
void limiter_passed(const char *user, const char *address);
/** Forget everything. */
void limiter_reset(void);

#endif
