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
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	call trap_handle
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq
	.size trap_common, . - trap_common

	.section .note.GNU-stack, "", @progbits
