// SPDX-License-Identifier: Apache-2.0
/* Carries out decoded instructions: operands, arithmetic flags, strings (APM vol. 3, ch. 3). */
#include "emul/emul.h"

#define FLAG_CF     (1ULL << 0)
#define FLAG_PF     (1ULL << 2)
#define FLAG_AF     (1ULL << 4)
#define FLAG_ZF     (1ULL << 6)
#define FLAG_SF     (1ULL << 7)
#define FLAG_DF     (1ULL << 10)
#define FLAG_OF     (1ULL << 11)
#define FLAGS_ARITH (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

static uint64_t size_mask(unsigned int size)
{
	return size >= 8 ? ~0ULL : (1ULL << (8 * size)) - 1;
}

static uint64_t sign_extend(uint64_t value, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (uint64_t)((int64_t)(value << shift) >> shift);
}

void emul_set_reg(uint64_t *reg, unsigned int size, uint64_t value)
{
	if (size >= 4)
		*reg = value & size_mask(size);
	else
		*reg = (*reg & ~size_mask(size)) | (value & size_mask(size));
}

static uint64_t get_operand_reg(const struct emul_ctx *ctx, const struct emul_insn *insn)
{
	uint64_t value = ctx->regs->gpr[insn->reg];

	return insn->high_byte ? (value >> 8 & 0xff) : value & size_mask(insn->opsize);
}

static void set_operand_reg(struct emul_ctx *ctx, const struct emul_insn *insn, uint64_t value)
{
	uint64_t *reg = &ctx->regs->gpr[insn->reg];

	if (insn->high_byte)
		*reg = (*reg & ~0xff00ULL) | (value & 0xff) << 8;
	else
		emul_set_reg(reg, insn->opsize, value);
}

/* Linear address of @offset in @seg; outside 64-bit mode it wraps at 4 GiB. */
static uint64_t linear(const struct emul_ctx *ctx, enum emul_seg seg, uint64_t offset)
{
	if (ctx->width == 8)
		return offset + (seg >= EMUL_FS ? ctx->seg_base[seg] : 0);
	return (offset + ctx->seg_base[seg]) & 0xffffffff;
}

/* Parity, zero and sign of @result. */
static uint64_t flags_of(uint64_t result, unsigned int size)
{
	return (__builtin_parity((unsigned int)(result & 0xff)) ? 0 : FLAG_PF) |
	       (result & size_mask(size) ? 0 : FLAG_ZF) |
	       (result >> (8 * size - 1) & 1 ? FLAG_SF : 0);
}

/* And of a sum or difference of @a and @b; @overflow has its sign bit set when the sign is wrong. */
static uint64_t sum_flags(uint64_t a, uint64_t b, uint64_t r, bool carry, uint64_t overflow,
			  unsigned int size)
{
	return flags_of(r, size) | ((a ^ b ^ r) & FLAG_AF) | (carry ? FLAG_CF : 0) |
	       (overflow >> (8 * size - 1) & 1 ? FLAG_OF : 0);
}

/* @a op @b in @size bytes; *@flags are RFLAGS before and after. */
static uint64_t alu(enum emul_op op, uint64_t a, uint64_t b, unsigned int size, uint64_t *flags)
{
	uint64_t mask = size_mask(size), carry = *flags & FLAG_CF, r, f;

	a &= mask;
	b &= mask;
	switch (op) {
	case EMUL_ADD:
	case EMUL_ADC:
	case EMUL_INC:
		carry = op == EMUL_ADC ? carry : 0;
		r = (a + b + carry) & mask;
		f = sum_flags(a, b, r, carry ? r <= a : r < a, (a ^ r) & (b ^ r), size);
		break;
	case EMUL_OR:
	case EMUL_XOR:
	case EMUL_AND:
	case EMUL_TEST:
		r = op == EMUL_OR ? a | b : op == EMUL_XOR ? a ^ b : a & b;
		f = flags_of(r, size);
		break;
	default: /* SUB, CMP, SBB, DEC, NEG */
		carry = op == EMUL_SBB ? carry : 0;
		r = (a - b - carry) & mask;
		f = sum_flags(a, b, r, carry ? a <= b : a < b, (a ^ b) & (a ^ r), size);
	}
	if (op == EMUL_INC || op == EMUL_DEC) /* these leave the carry alone */
		f = (f & ~FLAG_CF) | (*flags & FLAG_CF);
	*flags = (*flags & ~FLAGS_ARITH) | f;
	return r;
}

/*
 * Compute the destination's new value from its old one @a and the source @b.
 * Return: whether it is to be written.
 */
static bool compute(const struct emul_insn *insn, uint64_t a, uint64_t b, uint64_t *value,
		    uint64_t *flags)
{
	uint64_t bit = 1ULL << (b & (8u * insn->opsize - 1));

	*value = b;
	switch (insn->op) {
	case EMUL_XCHG:
	case EMUL_MOVZX:
	case EMUL_MOV: return true;
	case EMUL_MOVSX: *value = sign_extend(b, insn->memsize); return true;
	case EMUL_NOT: *value = ~a; return true;
	case EMUL_BTS: *value = a | bit; break;
	case EMUL_BTR: *value = a & ~bit; break;
	case EMUL_BTC: *value = a ^ bit; break;
	case EMUL_BT: break;
	case EMUL_NEG: *value = alu(insn->op, 0, a, insn->opsize, flags); return true;
	case EMUL_INC:
	case EMUL_DEC: *value = alu(insn->op, a, 1, insn->opsize, flags); return true;
	default:
		*value = alu(insn->op, a, b, insn->opsize, flags);
		return insn->op != EMUL_CMP && insn->op != EMUL_TEST;
	}
	*flags = (*flags & ~FLAG_CF) | (a & bit ? FLAG_CF : 0);
	return insn->op != EMUL_BT;
}

