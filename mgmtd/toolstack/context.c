/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"

#include <assert.h>
#include <string.h>

#include "abi.h"

#define CR0_PE         (1u << 0)
#define CR0_ET         (1u << 4)
#define RFLAGS_FIXED   (1u << 1)
#define DR6_RESET      0xffff0ff0u
#define DR7_RESET      0x400u
/* Attributes as VMX keeps them: type, S, DPL, P in 0-7; AVL, L, D/B, G in 8-11. */
#define ATTR_FLAT_CODE 0xc9bu
#define ATTR_FLAT_DATA 0xc93u
#define ATTR_TSS       0x8bu
#define TSS_LIMIT      0x67u

#define PAT_RESET    0x0007040600070406ull
#define MTRR_ENABLED (1u << 11)
#define MTRR_WB      6u

static_assert(sizeof(struct hvm_hw_cpu) == 0x408, "ABI record");

static uint8_t *put(uint8_t *out, uint16_t type, uint16_t instance, const void *data, size_t size)
{
	struct hvm_save_descriptor d = {
		.typecode = type, .instance = instance, .length = (uint32_t)size};

	memcpy(out, &d, sizeof(d));
	if (size)
		memcpy(out + sizeof(d), data, size);
	return out + sizeof(d) + size;
}

#define PUT(out, name, instance, data) \
	put(out, HVM_SAVE_CODE(name), (uint16_t)(instance), data, HVM_SAVE_LENGTH(name))

static struct hvm_hw_cpu boot_cpu(uint64_t entry, uint64_t start_info)
{
	return (struct hvm_hw_cpu){
		.rip = entry,
		.rbx = start_info,
		.rflags = RFLAGS_FIXED,
		.cr0 = CR0_PE | CR0_ET,
		.dr6 = DR6_RESET,
		.dr7 = DR7_RESET,
		.cs_limit = ~0u,
		.ds_limit = ~0u,
		.es_limit = ~0u,
		.ss_limit = ~0u,
		.tr_limit = TSS_LIMIT,
		.cs_arbytes = ATTR_FLAT_CODE,
		.ds_arbytes = ATTR_FLAT_DATA,
		.es_arbytes = ATTR_FLAT_DATA,
		.ss_arbytes = ATTR_FLAT_DATA,
		.tr_arbytes = ATTR_TSS,
	};
}

size_t context_size(unsigned int vcpus)
{
	return sizeof(struct hvm_save_descriptor) + HVM_SAVE_LENGTH(HEADER) +
	       vcpus * (sizeof(struct hvm_save_descriptor) + HVM_SAVE_LENGTH(MTRR)) +
	       sizeof(struct hvm_save_descriptor) + HVM_SAVE_LENGTH(CPU) +
	       sizeof(struct hvm_save_descriptor);
}

void context_build(unsigned int vcpus, uint64_t entry, uint64_t start_info, uint8_t *out)
{
	struct hvm_save_header header = {.magic = HVM_FILE_MAGIC, .version = HVM_FILE_VERSION};
	struct hvm_hw_mtrr mtrr = {.msr_pat_cr = PAT_RESET,
				   .msr_mtrr_cap = MTRR_VCNT | 1u << 8 | 1u << 10,
				   .msr_mtrr_def_type = MTRR_ENABLED | MTRR_WB};
	struct hvm_hw_cpu cpu = boot_cpu(entry, start_info);

	out = PUT(out, HEADER, 0, &header);
	for (unsigned int n = 0; n < vcpus; n++)
		out = PUT(out, MTRR, n, &mtrr);
	out = PUT(out, CPU, 0, &cpu);
	put(out, HVM_SAVE_CODE(END), 0, NULL, 0);
}
