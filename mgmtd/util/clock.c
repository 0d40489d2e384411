/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

void clock_format(int64_t ms, char out[CLOCK_TEXT_LEN])
{
	time_t sec = (time_t)(ms / 1000);
	char text[CLOCK_TEXT_LEN];
	struct tm tm;

	gmtime_r(&sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, CLOCK_TEXT_LEN, "%.19s.%03uZ", text, (unsigned int)(ms % 1000) % 1000u);
}

void clock_now(char out[CLOCK_TEXT_LEN])
{
	clock_format(clock_wall_ms(), out);
}
