/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/vcpu.h"
#include "hvm/svm/vmcb.h"
#include "hvm/vcpu_state.h"

static inline struct vmcb *svm_vmcb(const struct vcpu *v)
{
	return v->hvm->control;
}

/** Whether what has exit code @code below 0xc0 is to exit. */
static inline void svm_intercept(struct vmcb *b, unsigned int code, bool on)
{
	uint32_t bit = 1u << code % 32;

	b->intercept[code / 32] = (b->intercept[code / 32] & ~bit) | (on ? bit : 0);
}

/* exit.c */
/** Have all exit that we handle; hvm_reset_state() closes the windows. */
void svm_intercept_all(struct vmcb *b);
void svm_handle_exit(struct vcpu *v);
void svm_describe_exit(const struct vcpu *v, char *buf, size_t size);
