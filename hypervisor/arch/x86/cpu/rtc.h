/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_CPU_RTC_H
#define ARCH_X86_CPU_RTC_H

#include "lib/types.h"

/** The CMOS clock as seconds since 1970 (UTC), 0 when it makes no sense. Context: boot. */
uint64_t rtc_read_seconds(void);

#endif
