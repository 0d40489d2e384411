// SPDX-License-Identifier: Apache-2.0
/* The instruction emulator: decode table, operands, flags, strings. */
#include "fake.h"

#include <string.h>

#include "emul/emul.h"

static struct guest_regs regs;
static uint8_t mem[256]; /* at address 0x1000 */
static uint32_t port_value;
static int fail;

static int access_memory(void *arg, uint64_t gva, void *buf, unsigned int len, bool write)
{
	(void)arg;
	if (fail == 1 || (fail == 2 && write))
		return -EFAULT;
	ck_assert_uint_ge(gva, 0x1000);
	ck_assert_uint_le(gva + len, 0x1000 + sizeof(mem));
	if (write)
		memcpy(mem + gva - 0x1000, buf, len);
	else
		memcpy(buf, mem + gva - 0x1000, len);
	return 0;
}

static int access_port(void *arg, uint16_t port, unsigned int size, uint32_t *value, bool write)
{
	(void)arg;
	(void)size;
	if (write)
		port_value = *value;
	else
		*value = port;
	return 0;
}

static void clear(void)
{
	memset(&regs, 0, sizeof(regs));
	memset(mem, 0, sizeof(mem));
	regs.rip = 0x100;
	regs.rflags = 2;
	fail = 0;
}

/* Decode and carry out; the length must be that of the bytes. */
static int run_width(uint8_t width, const char *code, size_t len)
{
	struct emul_ctx c = {
		.regs = &regs, .width = width, .mem = access_memory, .port = access_port};
	struct emul_insn insn;
	int rc = emul_decode(&regs, width, (const uint8_t *)code, len, &insn);

	if (rc)
		return rc;
	ck_assert_uint_eq(insn.len, len);
	return emul_perform(&c, &insn);
}

#define RUN(s)   run_width(8, s, sizeof(s) - 1)
#define RUN32(s) run_width(4, s, sizeof(s) - 1)
#define RUN16(s) run_width(2, s, sizeof(s) - 1)

static uint64_t mem64(void)
{
	uint64_t v;

	memcpy(&v, mem, sizeof(v));
	return v;
}

static void set_mem64(uint64_t v)
{
	memcpy(mem, &v, sizeof(v));
}

START_TEST(moves)
{
	clear();
	regs.rbx = 0x1000;
	regs.rax = 0x1122334455667788;
	ck_assert_int_eq(RUN("\x89\x03"), 0); /* mov %eax,(%rbx) */
	ck_assert_uint_eq(mem64(), 0x55667788);
	ck_assert_uint_eq(regs.rip, 0x102);
	ck_assert_int_eq(RUN("\x48\x89\x03"), 0); /* mov %rax,(%rbx) */
	ck_assert_uint_eq(mem64(), 0x1122334455667788);
	ck_assert_int_eq(RUN("\x8b\x4b\x02"), 0); /* mov 2(%rbx),%ecx */
	ck_assert_uint_eq(regs.rcx, 0x33445566);
	ck_assert_int_eq(RUN("\x8a\x63\x01"), 0); /* mov 1(%rbx),%ah */
	ck_assert_uint_eq(regs.rax, 0x1122334455667788);
	ck_assert_int_eq(RUN("\x88\x23"), 0); /* mov %ah,(%rbx) */
	ck_assert_uint_eq(mem[0], 0x77);
	ck_assert_int_eq(RUN("\x40\x8a\x23"), 0); /* rex: mov (%rbx),%spl */
	ck_assert_uint_eq(regs.rsp, 0x77);
	ck_assert_int_eq(RUN("\x66\xc7\x03\x34\x12"), 0); /* movw $0x1234,(%rbx) */
	ck_assert_uint_eq(mem64() & 0xffff, 0x1234);
	ck_assert_int_eq(RUN("\x48\xc7\x03\xff\xff\xff\xff"), 0); /* movq $-1,(%rbx) */
	ck_assert_uint_eq(mem64(), ~0ULL);
	ck_assert_int_eq(RUN("\x44\x8b\x3c\x25\x00\x10\x00\x00"), 0); /* mov 0x1000,%r15d */
	ck_assert_uint_eq(regs.r15, 0xffffffff);
}
END_TEST

