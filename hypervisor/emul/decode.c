// SPDX-License-Identifier: Apache-2.0
/* Instruction decoder: prefixes, opcode tables, ModRM and SIB (APM vol. 3, ch. 1). */
#include "emul/emul.h"

#include "lib/errno.h"

/* One opcode. imm: 0 none, 1 a byte, 4 as the operand size says (at most four bytes). */
struct row {
	uint8_t op;
	uint8_t form;
	uint8_t group : 1; /* op comes from ModRM.reg */
	uint8_t imm : 3;
	uint8_t memsize : 2; /* MOVZX/MOVSX: memory operand of 1 or 2 bytes */
};

/* Opcodes come in pairs here: the even one works on bytes, the odd one on the operand size. */
#define PAIR(base, o, f, ...) [(base)...(base) + 1] = {.op = (o), .form = (f), ##__VA_ARGS__}
#define ALU(base, o)          PAIR(base, o, EMUL_MEM_REG), PAIR((base) + 2, o, EMUL_REG_MEM)

static const struct row one_byte[256] = {
	ALU(0x00, EMUL_ADD),
	ALU(0x08, EMUL_OR),
	ALU(0x10, EMUL_ADC),
	ALU(0x18, EMUL_SBB),
	ALU(0x20, EMUL_AND),
	ALU(0x28, EMUL_SUB),
	ALU(0x30, EMUL_XOR),
	ALU(0x38, EMUL_CMP),
	[0x63] = {.op = EMUL_MOVSX, .form = EMUL_REG_MEM, .memsize = 3},
	PAIR(0x6c, EMUL_INS, EMUL_STRING),
	PAIR(0x6e, EMUL_OUTS, EMUL_STRING),
	PAIR(0x80, EMUL_ADD, EMUL_MEM_IMM, .group = 1, .imm = 4),
	[0x83] = {.op = EMUL_ADD, .form = EMUL_MEM_IMM, .group = 1, .imm = 1},
	PAIR(0x84, EMUL_TEST, EMUL_MEM_REG),
	PAIR(0x86, EMUL_XCHG, EMUL_MEM_REG),
	PAIR(0x88, EMUL_MOV, EMUL_MEM_REG),
	PAIR(0x8a, EMUL_MOV, EMUL_REG_MEM),
	PAIR(0xa0, EMUL_MOV, EMUL_ACC_MOFFS),
	PAIR(0xa2, EMUL_MOV, EMUL_MOFFS_ACC),
	PAIR(0xa4, EMUL_MOVS, EMUL_STRING),
	PAIR(0xaa, EMUL_STOS, EMUL_STRING),
	PAIR(0xac, EMUL_LODS, EMUL_STRING),
	PAIR(0xc6, EMUL_MOV, EMUL_MEM_IMM, .group = 1, .imm = 4),
	PAIR(0xf6, EMUL_TEST, EMUL_MEM, .group = 1, .imm = 4),
	PAIR(0xfe, EMUL_INC, EMUL_MEM, .group = 1),
};

static const struct row two_byte[256] = {
	[0xa3] = {.op = EMUL_BT, .form = EMUL_MEM_REG},
	[0xab] = {.op = EMUL_BTS, .form = EMUL_MEM_REG},
	[0xb3] = {.op = EMUL_BTR, .form = EMUL_MEM_REG},
	[0xbb] = {.op = EMUL_BTC, .form = EMUL_MEM_REG},
	[0xba] = {.op = EMUL_BT, .form = EMUL_MEM_IMM, .group = 1, .imm = 1},
	[0xb6] = {.op = EMUL_MOVZX, .form = EMUL_REG_MEM, .memsize = 1},
	[0xb7] = {.op = EMUL_MOVZX, .form = EMUL_REG_MEM, .memsize = 2},
	[0xbe] = {.op = EMUL_MOVSX, .form = EMUL_REG_MEM, .memsize = 1},
	[0xbf] = {.op = EMUL_MOVSX, .form = EMUL_REG_MEM, .memsize = 2},
};

