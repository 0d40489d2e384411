/*
 * Exceptions that end a probe, interrupts that are counted, and the entry of further processors.
 * Every stack is 16 KiB and aligned so; at its bottom is the processor's struct cpu (lib.h).
 */
	.text
	.code64
	.altmacro

	.macro stub n
	.balign 16
	.if \n == 8 || (\n >= 10 && \n <= 14) || \n == 17 || \n == 21 || \n == 29 || \n == 30
	nop
	.else
	pushq $0
	.endif
	pushq $\n
	jmp trap
	.endm

	.globl trap_stubs
	.balign 16
trap_stubs:
	.set i, 0
	.rept 32
	stub %i
	.set i, i + 1
	.endr

trap:
	popq %rcx
	movq %rsp, %rax
	andq $-16384, %rax
	movq (%rax), %rdx
	testq %rdx, %rdx
	jz 1f
	movq $0, (%rax)
	movq %rdx, %rsp
	leal 1(%rcx), %eax
	jmp restore
1:	movl %ecx, %edi
	movq 8(%rsp), %rsi
	call guest_dead

	/* int probe(void (*fn)(void *), void *arg) */
	.globl probe
probe:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushfq
	movq %rsp, %rax
	andq $-16384, %rax
	movq %rsp, (%rax)
	movq %rdi, %rax
	movq %rsi, %rdi
	call *%rax
	movq %rsp, %rax
	andq $-16384, %rax
	movq $0, (%rax)
	xorl %eax, %eax
restore:
	popfq
restore_saved:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	/* void execute_code(struct regs *r): call execute_at with them (window.h), but for RSP */
	.globl execute_code
execute_code:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdi
	pushq 128(%rdi)
	popfq
	movq 0(%rdi), %rax
	movq 8(%rdi), %rcx
	movq 16(%rdi), %rdx
	movq 24(%rdi), %rbx
	movq 40(%rdi), %rbp
	movq 48(%rdi), %rsi
	movq 64(%rdi), %r8
	movq 72(%rdi), %r9
	movq 80(%rdi), %r10
	movq 88(%rdi), %r11
	movq 96(%rdi), %r12
	movq 104(%rdi), %r13
	movq 112(%rdi), %r14
	movq 120(%rdi), %r15
	movq 56(%rdi), %rdi
	call *execute_at
	pushq %rdi
	pushfq
	movq 16(%rsp), %rdi
	movq %rax, 0(%rdi)
	movq %rcx, 8(%rdi)
	movq %rdx, 16(%rdi)
	movq %rbx, 24(%rdi)
	movq %rbp, 40(%rdi)
	movq %rsi, 48(%rdi)
	movq %r8, 64(%rdi)
	movq %r9, 72(%rdi)
	movq %r10, 80(%rdi)
	movq %r11, 88(%rdi)
	movq %r12, 96(%rdi)
	movq %r13, 104(%rdi)
	movq %r14, 112(%rdi)
	movq %r15, 120(%rdi)
	popq 128(%rdi)
	popq 56(%rdi)
	cld
	popq %rdi
	jmp restore_saved

	.globl interrupt
	.balign 16
interrupt:
	pushq %rax
	movl $0xfee000b0, %eax
	movl $0, (%rax)			/* end of interrupt */
	jmp 1f
	.globl nmi
	.balign 16
nmi:
	pushq %rax
1:	movq %rsp, %rax
	andq $-16384, %rax
	incq 8(%rax)
	popq %rax
	iretq

	/* Copied to where a start-up interrupt lets a processor begin. */
	.code16
	.globl ap_start, ap_end
ap_start:
	cli
	movw %cs, %ax
	movw %ax, %ds
	lgdtl ap_gdt - ap_start
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $24, $ap32
	.balign 8
ap_gdt:	.word 31
	.long gdt
ap_end:

	.code32
ap32:
	movw $16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl ap_stack, %esp
	call long_mode_on
	ljmp $8, $1f
	.code64
1:	movl ap_stack, %esp
	call ap_enter
2:	cli
	hlt
	jmp 2b

	.section .note.GNU-stack, "", @progbits
