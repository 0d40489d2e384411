/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HVM_DEBUG_H
#define HVM_DEBUG_H

#include "core/vcpu.h"

/** Log the registers of @v, which runs here and is about to be crashed. */
void hvm_log_state(const struct vcpu *v);
/** Register the debug keys. Boot CPU. */
void hvm_debug_init(void);

#endif
