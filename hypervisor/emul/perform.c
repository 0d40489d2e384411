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

#define REG_RAX 0
#define REG_RCX 1
#define REG_RSI 6
#define REG_RDI 7

static const uint8_t reg_offset[16] = {
	offsetof(struct guest_regs, rax), offsetof(struct guest_regs, rcx),
	offsetof(struct guest_regs, rdx), offsetof(struct guest_regs, rbx),
	offsetof(struct guest_regs, rsp), offsetof(struct guest_regs, rbp),
	offsetof(struct guest_regs, rsi), offsetof(struct guest_regs, rdi),
	offsetof(struct guest_regs, r8),  offsetof(struct guest_regs, r9),
	offsetof(struct guest_regs, r10), offsetof(struct guest_regs, r11),
	offsetof(struct guest_regs, r12), offsetof(struct guest_regs, r13),
	offsetof(struct guest_regs, r14), offsetof(struct guest_regs, r15),
};

uint64_t *emul_reg(struct guest_regs *regs, unsigned int nr)
{
	return (uint64_t *)(void *)((char *)regs + reg_offset[nr & 15]);
}

static uint64_t size_mask(unsigned int size)
{
	return size >= 8 ? ~0ULL : (1ULL << (8 * size)) - 1;
}

static uint64_t sign_extend(uint64_t value, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (uint64_t)((int64_t)(value << shift) >> shift);
}

void emul_set_reg(struct guest_regs *regs, unsigned int nr, unsigned int size, uint64_t value)
{
	uint64_t *reg = emul_reg(regs, nr);

	if (size >= 4)
		*reg = value & size_mask(size);
	else
		*reg = (*reg & ~size_mask(size)) | (value & size_mask(size));
}

static uint64_t get_operand_reg(struct emul_ctx *ctx, const struct emul_insn *insn)
{
	uint64_t value = *emul_reg(ctx->regs, insn->reg);

	return insn->high_byte ? (value >> 8 & 0xff) : value & size_mask(insn->opsize);
}

static void set_operand_reg(struct emul_ctx *ctx, const struct emul_insn *insn, uint64_t value)
{
	if (insn->high_byte) {
		uint64_t *reg = emul_reg(ctx->regs, insn->reg);

		*reg = (*reg & ~0xff00ULL) | (value & 0xff) << 8;
		return;
	}
	emul_set_reg(ctx->regs, insn->reg, insn->opsize, value);
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
	case EMUL_SUB:
	case EMUL_CMP:
	case EMUL_SBB:
	case EMUL_DEC:
	case EMUL_NEG:
		carry = op == EMUL_SBB ? carry : 0;
		r = (a - b - carry) & mask;
		f = sum_flags(a, b, r, carry ? a <= b : a < b, (a ^ b) & (a ^ r), size);
		break;
	default: /* OR, XOR, AND, TEST */
		r = op == EMUL_OR ? a | b : op == EMUL_XOR ? a ^ b : a & b;
		f = flags_of(r, size);
	}
	if (op == EMUL_INC || op == EMUL_DEC) /* these leave the carry alone */
		f = (f & ~FLAG_CF) | (*flags & FLAG_CF);
	*flags = (*flags & ~FLAGS_ARITH) | f;
	return r;
}

/*
 * Compute the new value of the memory operand from its old one and the source.
 * Return: whether memory is to be written.
 */
