/*
 * Entry of the small hostile guests: PVH, so 32-bit and flat; goes to long mode with the first
 * four gigabytes mapped one to one, and calls guest_main(start_info).
 */
	.section .note.pvh, "a", @note
	.long 4, 4, 18			/* name size, description size, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long start

	.text
	.code32
	.globl start
start:
	cld
	movl $stack_top, %esp
	movl %ebx, %edi
	movl $level3, %eax
	orl $3, %eax
	movl %eax, level4
	movl $level2, %eax
	orl $3, %eax
	xorl %ecx, %ecx
1:	movl %eax, level3(, %ecx, 8)
	addl $4096, %eax
	incl %ecx
	cmpl $4, %ecx
	jne 1b
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $21, %eax
	orl $0x83, %eax			/* present, writable, 2 MiB */
	movl %eax, level2(, %ecx, 8)
	incl %ecx
	cmpl $2048, %ecx
	jne 1b
	call long_mode_on
	ljmp $8, $long_mode

	/* What each processor does in 32-bit mode before its far jump. */
	.globl long_mode_on
long_mode_on:
	movl $level4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x20, %eax			/* PAE */
	movl %eax, %cr4
	movl $0xc0000080, %ecx		/* EFER.LME */
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax		/* paging */
	movl %eax, %cr0
	lgdt gdt_pointer
	ret

	.code64
long_mode:
	movw $16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $stack_top, %esp
	call guest_main
2:	cli
	hlt
	jmp 2b

	.section .rodata
	.balign 8
	.globl gdt
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
	.globl gdt_pointer
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	.bss
	.balign 4096
	.globl level2
level4:	.skip 4096
level3:	.skip 4096
level2:	.skip 4 * 4096
	.balign 16384		/* the library keeps its word on a processor at the bottom */
	.skip 16384
stack_top:

	.section .note.GNU-stack, "", @progbits