/* Opcodes whose operation ModRM.reg selects. */
static const struct {
	uint16_t opcode; /* 0x100 | n for the two-byte map */
	uint8_t mask;    /* of opcode bits that do not matter */
	uint8_t op[8];
} groups[] = {
	{0x80, 3, {EMUL_ADD, EMUL_OR, EMUL_ADC, EMUL_SBB, EMUL_AND, EMUL_SUB, EMUL_XOR, EMUL_CMP}},
	{0xc6, 1, {EMUL_MOV}},
	{0xf6, 1, {EMUL_TEST, EMUL_TEST, EMUL_NOT, EMUL_NEG}},
	{0xfe, 1, {EMUL_INC, EMUL_DEC}},
	{0x1ba, 0, {0, 0, 0, 0, EMUL_BT, EMUL_BTS, EMUL_BTR, EMUL_BTC}},
};

/* Only read-modify-write of memory may carry LOCK (APM vol. 3, 1.2.5). */
static const uint32_t lockable =
	1u << EMUL_ADD | 1u << EMUL_OR | 1u << EMUL_ADC | 1u << EMUL_SBB | 1u << EMUL_AND |
	1u << EMUL_SUB | 1u << EMUL_XOR | 1u << EMUL_XCHG | 1u << EMUL_NOT | 1u << EMUL_NEG |
	1u << EMUL_INC | 1u << EMUL_DEC | 1u << EMUL_BTS | 1u << EMUL_BTR | 1u << EMUL_BTC;

/* Register pairs of 16-bit addressing, by ModRM.rm; -1 = none. */
static const int8_t base16[8] = {3, 3, 5, 5, -1, -1, 5, 3};
static const int8_t index16[8] = {6, 7, 6, 7, 6, 7, -1, -1};

struct cursor {
	const uint8_t *code;
	size_t len;
	size_t at;
	bool short_of; /* ran off the end */
	uint8_t rex;
	bool opsize_prefix;
	bool addr_prefix;
	bool lock;
	int seg; /* override, or -1 */
};

static uint64_t take(struct cursor *c, unsigned int n)
{
	uint64_t value = 0;

	if (c->at + n > c->len) {
		c->short_of = true;
		return 0;
	}
	for (unsigned int i = 0; i < n; i++)
		value |= (uint64_t)c->code[c->at + i] << (8 * i);
	c->at += n;
	return value;
}

static uint64_t take_signed(struct cursor *c, unsigned int n)
{
	uint64_t value = take(c, n);
	unsigned int shift = 64 - 8 * n;

	return n == 0 ? 0 : (uint64_t)((int64_t)(value << shift) >> shift);
}

/* Read legacy prefixes and REX; returns the first opcode byte. */
static uint8_t take_prefixes(struct cursor *c, struct emul_insn *insn, unsigned int width)
{
	for (;;) {
		uint8_t b = (uint8_t)take(c, 1);

		if (c->short_of)
			return 0;
		if (width == 8 && (b & 0xf0) == 0x40) {
			c->rex = b;
			continue;
		}
		switch (b) {
		case 0x26: c->seg = EMUL_ES; break;
		case 0x2e: c->seg = EMUL_CS; break;
		case 0x36: c->seg = EMUL_SS; break;
		case 0x3e: c->seg = EMUL_DS; break;
		case 0x64: c->seg = EMUL_FS; break;
		case 0x65: c->seg = EMUL_GS; break;
		case 0x66: c->opsize_prefix = true; break;
		case 0x67: c->addr_prefix = true; break;
		case 0xf0: c->lock = true; break;
		case 0xf2 ... 0xf3: insn->rep = true; break;
		default: return b;
		}
		c->rex = 0; /* REX counts only right before the opcode */
	}
}

static uint64_t reg_value(const struct emul_ctx *ctx, unsigned int nr)
{
	return *emul_reg(ctx->regs, nr);
}

static void ea_16(const struct emul_ctx *ctx, struct cursor *c, struct emul_insn *insn, uint8_t mod,
		  uint8_t rm)
{
	uint64_t ea = 0;

	if (mod == 0 && rm == 6) {
		insn->ea = take(c, 2);
		return;
	}
	if (base16[rm] >= 0) {
		ea += reg_value(ctx, (unsigned int)base16[rm]);
		if (base16[rm] == 5)
			insn->seg = EMUL_SS;
	}
	if (index16[rm] >= 0)
		ea += reg_value(ctx, (unsigned int)index16[rm]);
	insn->ea = (ea + take_signed(c, mod)) & 0xffff;
}

