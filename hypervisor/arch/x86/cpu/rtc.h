/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/** The CMOS clock as seconds since 1970 (UTC), 0 when it makes no sense. Context: boot. */
uint64_t rtc_read_seconds(void);
