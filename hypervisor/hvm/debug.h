/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/vcpu.h"

/** Log the registers of @v, which runs here and is about to be crashed. */
void hvm_log_state(const struct vcpu *v);
/** How often @v left for reason number @why. Return: the reason's name, NULL past the last. */
const char *hvm_exit_count(const struct vcpu *v, unsigned int why, uint64_t *count);
