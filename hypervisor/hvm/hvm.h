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
/** "svm"/"vmx" or NULL. */
const char *hvm_backend(void);

/** vCPU @v's state for a 32-bit flat PVH entry (abi: start_info.h): RIP, RBX; makes it startable. */
void hvm_set_pvh_entry(struct vcpu *v, uint32_t rip, uint32_t rbx);

/** Save records (public hvm/save.h): the size of all of them; write them all; load a buffer. Only on a
 * paused domain. Return: 0 or -EINVAL, -ENOSPC. */
size_t hvm_save_size(struct domain *d);
int must_check hvm_save(struct domain *d, void *buf, size_t size, size_t *written);
int must_check hvm_load(struct domain *d, const void *buf, size_t size);
int must_check hvm_save_one(struct domain *d, uint16_t type, uint16_t instance, void *buf,
			    size_t size, size_t *written);

/** CPUID as vCPU @v would see it (documented policy table in hvm/cpuid.c). */
void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
