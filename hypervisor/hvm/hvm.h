/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/domain.h"
#include "core/vcpu.h"

extern const struct guest_ops hvm_guest_ops;
extern const struct domain_part hvm_part;

/** Find SVM (later VMX), set up this host for it. Boot CPU. Return: 0, -ENODEV with words logged. */
int must_check hvm_init(void);
/** Enable virtualization on this CPU (each CPU once). */
int must_check hvm_cpu_init(void);

/** vCPU @v's state for a 32-bit flat PVH entry (abi: start_info.h): RIP, RBX; makes it startable. */
void hvm_set_pvh_entry(struct vcpu *v, uint32_t rip, uint32_t rbx);

/** Save records (public hvm/save.h): the size of all of them; write them all; load a buffer. Only on a
 * paused domain. Return: 0 or -EINVAL, -ENOSPC. */
size_t hvm_save_size(struct domain *d);
int must_check hvm_save(struct domain *d, void *buf, size_t size, size_t *written);
int must_check hvm_load(struct domain *d, const void *buf, size_t size);
/** One record with no descriptor in front, as gethvmcontext_partial gives it. Return: 0, -EINVAL, -ENOENT. */
union hvm_record {
	struct hvm_hw_cpu cpu;
	struct hvm_hw_mtrr mtrr;
};
int must_check hvm_save_one(struct domain *d, uint32_t type, uint32_t instance,
			    union hvm_record *data, size_t *len);

/* The general registers, by the names that all records have for them. */
#define HVM_FOR_EACH_GPR(op)                                                                  \
	op(rax) op(rbx) op(rcx) op(rdx) op(rbp) op(rsi) op(rdi) op(rsp) op(r8) op(r9) op(r10) \
		op(r11) op(r12) op(r13) op(r14) op(r15) op(rip) op(rflags)

/** How often @v left for reason number @why. Return: the reason's name, NULL past the last. */
const char *hvm_exit_count(const struct vcpu *v, unsigned int why, uint64_t *count);

/** CPUID as vCPU @v would see it (documented policy table in hvm/cpuid.c). */
void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
