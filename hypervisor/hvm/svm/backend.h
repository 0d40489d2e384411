/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "hvm/svm/svm.h"
#include "hvm/virt_ops.h"

/* The parts of svm_ops that live in vmcb.c. */
void svm_get_segment(const struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out);
void svm_set_segment(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in);
uint64_t svm_get_reg(const struct vcpu *v, enum hvm_reg which);
void svm_set_reg(struct vcpu *v, enum hvm_reg which, uint64_t value);
struct hvm_mode svm_get_mode(const struct vcpu *v);
void svm_get_paging(const struct vcpu *v, struct guest_paging *paging);
void svm_inject(struct vcpu *v, const struct hvm_event *event);
void svm_set_window(struct vcpu *v, enum hvm_window window, bool on);
void svm_trap_debug_regs(struct vcpu *v, bool trap);
