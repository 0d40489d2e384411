// SPDX-License-Identifier: Apache-2.0
/*
 * MSRs that exit; ../README.md has them in words. What is not in the table does not exist: #GP. The SYSCALL, SYSENTER and FS/GS bases
 * never come here (see the backend's permission map), nor do reads of the TSC.
 */
#include "hvm/exits.h"

#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/regs.h"
#include "hvm/hvm.h"
#include "lib/errno.h"
#include "lib/string.h"

#define MTRR_CAP       (1u << 10 | 1u << 8 | MTRR_VCNT) /* WC, fixed ranges, count */
#define MTRR_DEF_WB    (1u << 11 | 1u << 10 | 6)        /* on, fixed ranges on, write-back */
#define HYPERCALL_STUB 32

/* ---- rules ---- */

bool hvm_efer_valid(uint64_t efer)
{
	return !(efer & ~(uint64_t)(X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE |
				    X86_EFER_FFXSR));
}

/* Eight fields, each a memory type: 0, 1, 4, 5, 6 or 7 (APM vol. 2, 7.8.1). */
bool hvm_pat_valid(uint64_t pat)
{
	for (unsigned int i = 0; i < 8; i++, pat >>= 8)
		if ((pat & 0xff) > 7 || (pat & 0xff) == 2 || (pat & 0xff) == 3)
			return false;
	return true;
}

/* ---- the handlers: read, then write ---- */

static int deny_read(struct vcpu *v __unused, uint32_t msr __unused, uint64_t *value __unused)
{
	return -EINVAL;
}

static int deny_write(struct vcpu *v __unused, uint32_t msr __unused, uint64_t value __unused)
{
	return -EINVAL;
}

static int read_clock(struct vcpu *v __unused, uint32_t msr __unused, uint64_t *value)
{
	*value = read_tsc();
	return 0;
}

static int read_reg(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	*value = virt->get_reg(v, msr == MSR_EFER ? HVM_EFER : HVM_PAT);
	return 0;
}

static int write_efer(struct vcpu *v, uint32_t msr __unused, uint64_t value)
{
	uint64_t old = virt->get_reg(v, HVM_EFER);
	bool paging = virt->get_reg(v, HVM_CR0) & X86_CR0_PG;

	/* APM vol. 2, 14.6.1: LME may not change while paging is on; LMA is not written. */
	if (!hvm_efer_valid(value) || (paging && ((old ^ value) & X86_EFER_LME)))
		return -EINVAL;
	virt->set_reg(v, HVM_EFER, (value & ~(uint64_t)X86_EFER_LMA) | (old & X86_EFER_LMA));
	return 0;
}

static int write_pat(struct vcpu *v, uint32_t msr __unused, uint64_t value)
{
	if (!hvm_pat_valid(value))
		return -EINVAL;
	virt->set_reg(v, HVM_PAT, value);
	return 0;
}

static bool has_feature(struct vcpu *v, uint32_t leaf, unsigned int reg, unsigned int bit)
{
	uint32_t out[4];

	hvm_cpuid(v, leaf, 0, out);
	return out[reg] >> bit & 1;
}

/* There with RDTSCP. */
static int read_tsc_aux(struct vcpu *v, uint32_t msr __unused, uint64_t *value)
{
	*value = v->hvm->tsc_aux;
	return has_feature(v, 0x80000001, 3, 27) ? 0 : -EINVAL;
}

static int write_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (!has_feature(v, 0x80000001, 3, 27) || value >> 32)
		return -EINVAL;
	v->hvm->tsc_aux = value;
	wrmsr(msr, value); /* read by RDTSCP without an exit */
	return 0;
}

static int read_host(struct vcpu *v __unused, uint32_t msr, uint64_t *value)
{
	if (rdmsr_safe(msr, value))
		*value = 0;
	return 0;
}

/* Flush indirect branch predictions, if the CPU can (IBPB). */
static int write_pred_cmd(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (!has_feature(v, 0x80000008, 1, 12) || (value & ~1ULL))
		return -EINVAL;
	return value && wrmsr_safe(msr, value) ? -EINVAL : 0;
}

/*
 * Write the page of call stubs at the guest frame of @value: old kernels and firmware call through it
 * (abi.md, trap 1). Each is mov $nr, %eax; vmmcall; ret.
 */
static int write_hypercall_page(struct vcpu *v, uint32_t msr __unused, uint64_t value)
{
	if (value & ~PAGE_MASK)
		return -EINVAL;
	for (uint32_t nr = 0; nr < PAGE_SIZE / HYPERCALL_STUB; nr++) {
		uint8_t stub[HYPERCALL_STUB] = {0xb8, (uint8_t)nr, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3};

		memset(stub + 9, 0xcc, sizeof(stub) - 9);
		if (nr == __HYPERVISOR_iret) {
			stub[0] = 0x0f; /* no such call here: ud2 */
			stub[1] = 0x0b;
		}
		if (guest_write_phys(v->domain, value + nr * HYPERCALL_STUB, stub, sizeof(stub)))
			return -EINVAL;
	}
	return 0;
}

