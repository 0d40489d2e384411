// SPDX-License-Identifier: Apache-2.0
#include "hvm/save_check.h"

#include "arch/x86/cpu/regs.h"
#include "hvm/exits.h"
#include "lib/errno.h"
#include "lib/string.h"

#define CR0_RESERVED 0xffffffff1ffaffc0ULL
#define CR4_RESERVED 0xffffffffff88f000ULL
#define HIGH_HALF    0xffffffff00000000ULL

bool save_next(const void *buf, size_t size, size_t *at, struct hvm_save_descriptor *desc)
{
	if (*at > size || size - *at < sizeof(*desc))
		return false;
	memcpy(desc, (const uint8_t *)buf + *at, sizeof(*desc));
	if (desc->length > size - *at - sizeof(*desc))
		return false;
	*at += sizeof(*desc);
	return true;
}

/* What VMRUN would refuse (APM vol. 2, 15.5.1), and what a guest may not have. */
static bool cpu_valid(const struct hvm_hw_cpu *c)
{
	bool paging = c->cr0 & X86_CR0_PG, lme = c->msr_efer & X86_EFER_LME;

	if ((c->cr0 & CR0_RESERVED) || (c->cr4 & CR4_RESERVED) || !hvm_efer_valid(c->msr_efer))
		return false;
	if (((c->cr0 & X86_CR0_NW) && !(c->cr0 & X86_CR0_CD)) || (paging && !(c->cr0 & X86_CR0_PE)))
		return false;
	if (paging && lme && !(c->cr4 & X86_CR4_PAE))
		return false;
	return !(c->dr6 & HIGH_HALF) && !(c->dr7 & HIGH_HALF);
}

static bool record_valid(const struct hvm_save_descriptor *desc, const uint8_t *data)
{
	struct hvm_save_header header;
	struct hvm_hw_cpu cpu;
	struct hvm_hw_mtrr mtrr;

	switch (desc->typecode) {
	case SAVE_HEADER:
		if (desc->length != sizeof(header))
			return false;
		memcpy(&header, data, sizeof(header));
		return header.magic == HVM_FILE_MAGIC && header.version == HVM_FILE_VERSION;
	case SAVE_CPU:
		if (desc->length != sizeof(cpu))
			return false;
		memcpy(&cpu, data, sizeof(cpu));
		return cpu_valid(&cpu);
	case SAVE_MTRR:
		if (desc->length != sizeof(mtrr))
			return false;
		memcpy(&mtrr, data, sizeof(mtrr));
		return hvm_pat_valid(mtrr.msr_pat_cr);
	default: return false;
	}
}

int hvm_save_check(const void *buf, size_t size, unsigned int nr_vcpus)
{
	struct hvm_save_descriptor desc;
	size_t at = 0;
	bool header = false;

	while (save_next(buf, size, &at, &desc)) {
		if (desc.typecode == SAVE_END)
			return header && desc.length == 0 ? 0 : -EINVAL;
		if (!record_valid(&desc, (const uint8_t *)buf + at))
			return -EINVAL;
		if (desc.typecode == SAVE_HEADER)
			header = true;
		else if (!header || desc.instance >= nr_vcpus)
			return -EINVAL;
		at += desc.length;
	}
	return -EINVAL; /* no END */
}