/* SIB byte: adds base and scaled index; returns true when a 32-bit displacement replaces the base. */
static bool ea_sib(const struct emul_ctx *ctx, struct cursor *c, struct emul_insn *insn,
		   uint8_t mod)
{
	uint8_t sib = (uint8_t)take(c, 1);
	unsigned int index = (unsigned int)((sib >> 3 & 7) | (c->rex & 2 ? 8 : 0));
	unsigned int base = (unsigned int)((sib & 7) | (c->rex & 1 ? 8 : 0));

	if (index != 4)
		insn->ea += reg_value(ctx, index) << (sib >> 6);
	if ((sib & 7) == 5 && mod == 0)
		return true;
	insn->ea += reg_value(ctx, base);
	if (base == 4 || base == 5)
		insn->seg = EMUL_SS;
	return false;
}

/* 32- and 64-bit addressing. *@rip_relative asks for the address of the next instruction. */
static void ea_32(const struct emul_ctx *ctx, struct cursor *c, struct emul_insn *insn, uint8_t mod,
		  uint8_t rm, bool *rip_relative)
{
	unsigned int disp = mod == 1 ? 1 : mod == 2 ? 4 : 0;

	if (rm == 4) {
		if (ea_sib(ctx, c, insn, mod))
			disp = 4;
	} else if (rm == 5 && mod == 0) {
		disp = 4;
		*rip_relative = ctx->width == 8;
	} else {
		unsigned int base = (unsigned int)(rm | (c->rex & 1 ? 8 : 0));

		insn->ea = reg_value(ctx, base);
		if (base == 5)
			insn->seg = EMUL_SS;
	}
	insn->ea += take_signed(c, disp);
}

static uint8_t group_op(uint16_t opcode, uint8_t reg)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if ((opcode & ~groups[i].mask) == (groups[i].opcode & ~groups[i].mask))
			return groups[i].op[reg];
	return EMUL_NONE;
}

static bool lock_allowed(const struct emul_insn *insn)
{
	return (lockable >> insn->op & 1) &&
	       (insn->form == EMUL_MEM_REG || insn->form == EMUL_MEM_IMM || insn->form == EMUL_MEM);
}

static unsigned int operand_size(const struct emul_ctx *ctx, const struct cursor *c)
{
	if (c->rex & 8)
		return 8;
	return c->opsize_prefix == (ctx->width == 2) ? 4 : 2;
}

static unsigned int address_size(const struct emul_ctx *ctx, const struct cursor *c)
{
	if (!c->addr_prefix)
		return ctx->width;
	return ctx->width == 4 ? 2 : 4;
}

/* ModRM, SIB and displacement. Return: 0 or -EINVAL. */
static int decode_modrm(const struct emul_ctx *ctx, struct cursor *c, struct emul_insn *insn,
			const struct row *row, uint16_t opcode, bool *rip_relative)
{
	uint8_t modrm = (uint8_t)take(c, 1);
	uint8_t mod = modrm >> 6, reg = modrm >> 3 & 7, rm = modrm & 7;

	if (c->short_of)
		return 0;
	if (mod == 3)
		return -EINVAL; /* no memory operand: nothing of ours */
	if (row->group) {
		insn->op = (enum emul_op)group_op(opcode, reg);
		if (insn->op == EMUL_NONE)
			return -EINVAL;
	} else {
		insn->reg = (uint8_t)(reg | (c->rex & 4 ? 8 : 0));
		if (insn->opsize == 1 && !c->rex && reg >= 4) {
			insn->reg = reg & 3;
			insn->high_byte = true;
		}
	}
	if (insn->addrsize == 2)
		ea_16(ctx, c, insn, mod, rm);
	else
		ea_32(ctx, c, insn, mod, rm, rip_relative);
	return 0;
}

