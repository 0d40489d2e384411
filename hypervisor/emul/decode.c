// SPDX-License-Identifier: Apache-2.0
/* Instruction decoder: prefixes, one opcode table, ModRM and SIB (APM vol. 3, ch. 1). */
#include "emul/emul.h"

#include "lib/errno.h"

/* Opcodes whose operation ModRM.reg selects. */
enum group { GROUP_NONE, GROUP_1, GROUP_3, GROUP_4, GROUP_7, GROUP_8, GROUP_11, NR_GROUPS };

static const uint8_t groups[NR_GROUPS][8] = {
	[GROUP_1] = {EMUL_ADD, EMUL_OR, EMUL_ADC, EMUL_SBB, EMUL_AND, EMUL_SUB, EMUL_XOR, EMUL_CMP},
	[GROUP_3] = {EMUL_TEST, EMUL_TEST, EMUL_NOT, EMUL_NEG},
	[GROUP_4] = {EMUL_INC, EMUL_DEC},
	[GROUP_7] = {EMUL_VMCALL, 0, EMUL_XSETBV, EMUL_VMMCALL}, /* with mod 3, rm 1 */
	[GROUP_8] = {0, 0, 0, 0, EMUL_BT, EMUL_BTS, EMUL_BTR, EMUL_BTC},
	[GROUP_11] = {EMUL_MOV},
};

struct row {
	uint8_t op;
	uint8_t form;
	uint8_t group;   /* instead of op */
	uint8_t imm;     /* 0 none, 1 a byte, 4 as the operand size says, at most four bytes */
	uint8_t memsize; /* MOVZX/MOVSX: of the memory operand */
	bool offset;     /* rAX and an absolute address instead of ModRM */
};

/* Many opcodes come in pairs: the even one works on bytes, the odd one on the operand size. */
#define PAIR(base, o, f, ...) [(base)...(base) + 1] = {.op = (o), .form = (f), ##__VA_ARGS__}
#define ALU(base, o)          PAIR(base, o, EMUL_MEM_REG), PAIR((base) + 2, o, EMUL_REG_MEM)
#define TWO_BYTE              0x100 /* 0x0f stands before the opcode */

