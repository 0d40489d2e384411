// SPDX-License-Identifier: Apache-2.0
/* The instruction decoder and what it makes of registers. An input: width, flags, registers, code. */
#include "input.h"

#include "emul/emul.h"
#include "lib/errno.h"

static uint64_t noise;
static unsigned int touched, limit;

/* All memory is there and holds numbers made of its address, until @limit accesses were made. */
static int access_ok(unsigned int len)
{
	INSIST(len == 1 || len == 2 || len == 4 || len == 8);
	INSIST(touched <= limit); /* nothing may go on after a refusal */
	return touched++ < limit ? 0 : -EFAULT;
}

static int access_memory(void *arg, uint64_t gva, void *buf, unsigned int len, bool write)
{
	uint64_t v = write ? 0 : gva * 0x9e3779b97f4a7c15u;

	(void)arg;
	if (write) {
		memcpy(&v, buf, len);
		noise += v ^ gva;
	} else {
		memcpy(buf, &v, len);
	}
	return access_ok(len);
}

static int access_port(void *arg, uint16_t port, unsigned int size, uint32_t *value, bool write)
{
	(void)arg;
	INSIST(size <= 4);
	if (write)
		noise += port + *value;
	else
		*value = port * 0x10001u;
	return access_ok(size);
}

/* A decoder that needs more bytes says so; with them it must come to the same. */
static void check_prefixes(const struct emul_ctx *c, const uint8_t *code,
			   const struct emul_insn *whole)
{
	for (size_t len = 0; len < whole->len; len++) {
		struct emul_insn part;
		uint8_t *copy = malloc(len ? len : 1);

		memcpy(copy, code, len);
		INSIST(emul_decode(c->regs, c->width, copy, len, &part) == -E2BIG);
		free(copy);
	}
}

/* The quick decoder knows no instruction that the full one reads otherwise. */
static void check_mov(const uint8_t *code, size_t len, unsigned int width, int rc,
		      const struct emul_insn *insn)
{
	for (unsigned int store = 0; store < 2; store++) {
		unsigned int reg, n = emul_decode_mov(code, len, width, store, &reg);

		if (!n)
			continue;
		INSIST(!rc && insn->op == EMUL_MOV && insn->opsize == 4);
		INSIST(n == insn->len && reg == insn->reg);
		INSIST(insn->form == (store ? EMUL_MEM_REG : EMUL_REG_MEM));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned int bits = (unsigned int)input_number(&input, 1);
	struct guest_regs regs, before;
	struct emul_ctx c = {.regs = &regs,
			     .width = (uint8_t[]){2, 4, 8, 8}[bits & 3],
			     .mem = access_memory,
			     .port = access_port};
	struct emul_insn insn;
	uint8_t *code;
	size_t len;
	int rc;

	limit = bits & 4 ? 600 : bits >> 3;
	touched = 0;
	memset(&regs, 0, sizeof(regs));
	regs.rflags = input_number(&input, 2);
	for (unsigned int i = 0; i < 16; i++)
		regs.gpr[i] = input_number(&input, 4) * (bits & 0x80 ? 0x100000001u : 1);
	len = input.left < EMUL_INSN_MAX ? input.left : EMUL_INSN_MAX;
	code = malloc(len ? len : 1);
	memcpy(code, input.at, len);
	before = regs;
	rc = emul_decode(&regs, c.width, code, len, &insn);
	INSIST(!memcmp(&before, &regs, sizeof(regs)));
	INSIST(!rc || rc == -EINVAL || rc == -E2BIG);
	check_mov(code, len, c.width, rc, &insn);
	if (!rc) {
		INSIST(insn.len && insn.len <= len && insn.reg < 16);
		check_prefixes(&c, code, &insn);
		rc = insn.form >= EMUL_STRING ? emul_perform(&c, &insn) : 0;
		INSIST(!rc || rc == -EFAULT);
		/* A fault leaves all as it was, but for a string that had got somewhere. */
		if (rc && !insn.rep)
			INSIST(!memcmp(&before, &regs, sizeof(regs)));
	}
	free(code);
	return 0;
}