START_TEST(extending_moves)
{
	clear();
	regs.rbx = 0x1000;
	set_mem64(0xfffffffffffff280);
	ck_assert_int_eq(RUN("\x0f\xb6\x03"), 0); /* movzbl */
	ck_assert_uint_eq(regs.rax, 0x80);
	ck_assert_int_eq(RUN("\x48\x0f\xbe\x03"), 0); /* movsbq */
	ck_assert_uint_eq(regs.rax, 0xffffffffffffff80);
	ck_assert_int_eq(RUN("\x0f\xbf\x03"), 0); /* movswl */
	ck_assert_uint_eq(regs.rax, 0xfffff280);
	ck_assert_int_eq(RUN("\x48\x63\x03"), 0); /* movslq */
	ck_assert_uint_eq(regs.rax, 0xfffffffffffff280);
	ck_assert_int_eq(RUN32("\x63\x03"), -EINVAL); /* arpl there */
}
END_TEST

START_TEST(arithmetic_sets_flags)
{
	clear();
	regs.rbx = 0x1000;
	regs.rax = 0xff;
	mem[0] = 1;
	ck_assert_int_eq(RUN("\x00\x03"), 0); /* add %al,(%rbx): carry, zero */
	ck_assert_uint_eq(mem[0], 0);
	ck_assert_uint_eq(regs.rflags & 0x8d5, 0x55); /* CF PF AF ZF */
	ck_assert_int_eq(RUN("\x10\x03"), 0);         /* adc: 0xff + 0 + 1 */
	ck_assert_uint_eq(mem[0], 0);
	ck_assert_uint_eq(regs.rflags & 1, 1);
	mem[0] = 0x80;
	ck_assert_int_eq(RUN("\x80\x2b\x01"), 0); /* subb $1: overflow */
	ck_assert_uint_eq(mem[0], 0x7f);
	ck_assert_uint_eq(regs.rflags & 0x8d5, 0x810);
	ck_assert_int_eq(RUN("\xf6\x03\x80"), 0); /* testb $0x80 */
	ck_assert_uint_eq(regs.rflags & 0x40, 0x40);
	set_mem64(5);
	ck_assert_int_eq(RUN("\x83\x3b\x06"), 0); /* cmpl $6: below */
	ck_assert_uint_eq(regs.rflags & 0x81, 0x81);
	ck_assert_uint_eq(mem64(), 5);
	ck_assert_int_eq(RUN("\x3b\x03"), 0); /* cmp (%rbx),%eax: above */
	ck_assert_uint_eq(regs.rflags & 0x41, 0);
	ck_assert_int_eq(RUN("\xff\x03"), 0); /* incl keeps the carry */
	ck_assert_uint_eq(mem64(), 6);
	ck_assert_int_eq(RUN("\xf7\x1b"), 0); /* negl */
	ck_assert_uint_eq(mem64(), 0xfffffffa);
	ck_assert_int_eq(RUN("\xf7\x13"), 0); /* notl */
	ck_assert_uint_eq(mem64(), 5);
	ck_assert_int_eq(RUN("\xf0\x87\x03"), 0); /* xchg */
	ck_assert_uint_eq(mem64(), 0xff);
	ck_assert_uint_eq(regs.rax, 5);
}
END_TEST

START_TEST(bits_reach_beyond_the_operand)
{
	clear();
	regs.rbx = 0x1008;
	regs.rax = 33;
	ck_assert_int_eq(RUN("\x0f\xab\x03"), 0); /* bts %eax,(%rbx) */
	ck_assert_uint_eq(mem[12], 2);
	ck_assert_uint_eq(regs.rflags & 1, 0);
	regs.rax = (uint64_t)-1;
	ck_assert_int_eq(RUN("\x48\x0f\xab\x03"), 0);
	ck_assert_uint_eq(mem[7], 0x80);
	ck_assert_int_eq(RUN("\x0f\xba\x63\x04\x21"), 0); /* btl $33 -> bit 1 */
	ck_assert_uint_eq(regs.rflags & 1, 1);
	ck_assert_int_eq(RUN("\xf0\x0f\xba\x73\x04\x01"), 0); /* lock btrl */
	ck_assert_uint_eq(mem[12], 0);
}
END_TEST

