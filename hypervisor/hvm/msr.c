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

#define MSR_MCG_CAP        0x179u
#define MSR_MCG_STATUS     0x17au
#define MSR_PRED_CMD       0x49u
#define MSR_DEBUGCTL       0x1d9u
#define MSR_MTRR_VAR_FIRST 0x200u
#define MSR_MTRR_VAR_LAST  0x20fu
#define MSR_MTRR_DEF_TYPE  0x2ffu
#define MSR_X2APIC_LAST    0x8ffu
#define MSR_XEN_HYPERCALL  0x40000000u
#define MSR_SYSCFG         0xc0010010u
#define MSR_HWCR           0xc0010015u
#define MSR_NB_CFG         0xc001001fu
#define MSR_INT_PENDING    0xc0010055u
#define MSR_MMIO_CFG_BASE  0xc0010058u
#define MSR_LS_CFG         0xc0011020u
#define MSR_DE_CFG         0xc0011029u

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

struct msr_row {
	uint32_t first, last;
	int (*read)(struct vcpu *v, uint32_t msr, uint64_t *value); /* NULL: reads 0 */
	int (*write)(struct vcpu *v, uint32_t msr, uint64_t value); /* NULL: writes are lost */
};

static int deny_read(struct vcpu *v __unused, uint32_t msr __unused, uint64_t *value __unused)
{
	return -EINVAL;
}

static int deny_write(struct vcpu *v __unused, uint32_t msr __unused, uint64_t value __unused)
{
	return -EINVAL;
}

static int read_tsc_msr(struct vcpu *v __unused, uint32_t msr __unused, uint64_t *value)
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

static const uint32_t fixed_mtrrs[NUM_FIXED_MSR] = {
	0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f,
};

/* MTRRs are kept for the guest to read back; memory types come from its PAT and from the host. */
static uint64_t *mtrr(struct vcpu *v, uint32_t msr)
{
	struct hvm_hw_mtrr *m = &v->hvm->mtrr;

	if (msr == MSR_MTRR_DEF_TYPE)
		return &m->msr_mtrr_def_type;
	if (msr >= MSR_MTRR_VAR_FIRST && msr <= MSR_MTRR_VAR_LAST)
		return &m->msr_mtrr_var[msr - MSR_MTRR_VAR_FIRST];
	for (unsigned int i = 0; i < NUM_FIXED_MSR; i++)
		if (fixed_mtrrs[i] == msr)
			return &m->msr_mtrr_fixed[i];
	return NULL;
}

static int read_mtrr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	const uint64_t *m = mtrr(v, msr);

	if (!m)
		return -EINVAL;
	*value = *m;
	return 0;
}

static int write_mtrr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	uint64_t *m = mtrr(v, msr);

	if (!m)
		return -EINVAL;
	*m = value;
	return 0;
}

static int read_mtrr_cap(struct vcpu *v __unused, uint32_t msr __unused, uint64_t *value)
{
	*value = MTRR_CAP;
	return 0;
}

static bool has_tsc_aux(struct vcpu *v)
{
	uint32_t out[4];

	hvm_cpuid(v, 0x80000001, 0, out);
	return out[3] >> 27 & 1;
}

static int read_tsc_aux(struct vcpu *v, uint32_t msr __unused, uint64_t *value)
{
	if (!has_tsc_aux(v))
		return -EINVAL;
	*value = v->hvm->tsc_aux;
	return 0;
}

static int write_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (!has_tsc_aux(v) || value >> 32)
		return -EINVAL;
	v->hvm->tsc_aux = value;
	wrmsr(msr, value); /* read by RDTSCP without an exit */
	return 0;
}

static int read_microcode(struct vcpu *v __unused, uint32_t msr, uint64_t *value)
{
	if (rdmsr_safe(msr, value))
		*value = 0;
	return 0;
}

/* Flush indirect branch predictions, if the CPU can (CPUID 0x80000008 EBX bit 12). */
static int write_pred_cmd(struct vcpu *v, uint32_t msr, uint64_t value)
{
	uint32_t out[4];

	hvm_cpuid(v, 0x80000008, 0, out);
	if (!(out[1] >> 12 & 1) || (value & ~1ULL))
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

/* In ascending order. */
static const struct msr_row rows[] = {
	{MSR_TSC, MSR_TSC, read_tsc_msr, NULL},
	{MSR_APIC_BASE, MSR_APIC_BASE, vlapic_rdmsr, vlapic_wrmsr},
	{MSR_PRED_CMD, MSR_PRED_CMD, deny_read, write_pred_cmd},
	{MSR_BIOS_SIGN_ID, MSR_BIOS_SIGN_ID, read_microcode, NULL},
	{MSR_MTRR_CAP, MSR_MTRR_CAP, read_mtrr_cap, deny_write},
	{MSR_MCG_CAP, MSR_MCG_CAP, NULL, deny_write}, /* no banks */
	{MSR_MCG_STATUS, MSR_MCG_STATUS, NULL, NULL},
	{MSR_DEBUGCTL, MSR_DEBUGCTL, NULL, NULL},
	{MSR_MTRR_VAR_FIRST, 0x26f, read_mtrr, write_mtrr},
	{MSR_PAT, MSR_PAT, read_reg, write_pat},
	{MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE, read_mtrr, write_mtrr},
	{MSR_X2APIC_FIRST, MSR_X2APIC_LAST, vlapic_rdmsr, vlapic_wrmsr},
	{MSR_XEN_HYPERCALL, MSR_XEN_HYPERCALL, deny_read, write_hypercall_page},
	{MSR_EFER, MSR_EFER, read_reg, write_efer},
	{MSR_TSC_AUX, MSR_TSC_AUX, read_tsc_aux, write_tsc_aux},
	/* Chipset and errata switches Linux looks at on AMD; all off, and not to be set. */
	{MSR_SYSCFG, MSR_SYSCFG, NULL, NULL},
	{MSR_HWCR, MSR_HWCR, NULL, NULL},
	{MSR_NB_CFG, MSR_NB_CFG, NULL, NULL},
	{MSR_INT_PENDING, MSR_INT_PENDING, NULL, NULL},
	{MSR_MMIO_CFG_BASE, MSR_MMIO_CFG_BASE, NULL, NULL},
	{MSR_LS_CFG, MSR_LS_CFG, NULL, NULL},
	{MSR_DE_CFG, MSR_DE_CFG, read_microcode, NULL},
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

int hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	const struct msr_row *row = find(msr);

	if (!row)
		return -EINVAL;
	if (row->read)
		return row->read(v, msr, value);
	*value = 0;
	return 0;
}

int hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	const struct msr_row *row = find(msr);

	if (!row)
		return -EINVAL;
	return row->write ? row->write(v, msr, value) : 0;
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