static bool compute(const struct emul_insn *insn, uint64_t old, uint64_t src, uint64_t *value,
		    uint64_t *flags)
{
	uint64_t bit = 1ULL << (src & (8u * insn->opsize - 1));

	switch (insn->op) {
	case EMUL_NOT: *value = ~old; return true;
	case EMUL_NEG: *value = alu(EMUL_NEG, 0, old, insn->opsize, flags); return true;
	case EMUL_INC:
	case EMUL_DEC: *value = alu(insn->op, old, 1, insn->opsize, flags); return true;
	case EMUL_BT:
	case EMUL_BTS:
	case EMUL_BTR:
	case EMUL_BTC:
		*flags = (*flags & ~FLAG_CF) | (old & bit ? FLAG_CF : 0);
		*value = insn->op == EMUL_BTS ? old | bit :
			 insn->op == EMUL_BTR ? old & ~bit :
						old ^ bit;
		return insn->op != EMUL_BT;
	case EMUL_XCHG:
	case EMUL_MOV: *value = src; return true;
	default:
		*value = alu(insn->op, old, src, insn->opsize, flags);
		return insn->op != EMUL_CMP && insn->op != EMUL_TEST;
	}
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

/* Destination in memory: read unless it is a plain move, compute, write. */
static int perform_to_memory(struct emul_ctx *ctx, const struct emul_insn *insn)
{
	uint64_t flags = ctx->regs->rflags, old = 0, value = 0, src, gva;
	int rc;

	if (insn->form == EMUL_MOFFS_ACC)
		src = *emul_reg(ctx->regs, REG_RAX) & size_mask(insn->opsize);
	else
		src = insn->form == EMUL_MEM_REG ? get_operand_reg(ctx, insn) : insn->imm;
	gva = linear(ctx, insn->seg, insn->ea + bit_displacement(insn, src));
	if (insn->op != EMUL_MOV) {
		rc = ctx->ops->read(ctx->arg, gva, &old, insn->opsize);
		if (rc)
			return rc;
	}
	if (compute(insn, old, src, &value, &flags)) {
		rc = ctx->ops->write(ctx->arg, gva, &value, insn->opsize);
		if (rc)
			return rc;
	}
	if (insn->op == EMUL_XCHG)
		set_operand_reg(ctx, insn, old);
	ctx->regs->rflags = flags;
	return 0;
}

/* Destination is a register: moves with and without extension, arithmetic. */
static int perform_to_reg(struct emul_ctx *ctx, const struct emul_insn *insn)
{
	uint64_t value = 0;
	int rc = ctx->ops->read(ctx->arg, linear(ctx, insn->seg, insn->ea), &value, insn->memsize);

	if (rc)
		return rc;
	switch (insn->op) {
	case EMUL_MOV:
	case EMUL_MOVZX: break;
	case EMUL_MOVSX: value = sign_extend(value, insn->memsize); break;
	default:
		value = alu(insn->op, get_operand_reg(ctx, insn), value, insn->opsize,
			    &ctx->regs->rflags);
		if (insn->op == EMUL_CMP)
			return 0;
	}
	if (insn->form == EMUL_ACC_MOFFS)
		emul_set_reg(ctx->regs, REG_RAX, insn->opsize, value);
	else
		set_operand_reg(ctx, insn, value);
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
		rc = ctx->ops->read(ctx->arg, linear(ctx, insn->seg, r->rsi & amask), &value,
				    insn->opsize);
	} else if (op == EMUL_INS) {
		rc = ctx->ops->port_in(ctx->arg, (uint16_t)r->rdx, insn->opsize, &port_value);
		value = port_value;
	}
	if (!rc && writes)
		rc = ctx->ops->write(ctx->arg, linear(ctx, EMUL_ES, r->rdi & amask), &value,
				     insn->opsize);
	else if (!rc && op == EMUL_OUTS)
		rc = ctx->ops->port_out(ctx->arg, (uint16_t)r->rdx, insn->opsize, (uint32_t)value);
	if (rc)
		return rc;
	if (op == EMUL_LODS)
		emul_set_reg(r, REG_RAX, insn->opsize, value);
	if (reads)
		emul_set_reg(r, REG_RSI, insn->addrsize, r->rsi + step);
	if (writes)
		emul_set_reg(r, REG_RDI, insn->addrsize, r->rdi + step);
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
		emul_set_reg(ctx->regs, REG_RCX, insn->addrsize, ctx->regs->rcx - 1);
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
	else if (insn->form == EMUL_REG_MEM || insn->form == EMUL_ACC_MOFFS)
		rc = perform_to_reg(ctx, insn);
	else
		rc = perform_to_memory(ctx, insn);
	if (rc || !done)
		return rc;
	ctx->regs->rip += insn->len;
	if (ctx->width != 8)
		ctx->regs->rip &= 0xffffffff;
	return 0;
}
