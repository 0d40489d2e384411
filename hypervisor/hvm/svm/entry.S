/* SPDX-License-Identifier: Apache-2.0 */
/* One trip into an SVM guest (APM vol. 2, 15.5). */

/* Load or store registers that follow each other in struct guest_regs, the first of them at @at. */
	.macro load at regs:vararg
	.set offset, \at
	.irp reg, \regs
	mov	offset(%rdi), %\reg
	.set offset, offset + 8
	.endr
	.endm

	.macro store at regs:vararg
	.set offset, \at
	.irp reg, \regs
	mov	%\reg, offset(%rax)
	.set offset, offset + 8
	.endr
	.endm

	.text
	.globl svm_enter_guest
	.hidden svm_enter_guest
	.type svm_enter_guest, @function
svm_enter_guest:	/* rdi = registers, rsi = vmcb, rdx = host's vmcb, rcx = in_guest */
	.irp	reg, rbp, rbx, r12, r13, r14, r15, rdi, rsi, rdx, rcx
	push	%\reg
	.endr

	clgi				/* nothing comes between here and VMRUN */
	mov	%rsi, %rax
	vmload	%rax
	sti				/* with V_INTR_MASKING the host's IF says whether INTR exits */

	load	0x08, rcx, rdx, rbx	/* RAX and RSP travel in the control block */
	load	0x28, rbp, rsi
	load	0x40, r8, r9, r10, r11, r12, r13, r14, r15
	load	0x38, rdi
	vmrun	%rax

	/* GIF is clear; RAX and RSP are the host's again, all others the guest's. */
	cli
	mov	(%rsp), %rax
	movb	$0, (%rax)		/* whoever waits for this CPU to leave its guest may go on */
	mov	24(%rsp), %rax
	store	0x08, rcx, rdx, rbx
	store	0x28, rbp, rsi, rdi
	store	0x40, r8, r9, r10, r11, r12, r13, r14, r15
	mov	16(%rsp), %rax
	vmsave	%rax
	mov	8(%rsp), %rax
	vmload	%rax
	stgi
	add	$32, %rsp
	/* No value of the guest's is left where speculation could use it. */
	.irp	reg, ecx, edx, esi, edi, r8d, r9d, r10d, r11d
	xor	%\reg, %\reg
	.endr
	.irp	reg, r15, r14, r13, r12, rbx, rbp
	pop	%\reg
	.endr
	ret
	.size svm_enter_guest, . - svm_enter_guest
	.section .note.GNU-stack, "", @progbits
