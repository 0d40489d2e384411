/* SPDX-License-Identifier: Apache-2.0 */
/* The state a PVH guest's vCPUs start in, as the records of XEN_DOMCTL_sethvmcontext. */
#ifndef DOMUS_TOOLSTACK_CONTEXT_H
#define DOMUS_TOOLSTACK_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

/** Bytes that context_build() writes for so many vCPUs. */
size_t context_size(unsigned int vcpus);
/**
 * A header, memory types (all write-back) for each vCPU, and vCPU 0 in flat 32-bit protected mode
 * at @entry with EBX = @start_info. The other vCPUs wait for INIT and SIPI.
 */
void context_build(unsigned int vcpus, uint64_t entry, uint64_t start_info, uint8_t *out);

#endif