/* A bit offset in a register reaches beyond the addressed operand (APM vol. 3, BT). */
static uint64_t bit_displacement(const struct emul_insn *insn, uint64_t src)
{
	int64_t index = (int64_t)sign_extend(src, insn->opsize);

	if (insn->form != EMUL_MEM_REG || insn->op < EMUL_BT || insn->op > EMUL_BTC)
		return 0;
	return (uint64_t)(index >> (insn->opsize == 8 ? 6 :
				    insn->opsize == 4 ? 5 :
							4)) *
	       insn->opsize;
}

/* One operand in memory, the other a register or immediate. A plain move to memory does not read it. */
static int perform_operands(struct emul_ctx *ctx, const struct emul_insn *insn)
{
	bool to_mem = insn->form != EMUL_REG_MEM, write;
	uint64_t flags = ctx->regs->rflags, mem = 0, value = 0;
	uint64_t reg = insn->form == EMUL_MEM_IMM ? insn->imm : get_operand_reg(ctx, insn);
	uint64_t gva = linear(ctx, insn->seg, insn->ea + bit_displacement(insn, reg));
	int rc = 0;

	if (insn->op != EMUL_MOV || !to_mem)
		rc = ctx->mem(ctx->arg, gva, &mem, insn->memsize, false);
	if (rc)
		return rc;
	write = compute(insn, to_mem ? mem : reg, to_mem ? reg : mem, &value, &flags);
	if (write && to_mem)
		rc = ctx->mem(ctx->arg, gva, &value, insn->memsize, true);
	if (rc)
		return rc;
	if (insn->op == EMUL_XCHG)
		set_operand_reg(ctx, insn, mem);
	else if (write && !to_mem)
		set_operand_reg(ctx, insn, value);
	ctx->regs->rflags = flags;
	return 0;
}

/* One round of a string instruction at the present RSI and RDI, which then move on. */
static int string_round(struct emul_ctx *ctx, const struct emul_insn *insn)
{
	const enum emul_op op = insn->op;
	const bool reads = op == EMUL_MOVS || op == EMUL_LODS || op == EMUL_OUTS;
	const bool writes = op == EMUL_MOVS || op == EMUL_STOS || op == EMUL_INS;
	struct guest_regs *r = ctx->regs;
	uint64_t amask = size_mask(insn->addrsize), value = op == EMUL_STOS ? r->rax : 0;
	uint64_t step = r->rflags & FLAG_DF ? 0 - (uint64_t)insn->opsize : insn->opsize;
	uint32_t port_value = 0;
	int rc = 0;

	if (reads) {
		rc = ctx->mem(ctx->arg, linear(ctx, insn->seg, r->rsi & amask), &value,
			      insn->opsize, false);
		port_value = (uint32_t)value;
	}
	if (!rc && (op == EMUL_INS || op == EMUL_OUTS)) {
		rc = ctx->port(ctx->arg, (uint16_t)r->rdx, insn->opsize, &port_value,
			       op == EMUL_OUTS);
		value = port_value;
	}
	if (!rc && writes)
		rc = ctx->mem(ctx->arg, linear(ctx, EMUL_ES, r->rdi & amask), &value, insn->opsize,
			      true);
	if (rc)
		return rc;
	if (op == EMUL_LODS)
		emul_set_reg(&r->rax, insn->opsize, value);
	if (reads)
		emul_set_reg(&r->rsi, insn->addrsize, r->rsi + step);
	if (writes)
		emul_set_reg(&r->rdi, insn->addrsize, r->rdi + step);
	return 0;
}

/* *@done tells whether RIP may move on. */
static int perform_string(struct emul_ctx *ctx, const struct emul_insn *insn, bool *done)
{
	uint64_t amask = size_mask(insn->addrsize);

	if (!insn->rep)
		return string_round(ctx, insn);
	for (unsigned int i = 0; i < EMUL_REP_MAX && (ctx->regs->rcx & amask); i++) {
		int rc = string_round(ctx, insn);

		if (rc)
			return rc;
		emul_set_reg(&ctx->regs->rcx, insn->addrsize, ctx->regs->rcx - 1);
	}
	*done = !(ctx->regs->rcx & amask);
	return 0;
}

int emul_perform(struct emul_ctx *ctx, const struct emul_insn *insn)
{
	bool done = true;
	int rc;

	if (insn->form == EMUL_STRING)
		rc = perform_string(ctx, insn, &done);
	else
		rc = perform_operands(ctx, insn);
	if (rc || !done)
		return rc;
	ctx->regs->rip += insn->len;
	if (ctx->width != 8)
		ctx->regs->rip &= 0xffffffff;
	return 0;
}