static const struct row rows[2 * TWO_BYTE] = {
	ALU(0x00, EMUL_ADD),
	ALU(0x08, EMUL_OR),
	ALU(0x10, EMUL_ADC),
	ALU(0x18, EMUL_SBB),
	ALU(0x20, EMUL_AND),
	ALU(0x28, EMUL_SUB),
	ALU(0x30, EMUL_XOR),
	ALU(0x38, EMUL_CMP),
	[0x63] = {EMUL_MOVSX, EMUL_REG_MEM, .memsize = 4},
	PAIR(0x6c, EMUL_INS, EMUL_STRING),
	PAIR(0x6e, EMUL_OUTS, EMUL_STRING),
	PAIR(0x80, 0, EMUL_MEM_IMM, .group = GROUP_1, .imm = 4),
	[0x83] = {0, EMUL_MEM_IMM, GROUP_1, .imm = 1},
	PAIR(0x84, EMUL_TEST, EMUL_MEM_REG),
	PAIR(0x86, EMUL_XCHG, EMUL_MEM_REG),
	PAIR(0x88, EMUL_MOV, EMUL_MEM_REG),
	PAIR(0x8a, EMUL_MOV, EMUL_REG_MEM),
	[0x90] = {EMUL_PAUSE, EMUL_PLAIN}, /* its F3 counts as a prefix */
	PAIR(0xa0, EMUL_MOV, EMUL_REG_MEM, .offset = true),
	PAIR(0xa2, EMUL_MOV, EMUL_MEM_REG, .offset = true),
	PAIR(0xa4, EMUL_MOVS, EMUL_STRING),
	PAIR(0xaa, EMUL_STOS, EMUL_STRING),
	PAIR(0xac, EMUL_LODS, EMUL_STRING),
	PAIR(0xc6, 0, EMUL_MEM_IMM, .group = GROUP_11, .imm = 4),
	[0xf4] = {EMUL_HLT, EMUL_PLAIN},
	PAIR(0xf6, 0, EMUL_MEM_IMM, .group = GROUP_3, .imm = 4),
	PAIR(0xfe, 0, EMUL_MEM_IMM, .group = GROUP_4),
	[TWO_BYTE | 0x01] = {0, EMUL_MODRM, GROUP_7},
	[TWO_BYTE | 0x08] = {EMUL_INVD, EMUL_PLAIN},
	[TWO_BYTE | 0x09] = {EMUL_WBINVD, EMUL_PLAIN},
	[TWO_BYTE | 0x22] = {EMUL_MOV_TO_CR, EMUL_MODRM},
	[TWO_BYTE | 0x30] = {EMUL_WRMSR, EMUL_PLAIN},
	[TWO_BYTE | 0x32] = {EMUL_RDMSR, EMUL_PLAIN},
	[TWO_BYTE | 0xa2] = {EMUL_CPUID, EMUL_PLAIN},
	[TWO_BYTE | 0xa3] = {EMUL_BT, EMUL_MEM_REG},
	[TWO_BYTE | 0xab] = {EMUL_BTS, EMUL_MEM_REG},
	[TWO_BYTE | 0xb3] = {EMUL_BTR, EMUL_MEM_REG},
	[TWO_BYTE | 0xb6] = {EMUL_MOVZX, EMUL_REG_MEM, .memsize = 1},
	[TWO_BYTE | 0xb7] = {EMUL_MOVZX, EMUL_REG_MEM, .memsize = 2},
	[TWO_BYTE | 0xba] = {0, EMUL_MEM_IMM, GROUP_8, .imm = 1},
	[TWO_BYTE | 0xbb] = {EMUL_BTC, EMUL_MEM_REG},
	[TWO_BYTE | 0xbe] = {EMUL_MOVSX, EMUL_REG_MEM, .memsize = 1},
	[TWO_BYTE | 0xbf] = {EMUL_MOVSX, EMUL_REG_MEM, .memsize = 2},
};

struct decoder {
	const struct guest_regs *regs;
	unsigned int width;
	const uint8_t *code;
	size_t len;
	size_t at;
	bool short_of; /* ran off the end */
	uint8_t rex;
	bool opsize_prefix;
	bool addr_prefix;
	bool lock;
	int seg; /* override, or -1 */
	bool rip_relative;
	struct emul_insn insn;
};

static uint64_t take(struct decoder *d, unsigned int n)
{
	uint64_t value = 0;

	if (d->at + n > d->len) {
		d->short_of = true;
		return 0;
	}
	for (unsigned int i = 0; i < n; i++)
		value |= (uint64_t)d->code[d->at + i] << (8 * i);
	d->at += n;
	return value;
}

static uint64_t take_signed(struct decoder *d, unsigned int n)
{
	uint64_t value = take(d, n);
	unsigned int shift = 64 - 8 * n;

	return n == 0 ? 0 : (uint64_t)((int64_t)(value << shift) >> shift);
}

/* Read legacy prefixes and REX; returns the first opcode byte. */
static uint8_t take_prefixes(struct decoder *d)
{
	for (;;) {
		uint8_t b = (uint8_t)take(d, 1);

		if (d->width == 8 && (b & 0xf0) == 0x40) {
			d->rex = b;
			continue;
		}
		switch (b) {
		case 0x26: d->seg = EMUL_ES; break;
		case 0x2e: d->seg = EMUL_CS; break;
		case 0x36: d->seg = EMUL_SS; break;
		case 0x3e: d->seg = EMUL_DS; break;
		case 0x64: d->seg = EMUL_FS; break;
		case 0x65: d->seg = EMUL_GS; break;
		case 0x66: d->opsize_prefix = true; break;
		case 0x67: d->addr_prefix = true; break;
		case 0xf0: d->lock = true; break;
		case 0xf2 ... 0xf3: d->insn.rep = true; break;
		default: return b;
		}
		d->rex = 0; /* REX counts only right before the opcode */
	}
}