START_TEST(addressing)
{
	clear();
	regs.rbx = 0x1000;
	regs.rcx = 2;
	mem[0x18] = 0x42;
	ck_assert_int_eq(RUN("\x8a\x44\xcb\x08"), 0); /* 8(%rbx,%rcx,8) */
	ck_assert_uint_eq(regs.rax & 0xff, 0x42);
	regs.rip = 0x1000;
	ck_assert_int_eq(RUN("\x8a\x15\x12\x00\x00\x00"), 0); /* 0x12(%rip) */
	ck_assert_uint_eq(regs.rdx & 0xff, 0x42);
	regs.rbx = 0xffffffff00001018;
	ck_assert_int_eq(RUN("\x67\x8a\x0b"), 0); /* (%ebx) */
	ck_assert_uint_eq(regs.rcx & 0xff, 0x42);
	regs.rbx = 0x1010;
	regs.rsi = 8;
	regs.rax = 0;
	ck_assert_int_eq(RUN16("\x8a\x00"), 0); /* 16-bit (%bx,%si) */
	ck_assert_uint_eq(regs.rax, 0x42);
	regs.rax = 0;
	ck_assert_int_eq(RUN("\xa0\x18\x10\x00\x00\x00\x00\x00\x00"), 0);
	ck_assert_uint_eq(regs.rax, 0x42);
	ck_assert_int_eq(RUN32("\xa2\x19\x10\x00\x00"), 0);
	ck_assert_uint_eq(mem[0x19], 0x42);
}
END_TEST

START_TEST(strings)
{
	clear();
	memcpy(mem, "abcdefgh", 8);
	regs.rsi = 0x1000;
	regs.rdi = 0x1040;
	regs.rcx = 8;
	ck_assert_int_eq(RUN("\xf3\xa4"), 0);
	ck_assert_mem_eq(mem + 0x40, "abcdefgh", 8);
	ck_assert_uint_eq(regs.rcx, 0);
	ck_assert_uint_eq(regs.rip, 0x102);
	regs.rdi = 0x1040;
	regs.rcx = 1000; /* more than a call does, over fewer bytes */
	regs.rax = 0x5a;
	regs.rflags |= 1 << 10;
	regs.rdi = 0x10ff;
	regs.rcx = 256 + 0x100;
	ck_assert_int_eq(RUN("\xf3\xaa"), 0);
	ck_assert_uint_eq(regs.rip, 0x102); /* to be run again */
	ck_assert_uint_eq(regs.rcx, 0x100);
	regs.rcx = 0;
	ck_assert_int_eq(RUN("\xf3\xaa"), 0);
	ck_assert_uint_eq(regs.rip, 0x104);
	regs.rflags = 2;
	regs.rdx = 0xe9;
	regs.rsi = 0x1000;
	mem[0] = 'x';
	ck_assert_int_eq(RUN("\x6e"), 0);
	ck_assert_uint_eq(port_value, 'x');
	regs.rdi = 0x1000;
	ck_assert_int_eq(RUN("\x6d"), 0);
	ck_assert_uint_eq(mem[0], 0xe9);
}
END_TEST

START_TEST(faults_change_nothing)
{
	struct guest_regs before;

	clear();
	regs.rbx = 0x1000;
	before = regs;
	fail = 1;
	ck_assert_int_eq(RUN("\x01\x03"), -EFAULT);
	ck_assert_mem_eq(&regs, &before, sizeof(regs));
	fail = 2;
	ck_assert_int_eq(RUN("\x01\x03"), -EFAULT);
	ck_assert_mem_eq(&regs, &before, sizeof(regs));
}
END_TEST

