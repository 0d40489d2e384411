/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: wall time as the API writes it, monotonic time for waiting. */
#ifndef MGMTD_CLOCK_H
#define MGMTD_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT_LEN 25 /* "2026-11-22T22:32:00.123Z" and the NUL */

/** Wall time, ms since 1970. */
int64_t clock_wall_ms(void);
/** Monotonic time, ms. */
int64_t clock_mono_ms(void);
/** Write @ms (wall) as RFC 3339 UTC with milliseconds; sorts as text. */
void clock_format(int64_t ms, char out[CLOCK_TEXT_LEN]);
/** Now, as clock_format() writes it. */
void clock_now(char out[CLOCK_TEXT_LEN]);

#endif
