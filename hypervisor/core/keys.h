/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_KEYS_H
#define CORE_KEYS_H

/** Register the debug keys about the host itself. Context: boot, once. */
void keys_init(void);

#endif