/* What a bit of REX adds to a register's number. */
static uint8_t extended(const struct decoder *d, uint8_t bit, unsigned int reg)
{
	return (uint8_t)(reg | (d->rex & bit ? 8u : 0));
}

/* Bytes of displacement by ModRM.mod. */
static const uint8_t displacement[4] = {0, 1, 4, 0};

/* The memory operand that ModRM names, with SIB and displacement. */
static void decode_address(struct decoder *d, uint8_t mod, uint8_t rm)
{
	/* Register pairs of 16-bit addressing, by ModRM.rm; -1 = none. */
	static const int8_t base16[8] = {3, 3, 5, 5, -1, -1, 5, 3};
	static const int8_t index16[8] = {6, 7, 6, 7, 6, 7, -1, -1};
	bool wide = d->insn.addrsize != 2;
	unsigned int size = wide ? displacement[mod] : mod, scale = 0;
	int base = wide ? extended(d, 1, rm) : base16[rm], index = wide ? -1 : index16[rm];

	if (wide && rm == 4) {
		uint8_t sib = (uint8_t)take(d, 1);

		base = extended(d, 1, sib & 7);
		index = extended(d, 2, sib >> 3 & 7);
		if (index == 4)
			index = -1;
		scale = sib >> 6;
		rm = sib & 7;
	} else if (wide && rm == 5 && mod == 0) {
		d->rip_relative = d->width == 8;
	}
	/* With no displacement, the number of (E)BP means one instead of a base. */
	if (mod == 0 && rm == (wide ? 5 : 6)) {
		base = -1;
		size = wide ? 4 : 2;
	}
	if (base == 4 || base == 5)
		d->insn.seg = EMUL_SS;
	if (base >= 0)
		d->insn.ea += d->regs->gpr[base];
	if (index >= 0)
		d->insn.ea += d->regs->gpr[index] << scale;
	d->insn.ea += take_signed(d, size);
}

/* ModRM, and what hangs on it. Return: 0 or -EINVAL. */
static int decode_modrm(struct decoder *d, const struct row *row)
{
	uint8_t modrm = (uint8_t)take(d, 1), mod = modrm >> 6, reg = modrm >> 3 & 7, rm = modrm & 7;
	struct emul_insn *insn = &d->insn;

	if (d->short_of)
		return 0;
	if (row->group)
		insn->op = (enum emul_op)groups[row->group][reg];
	if (insn->op == EMUL_MOV_TO_CR) {
		insn->reg = extended(d, 1, rm);
		return 0;
	}
	if (row->group == GROUP_7)
		return insn->op != EMUL_NONE && mod == 3 && rm == 1 ? 0 : -EINVAL;
	if (insn->op == EMUL_NONE || mod == 3) /* no memory operand: nothing of ours */
		return -EINVAL;
	insn->reg = extended(d, 4, reg);
	if (insn->opsize == 1 && !d->rex && reg >= 4) {
		insn->reg = reg & 3;
		insn->high_byte = true;
	}
	decode_address(d, mod, rm);
	return 0;
}

static void decode_sizes(struct decoder *d, const struct row *row, uint16_t opcode)
{
	struct emul_insn *insn = &d->insn;

	if (opcode < TWO_BYTE && !(opcode & 1))
		insn->opsize = 1;
	else if (d->rex & 8) /* there is no eight-byte port access */
		insn->opsize = insn->op == EMUL_INS || insn->op == EMUL_OUTS ? 4 : 8;
	else
		insn->opsize = d->opsize_prefix == (d->width == 2) ? 4 : 2;
	insn->memsize = row->memsize ? row->memsize : insn->opsize;
	insn->addrsize = (uint8_t)d->width;
	if (d->addr_prefix)
		insn->addrsize = d->width == 4 ? 2 : 4;
}

