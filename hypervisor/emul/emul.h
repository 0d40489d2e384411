/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/vcpu.h"
#include "lib/types.h"

/*
 * A small instruction emulator for what guests do to emulated devices: moves, arithmetic with a
 * memory operand, bit tests and strings. It decodes first, then performs; all it touches outside
 * its arguments goes through the callbacks. The decoder also knows the instructions that exit by
 * themselves, for their lengths.
 */

#define EMUL_INSN_MAX 15  /* APM vol. 3, 1.1: longest legal instruction */
#define EMUL_REP_MAX  256 /* iterations of a string instruction per call */

/* Segments in the order the instruction set numbers them. */
enum emul_seg { EMUL_ES, EMUL_CS, EMUL_SS, EMUL_DS, EMUL_FS, EMUL_GS, EMUL_NR_SEGS };

/*
 * What the emulator works on. The callbacks reach memory at a linear address and ports; each returns 0,
 * or a negative errno that emul_perform() passes on with no register changed; the callee records which
 * exception it stands for.
 */
struct emul_ctx {
	struct guest_regs *regs;
	uint64_t seg_base[EMUL_NR_SEGS];
	uint8_t width; /* of the code segment: 2, 4 or 8 bytes */
	int (*mem)(void *arg, uint64_t gva, void *buf, unsigned int len, bool write);
	int (*port)(void *arg, uint16_t port, unsigned int size, uint32_t *value, bool write);
	void *arg;
};

enum emul_op {
	EMUL_NONE,
	/* The eight of opcode groups 0x00-0x3f and 0x80-0x83, in their order. */
	EMUL_ADD,
	EMUL_OR,
	EMUL_ADC,
	EMUL_SBB,
	EMUL_AND,
	EMUL_SUB,
	EMUL_XOR,
	EMUL_CMP,
	EMUL_TEST,
	EMUL_MOV,
	EMUL_MOVZX,
	EMUL_MOVSX,
	EMUL_XCHG,
	EMUL_NOT,
	EMUL_NEG,
	EMUL_INC,
	EMUL_DEC,
	EMUL_BT,
	EMUL_BTS,
	EMUL_BTR,
	EMUL_BTC,
	EMUL_MOVS,
	EMUL_STOS,
	EMUL_LODS,
	EMUL_INS,
	EMUL_OUTS,
	/* Those that exit by themselves. */
	EMUL_CPUID,
	EMUL_HLT,
	EMUL_VMMCALL,
	EMUL_VMCALL,
	EMUL_RDMSR,
	EMUL_WRMSR,
	EMUL_INVD,
	EMUL_WBINVD,
	EMUL_XSETBV,
	EMUL_PAUSE,
	EMUL_MOV_TO_CR,
};

/* Which operands an instruction has; the first is the destination. */
enum emul_form {
	EMUL_PLAIN,
	EMUL_MODRM, /* as PLAIN, or a register alone: none in memory, nothing for emul_perform() */
	EMUL_STRING,
	EMUL_MEM_REG,
	EMUL_REG_MEM,
	EMUL_MEM_IMM, /* or memory alone */
};

struct emul_insn {
	enum emul_op op;
	enum emul_form form;
	uint8_t len;      /* of the whole instruction, 1-15 */
	uint8_t opsize;   /* bytes the operation works on: 1, 2, 4 or 8 */
	uint8_t memsize;  /* bytes of the memory operand (differs for MOVZX/MOVSX) */
	uint8_t addrsize; /* 2, 4 or 8 */
	uint8_t reg;      /* register operand, 0-15 */
	bool high_byte;   /* the register operand is AH, CH, DH or BH */
	bool rep;
	enum emul_seg seg; /* of the memory operand, or of a string's source */
	uint64_t ea;       /* offset of the memory operand in its segment */
	uint64_t imm;      /* sign-extended */
};

/**
 * Decode the instruction in the @len bytes at @code, of a code segment of @width bytes (2, 4 or 8), with
 * addresses made of @regs.
 * Return: 0 and *@insn; -EINVAL if it is none of ours or not legal; -E2BIG if more bytes are needed.
 */
int must_check emul_decode(const struct guest_regs *regs, unsigned int width, const uint8_t *code,
			   size_t len, struct emul_insn *insn);

/**
 * Whether the @len bytes at @code are a MOV between memory and a 32-bit register, as drivers access device
 * registers, with no prefix but REX, in a code segment of @width bytes; to memory if @store. For who knows
 * the address already: it is not worked out.
 * Return: the length of the instruction, and *@reg, 0-15; 0 if it is something else.
 */
unsigned int emul_decode_mov(const uint8_t *code, size_t len, unsigned int width, bool store,
			     unsigned int *reg);

/**
 * Carry out @insn, which has an operand in memory (from EMUL_STRING on): memory first, then registers, flags and RIP. A repeated
 * string instruction does at most EMUL_REP_MAX rounds and leaves RIP in place while some remain.
 * Return: 0, or what a callback returned.
 */
int must_check emul_perform(struct emul_ctx *ctx, const struct emul_insn *insn);

/** Write the low @size bytes of *@reg; four-byte writes clear the upper half. */
void emul_set_reg(uint64_t *reg, unsigned int size, uint64_t value);
