/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One trip into an SVM guest (APM vol. 2, 15.5). Offsets are those of struct guest_regs: RAX, RIP,
 * RSP and RFLAGS travel in the control block.
 */
#define REG_RBX 0x08
#define REG_RCX 0x10
#define REG_RDX 0x18
#define REG_RSI 0x20
#define REG_RDI 0x28
#define REG_RBP 0x30
#define REG_R8 0x38
#define REG_R9 0x40
#define REG_R10 0x48
#define REG_R11 0x50
#define REG_R12 0x58
#define REG_R13 0x60
#define REG_R14 0x68
#define REG_R15 0x70

	.text
	.globl svm_enter_guest
	.hidden svm_enter_guest
	.type svm_enter_guest, @function
svm_enter_guest:	/* rdi = registers, rsi = vmcb, rdx = host's vmcb, rcx = in_guest */
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx

	clgi				/* nothing comes between here and VMRUN */
	mov	%rsi, %rax
	vmload	%rax
	sti				/* with V_INTR_MASKING the host's IF says whether INTR exits */

	mov	REG_RBX(%rdi), %rbx
	mov	REG_RCX(%rdi), %rcx
	mov	REG_RDX(%rdi), %rdx
	mov	REG_RSI(%rdi), %rsi
	mov	REG_RBP(%rdi), %rbp
	mov	REG_R8(%rdi), %r8
	mov	REG_R9(%rdi), %r9
	mov	REG_R10(%rdi), %r10
	mov	REG_R11(%rdi), %r11
	mov	REG_R12(%rdi), %r12
	mov	REG_R13(%rdi), %r13
	mov	REG_R14(%rdi), %r14
	mov	REG_R15(%rdi), %r15
	mov	REG_RDI(%rdi), %rdi
	vmrun	%rax

	/* GIF is clear; RAX and RSP are the host's again, all others the guest's. */
	cli
	mov	(%rsp), %rax
	movb	$0, (%rax)		/* whoever waits for this CPU to leave its guest may go on */
	mov	24(%rsp), %rax
	mov	%rbx, REG_RBX(%rax)
	mov	%rcx, REG_RCX(%rax)
	mov	%rdx, REG_RDX(%rax)
	mov	%rsi, REG_RSI(%rax)
	mov	%rdi, REG_RDI(%rax)
	mov	%rbp, REG_RBP(%rax)
	mov	%r8, REG_R8(%rax)
	mov	%r9, REG_R9(%rax)
	mov	%r10, REG_R10(%rax)
	mov	%r11, REG_R11(%rax)
	mov	%r12, REG_R12(%rax)
	mov	%r13, REG_R13(%rax)
	mov	%r14, REG_R14(%rax)
	mov	%r15, REG_R15(%rax)
	mov	16(%rsp), %rax
	vmsave	%rax
	mov	8(%rsp), %rax
	vmload	%rax
	stgi
	add	$32, %rsp
	/* No value of the guest's is left where speculation could use it. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size svm_enter_guest, . - svm_enter_guest

	.globl svm_host_save
	.hidden svm_host_save
	.type svm_host_save, @function
svm_host_save:		/* rdi = vmcb */
	mov	%rdi, %rax
	vmsave	%rax
	ret
	.size svm_host_save, . - svm_host_save
	.section .note.GNU-stack, "", @progbits