static int decode_operands(struct decoder *d, const struct row *row)
{
	struct emul_insn *insn = &d->insn;
	int rc = 0;

	if (row->offset)
		insn->ea = take(d, insn->addrsize);
	else if (insn->form != EMUL_PLAIN && insn->form != EMUL_STRING)
		rc = decode_modrm(d, row);
	/* Group 3 has an immediate only in its TEST rows. */
	if (row->imm && (row->group != GROUP_3 || insn->op == EMUL_TEST))
		insn->imm =
			take_signed(d, row->imm == 1 ? 1u : min((unsigned int)insn->opsize, 4u));
	if (d->seg >= 0)
		insn->seg = (enum emul_seg)d->seg;
	insn->len = (uint8_t)d->at;
	if (d->rip_relative)
		insn->ea += d->regs->rip + insn->len;
	if (insn->addrsize < 8)
		insn->ea &= (1ULL << (8 * insn->addrsize)) - 1;
	return rc;
}

/* Only read-modify-write of memory may carry LOCK (APM vol. 3, 1.2.5). */
static bool lock_allowed(const struct emul_insn *insn)
{
	/* Of those without operands in memory the CPU has judged: it has made them exit. */
	if (insn->form < EMUL_STRING)
		return true;
	return (insn->form == EMUL_MEM_REG || insn->form == EMUL_MEM_IMM) && insn->op != EMUL_MOV &&
	       insn->op != EMUL_CMP && insn->op != EMUL_TEST && insn->op != EMUL_BT;
}

int emul_decode(const struct guest_regs *regs, unsigned int width, const uint8_t *code, size_t len,
		struct emul_insn *out)
{
	struct decoder d = {.regs = regs,
			    .width = width,
			    .code = code,
			    .len = min(len, (size_t)EMUL_INSN_MAX),
			    .seg = -1};
	uint16_t opcode = take_prefixes(&d);
	const struct row *row;
	int rc;

	if (opcode == 0x0f)
		opcode = (uint16_t)(TWO_BYTE | take(&d, 1));
	row = &rows[opcode];
	if (!d.short_of && ((!row->op && !row->group) || (opcode == 0x63 && width != 8)))
		return -EINVAL;
	d.insn.op = (enum emul_op)row->op;
	d.insn.form = (enum emul_form)row->form;
	d.insn.seg = EMUL_DS;
	decode_sizes(&d, row, opcode);
	rc = decode_operands(&d, row);
	if (d.short_of)
		return len >= EMUL_INSN_MAX ? -EINVAL : -E2BIG;
	if (!rc && d.lock && !lock_allowed(&d.insn))
		rc = -EINVAL;
	if (!rc)
		*out = d.insn;
	return rc;
}

unsigned int emul_decode_mov(const uint8_t *code, size_t len, unsigned int width, bool store,
			     unsigned int *reg)
{
	unsigned int at = 0, mod, rm;
	uint8_t rex = 0;

	if (width == 2 || len < 4) /* no MOV of those that are for devices is shorter but one */
		return 0;
	if (width == 8 && (code[0] & 0xf8) == 0x40) /* without W, which makes it 64 bits wide */
		rex = code[at++];
	if (code[at] != (store ? 0x89 : 0x8b) || code[at + 1] >= 0xc0)
		return 0;
	mod = code[at + 1] >> 6;
	rm = code[at + 1] & 7;
	*reg = (code[at + 1] >> 3 & 7) | (rex & 4 ? 8u : 0);
	at += 2;
	if (rm == 4)
		rm = code[at++] & 7; /* SIB: without a base it has a displacement, as ModRM has */
	at += mod == 0 && rm == 5 ? 4 : displacement[mod];
	return at <= len ? at : 0;
}
