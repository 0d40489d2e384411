/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/** Register the debug keys about the host itself. Context: boot, once. */
void keys_init(void);
