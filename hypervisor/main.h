/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

/** Where boot.S goes: the loader's @magic and the address of its information. */
void __noreturn hv_main(uint32_t magic, paddr_t info);
