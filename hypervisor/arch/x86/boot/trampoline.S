/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an application processor starts: copied to a page below 1 MiB, entered in real mode at
 * offset 0 with CS = page >> 4. smp.c fills the fields at the end. It works with that page mapped
 * onto itself, goes to 64-bit mode, takes its stack and leaves for smp_ap_entry().
 */
#include "arch/x86/mm/layout.h"

#define REL(sym) ((sym) - trampoline_start)

	.section .rodata.trampoline, "a", @progbits
	.globl trampoline_start, trampoline_end
	.globl trampoline_cr3, trampoline_stack, trampoline_entry, trampoline_efer
	.code16
	.balign 16
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	xor %ebx, %ebx
	mov %ax, %bx
	shl $4, %ebx /* linear address of this page */

	/* The GDT's base and the two far jumps depend on where the page is. */
	lea REL(tr_gdt)(%ebx), %eax
	mov %eax, REL(tr_gdtr) + 2
	lea REL(tr_32)(%ebx), %eax
	mov %eax, REL(tr_jump32)
	lea REL(tr_64)(%ebx), %eax
	mov %eax, REL(tr_jump64)
	lgdtl REL(tr_gdtr)

	mov %cr0, %eax
	and $0x9fffffff, %eax /* caches on: INIT leaves CD and NW set */
	or $1, %eax
	mov %eax, %cr0
	ljmpl *REL(tr_jump32)

	.code32
tr_32:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $0xa0, %eax /* PAE, PGE */
	mov %eax, %cr4
	mov REL(trampoline_cr3)(%ebx), %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	mov REL(trampoline_efer)(%ebx), %eax
	xor %edx, %edx
	wrmsr
	mov $0x80010033, %eax
	mov %eax, %cr0
	ljmpl *REL(tr_jump64)(%ebx)

	.code64
tr_64:
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov REL(trampoline_stack)(%rbx), %rsp
	mov REL(trampoline_entry)(%rbx), %rax
	xor %ebp, %ebp
	push %rbp
	jmp *%rax

	.balign 8
tr_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
	.quad 0x00cf9b000000ffff /* 32-bit code */
tr_gdtr:
	.short tr_gdtr - tr_gdt - 1
	.long 0
	.balign 4
tr_jump32:
	.long 0
	.short 0x18
	.balign 4
tr_jump64:
	.long 0
	.short 0x08
	.balign 8
trampoline_cr3:
	.quad 0
trampoline_stack:
	.quad 0
trampoline_entry:
	.quad 0
trampoline_efer:
	.quad 0
trampoline_end:

	.section .note.GNU-stack, "", @progbits