static void decode_sizes(const struct emul_ctx *ctx, const struct cursor *c, const struct row *row,
			 uint16_t opcode, struct emul_insn *insn)
{
	bool bytes = opcode < 0x100 && !(opcode & 1);

	insn->opsize = bytes ? 1 : (uint8_t)operand_size(ctx, c);
	/* There is no eight-byte port access. */
	if ((insn->op == EMUL_INS || insn->op == EMUL_OUTS) && insn->opsize == 8)
		insn->opsize = 4;
	insn->addrsize = (uint8_t)address_size(ctx, c);
	insn->memsize = insn->opsize;
	if (row->memsize)
		insn->memsize = row->memsize == 3 ? 4 : row->memsize;
}

static int decode_operands(const struct emul_ctx *ctx, struct cursor *c, const struct row *row,
			   uint16_t opcode, struct emul_insn *insn)
{
	bool rip_relative = false;
	int rc = 0;

	switch (insn->form) {
	case EMUL_STRING: break;
	case EMUL_ACC_MOFFS:
	case EMUL_MOFFS_ACC: insn->ea = take(c, insn->addrsize); break;
	default: rc = decode_modrm(ctx, c, insn, row, opcode, &rip_relative);
	}
	if (rc)
		return rc;
	/* Group 3 has an immediate only in its TEST rows. */
	if (row->imm && (insn->form != EMUL_MEM || insn->op == EMUL_TEST))
		insn->imm =
			take_signed(c, row->imm == 1 ? 1u : min((unsigned int)insn->opsize, 4u));
	if (insn->form == EMUL_MEM && insn->op == EMUL_TEST)
		insn->form = EMUL_MEM_IMM;
	if (c->seg >= 0)
		insn->seg = (enum emul_seg)c->seg;
	insn->len = (uint8_t)c->at;
	if (rip_relative)
		insn->ea += ctx->regs->rip + insn->len;
	if (insn->addrsize == 4)
		insn->ea &= 0xffffffff;
	return 0;
}

int emul_decode(const struct emul_ctx *ctx, const uint8_t *code, size_t len, struct emul_insn *out)
{
	struct cursor c = {.code = code, .len = min(len, (size_t)EMUL_INSN_MAX), .seg = -1};
	struct emul_insn insn = {.seg = EMUL_DS};
	const struct row *row;
	uint16_t opcode;
	int rc;

	opcode = take_prefixes(&c, &insn, ctx->width);
	if (opcode == 0x0f) {
		opcode = (uint16_t)(0x100 | take(&c, 1));
		row = &two_byte[opcode & 0xff];
	} else {
		row = &one_byte[opcode];
	}
	if (!c.short_of && (row->op == EMUL_NONE || (opcode == 0x63 && ctx->width != 8)))
		return -EINVAL;
	insn.op = (enum emul_op)row->op;
	insn.form = (enum emul_form)row->form;
	decode_sizes(ctx, &c, row, opcode, &insn);
	rc = decode_operands(ctx, &c, row, opcode, &insn);
	if (c.short_of)
		return len >= EMUL_INSN_MAX ? -EINVAL : -E2BIG;
	if (rc)
		return rc;
	if (c.lock && !lock_allowed(&insn))
		return -EINVAL;
	*out = insn;
	return 0;
}

bool emul_decode_mov(const uint8_t *code, size_t len, unsigned int width, struct emul_mov *mov)
{
	static const uint8_t displacement[4] = {0, 1, 4, 0};
	size_t at = 0;
	uint8_t rex = 0, mod, rm;

	if (width == 2 || len < 4) /* no MOV of those that are for devices is shorter but one */
		return false;
	if (width == 8 && (code[0] & 0xf8) == 0x40) /* without W, which makes it 64 bits wide */
		rex = code[at++];
	if (code[at] != 0x89 && code[at] != 0x8b)
		return false;
	mod = code[at + 1] >> 6;
	rm = code[at + 1] & 7;
	mov->store = code[at] == 0x89;
	mov->reg = (uint8_t)((code[at + 1] >> 3 & 7) | (rex & 4 ? 8 : 0));
	at += 2;
	if (mod == 3)
		return false;
	if (rm == 4)
		rm = code[at++] & 7; /* SIB: without a base it has a displacement, as ModRM has */
	at += mod == 0 && rm == 5 ? 4 : displacement[mod];
	mov->len = (uint8_t)at;
	return at <= len;
}