#define KEPT(field) .kept = offsetof(struct hvm_vcpu, field)

/* In ascending order. */
static const struct msr_row {
	uint32_t first, last;
	uint16_t kept; /* where the first's value is kept; 0 = nowhere: it reads 0, and writes are lost */
	int (*read)(struct vcpu *v, uint32_t msr, uint64_t *value); /* instead */
	int (*write)(struct vcpu *v, uint32_t msr, uint64_t value);
} rows[] = {
	{MSR_TSC, MSR_TSC, .read = read_clock},
	{MSR_APIC_BASE, MSR_APIC_BASE, .read = vlapic_rdmsr, .write = vlapic_wrmsr},
	{0x49, 0x49, .read = deny_read, .write = write_pred_cmd}, /* PRED_CMD */
	{MSR_BIOS_SIGN_ID, MSR_BIOS_SIGN_ID, .read = read_host},
	/* MTRRs are kept to be read back; memory types come from the guest's PAT and from the host. */
	{MSR_MTRR_CAP, MSR_MTRR_CAP, KEPT(mtrr.msr_mtrr_cap), .write = deny_write},
	{0x179, 0x179, .write = deny_write}, /* MCG_CAP: no banks */
	{0x17a, 0x17a, .kept = 0},           /* MCG_STATUS */
	{0x1d9, 0x1d9, .kept = 0},           /* DEBUGCTL */
	{0x200, 0x20f, KEPT(mtrr.msr_mtrr_var)},
	{0x250, 0x250, KEPT(mtrr.msr_mtrr_fixed[0])},
	{0x258, 0x259, KEPT(mtrr.msr_mtrr_fixed[1])},
	{0x268, 0x26f, KEPT(mtrr.msr_mtrr_fixed[3])},
	{MSR_PAT, MSR_PAT, .read = read_reg, .write = write_pat},
	{0x2ff, 0x2ff, KEPT(mtrr.msr_mtrr_def_type)},
	{MSR_X2APIC_FIRST, 0x8ff, .read = vlapic_rdmsr, .write = vlapic_wrmsr},
	{0x40000000, 0x40000000, .read = deny_read, .write = write_hypercall_page},
	{MSR_EFER, MSR_EFER, .read = read_reg, .write = write_efer},
	{MSR_TSC_AUX, MSR_TSC_AUX, .read = read_tsc_aux, .write = write_tsc_aux},
	/* Chipset and errata switches Linux looks at on AMD; all off, and not to be set. */
	{0xc0010010, 0xc0010010, .kept = 0},         /* SYSCFG */
	{0xc0010015, 0xc0010015, .kept = 0},         /* HWCR */
	{0xc001001f, 0xc001001f, .kept = 0},         /* NB_CFG */
	{0xc0010055, 0xc0010055, .kept = 0},         /* INT_PENDING */
	{0xc0010058, 0xc0010058, .kept = 0},         /* MMIO_CFG_BASE */
	{0xc0011020, 0xc0011020, .kept = 0},         /* LS_CFG */
	{0xc0011029, 0xc0011029, .read = read_host}, /* DE_CFG */
};

static const struct msr_row *find(uint32_t msr)
{
	size_t low = 0, high = ARRAY_SIZE(rows);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (msr > rows[mid].last)
			low = mid + 1;
		else if (msr < rows[mid].first)
			high = mid;
		else
			return &rows[mid];
	}
	return NULL;
}

static uint64_t *kept(struct vcpu *v, const struct msr_row *row, uint32_t msr)
{
	return (uint64_t *)(void *)((char *)v->hvm + row->kept) + (msr - row->first);
}

int hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	const struct msr_row *row = find(msr);

	if (!row)
		return -EINVAL;
	if (row->read)
		return row->read(v, msr, value);
	*value = row->kept ? *kept(v, row, msr) : 0;
	return 0;
}

int hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	const struct msr_row *row = find(msr);

	if (!row)
		return -EINVAL;
	if (row->write)
		return row->write(v, msr, value);
	if (row->kept)
		*kept(v, row, msr) = value;
	return 0;
}

void hvm_msr_reset(struct vcpu *v)
{
	memset(&v->hvm->mtrr, 0, sizeof(v->hvm->mtrr));
	v->hvm->mtrr.msr_mtrr_cap = MTRR_CAP;
	v->hvm->mtrr.msr_mtrr_def_type = MTRR_DEF_WB;
	for (unsigned int i = 0; i < NUM_FIXED_MSR; i++)
		v->hvm->mtrr.msr_mtrr_fixed[i] = 0x0606060606060606ULL;
	v->hvm->tsc_aux = 0;
}
