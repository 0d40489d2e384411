// SPDX-License-Identifier: Apache-2.0
/* Code bytes of a guest, and the lengths of the few instructions that exit and have no operands. */
#include "hvm/exits.h"

#include "arch/x86/cpu/regs.h"
#include "lib/string.h"

#define DR6_BS (1ULL << 14)

static const struct {
	uint8_t len;
	uint8_t bytes[3];
	bool modrm;
} known[INSN_NR] = {
	[INSN_CPUID] = {2, {0x0f, 0xa2}, false},
	[INSN_HLT] = {1, {0xf4}, false},
	[INSN_VMMCALL] = {3, {0x0f, 0x01, 0xd9}, false},
	[INSN_VMCALL] = {3, {0x0f, 0x01, 0xc1}, false},
	[INSN_RDMSR] = {2, {0x0f, 0x32}, false},
	[INSN_WRMSR] = {2, {0x0f, 0x30}, false},
	[INSN_INVD] = {2, {0x0f, 0x08}, false},
	[INSN_WBINVD] = {2, {0x0f, 0x09}, false},
	[INSN_XSETBV] = {3, {0x0f, 0x01, 0xd1}, false},
	[INSN_PAUSE] = {1, {0x90}, false}, /* the F3 counts as a prefix */
	[INSN_MOV_CR8] = {2, {0x0f, 0x22}, true},
};

/* LOCK (0xf0) makes all of these #UD, but for MOV CR, where it stands for REX.R (APM vol. 3). */
static bool is_prefix(uint8_t b)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x66:
	case 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3: return true;
	default: return false;
	}
}

unsigned int insn_match(enum known_insn what, const uint8_t *code, size_t len, bool long_mode,
			uint16_t *modrm)
{
	unsigned int n = known[what].len, at = 0;
	uint8_t rex = 0;

	while (at < len && is_prefix(code[at]))
		at++;
	if (long_mode && at < len && (code[at] & 0xf0) == 0x40)
		rex = code[at++];
	if (at > len || n > len - at || memcmp(code + at, known[what].bytes, n) != 0)
		return 0;
	at += n;
	if (known[what].modrm) {
		if (at == len)
			return 0;
		if (modrm)
			*modrm = (uint16_t)(code[at] | (rex & 0xf) << 8);
		at++;
	}
	return at <= INSN_MAX ? at : 0;
}

size_t hvm_fetch(struct vcpu *v, uint8_t *buf, size_t size)
{
	struct guest_paging paging;
	struct hvm_segment cs;
	uint64_t at = v->regs.rip;
	size_t got = 0;

	if (!hvm_long_mode(v)) {
		virt->get_segment(v, HVM_CS, &cs);
		at = (at + cs.base) & 0xffffffff;
	}
	virt->get_paging(v, &paging);
	while (got < size) {
		size_t n = min(size - got, (size_t)(PAGE_SIZE - (at & ~PAGE_MASK)));

		if (guest_fetch(v, &paging, buf + got, at, n))
			break;
		got += n;
		at += n;
	}
	return got;
}

unsigned int hvm_insn_find(struct vcpu *v, enum known_insn what)
{
	uint8_t code[INSN_MAX];
	unsigned int len =
		insn_match(what, code, hvm_fetch(v, code, sizeof(code)), hvm_long_mode(v), NULL);

	if (len)
		*hvm_insn_slot(v) = (struct insn_cache_entry){v->regs.rip, v->hvm->exit_cr3,
							      (uint8_t)(what + 1), (uint8_t)len};
	return len;
}

void hvm_single_step(struct vcpu *v)
{
	virt->set_reg(v, HVM_DR6, virt->get_reg(v, HVM_DR6) | DR6_BS);
	hvm_inject_exception(v, X86_TRAP_DB, HVM_NO_ERROR);
}
