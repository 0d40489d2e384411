/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/** Let a sibling run while spinning. */
static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}
