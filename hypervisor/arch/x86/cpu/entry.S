/* SPDX-License-Identifier: Apache-2.0 */
/* Every vector's entry: builds a struct regs (regs.h) and calls trap_handle(). */

	.section .text.entry, "ax", @progbits
	.balign 16
	.globl trap_entries
trap_entries:
	/* 16 bytes each; the CPU pushes an error code for #DF, #TS..#PF, #AC, #CP, #VC, #SX. */
	vector = 0
	.rept 256
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
	      vector == 29 || vector == 30)
	push $0
	.endif
	.if vector < 128
	push $vector
	.else
	.byte 0x68 /* push imm32: the short form would differ in size from vector 127's */
	.long vector
	.endif
	jmp trap_common
	vector = vector + 1
	.endr

	.type trap_common, @function
trap_common:
	.irp reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	push %\reg
	.endr
	cld
	mov %rsp, %rdi
	call trap_handle
	.irp reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
	pop %\reg
	.endr
	add $16, %rsp
	iretq
	.size trap_common, . - trap_common

	.section .note.GNU-stack, "", @progbits