START_TEST(bad_code_is_refused)
{
	struct emul_insn insn;
	uint8_t prefixes[20];

	clear();
	ck_assert_int_eq(RUN("\x89\xc3"), -EINVAL);     /* no memory operand */
	ck_assert_int_eq(RUN("\xf0\x89\x03"), -EINVAL); /* LOCK on MOV */
	ck_assert_int_eq(RUN("\xf0\x3b\x03"), -EINVAL);
	ck_assert_int_eq(RUN("\xcc"), -EINVAL);
	ck_assert_int_eq(RUN("\xc7\x0b\x00\x00\x00\x00"), -EINVAL); /* group 11 /1 */
	ck_assert_int_eq(RUN("\xff\x13"), -EINVAL);                 /* call */
	ck_assert_int_eq(RUN("\xc7\x03\x00"), -E2BIG);
	ck_assert_int_eq(emul_decode(&regs, 8, prefixes, 0, &insn), -E2BIG);
	memset(prefixes, 0x66, sizeof(prefixes));
	ck_assert_int_eq(emul_decode(&regs, 8, prefixes, sizeof(prefixes), &insn), -EINVAL);
	/* Any three bytes decode or are refused, without a step outside. */
	for (uint32_t i = 0; i < 1u << 24; i += 7) {
		uint8_t code[15] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16)};

		if (!emul_decode(&regs, 8, code, sizeof(code), &insn))
			ck_assert_uint_le(insn.len, 15);
	}
}
END_TEST

/* What the short decoder takes it must understand as the long one does. */
START_TEST(short_decoder_agrees)
{
	static const uint8_t rex[] = {0, 0x40, 0x41, 0x44, 0x46, 0x47, 0x48, 0x4c};
	struct emul_insn insn;
	unsigned int taken = 0, reg, len;

	clear();
	for (uint32_t i = 0; i < 1u << 15; i++) {
		uint8_t code[15] = {0}, r = rex[i & 7], op = i & 8 ? 0x89 : 0x8b;
		bool store = i & 8;
		unsigned int at = 0;

		if (r)
			code[at++] = r;
		code[at++] = op;
		code[at++] = (uint8_t)(i >> 4);
		code[at] = (uint8_t)((i >> 12) * 37);
		ck_assert(!emul_decode_mov(code, sizeof(code), 8, !store, &reg));
		len = emul_decode_mov(code, sizeof(code), 8, store, &reg);
		if (!len)
			continue;
		taken++;
		ck_assert_int_eq(emul_decode(&regs, 8, code, sizeof(code), &insn), 0);
		ck_assert_int_eq(insn.op, EMUL_MOV);
		ck_assert_uint_eq(insn.len, len);
		ck_assert_uint_eq(insn.reg, reg);
		ck_assert_uint_eq(insn.opsize, 4);
		ck_assert_int_eq(insn.form, store ? EMUL_MEM_REG : EMUL_REG_MEM);
		ck_assert(!emul_decode_mov(code, len - 1, 8, store, &reg));
	}
	ck_assert_uint_eq(taken, (1u << 15) / 8 * 6 / 4 * 3); /* no REX.W, no register operand */
	ck_assert(!emul_decode_mov((const uint8_t *)"\x66\x8b\x00\x00", 4, 8, false, &reg));
	ck_assert(!emul_decode_mov((const uint8_t *)"\x8b\x00\x00\x00", 4, 2, false, &reg));
	ck_assert(emul_decode_mov((const uint8_t *)"\x8b\x00\x00\x00", 4, 4, false, &reg));
}
END_TEST

Suite *emul_suite(void)
{
	Suite *s = suite_create("emulator");
	TCase *tc = tcase_create("instructions");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, moves);
	tcase_add_test(tc, extending_moves);
	tcase_add_test(tc, arithmetic_sets_flags);
	tcase_add_test(tc, bits_reach_beyond_the_operand);
	tcase_add_test(tc, addressing);
	tcase_add_test(tc, strings);
	tcase_add_test(tc, faults_change_nothing);
	tcase_add_test(tc, bad_code_is_refused);
	tcase_add_test(tc, short_decoder_agrees);
	suite_add_tcase(s, tc);
	return s;
}
