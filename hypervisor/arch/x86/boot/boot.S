/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from the boot loader: 32-bit protected mode, no paging, flat segments (Multiboot 1 and 2),
 * magic in EAX, information in EBX. Leaves for hv_main() in 64-bit mode with page tables that map
 * the first 4 GiB three times: where they are, in the direct map, and under the image.
 */
#include "arch/x86/cpu/stack.h"
#include "arch/x86/mm/layout.h"

#define PHYS(sym) ((sym) - IMAGE_BASE)

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x3 /* modules on page boundaries, memory map */
#define MB2_MAGIC 0xe85250d6
#define MB2_ARCH  0 /* i386, 32-bit protected mode */

#define BOOT_CS32 0x18
#define BOOT_CS	  0x08
#define BOOT_DS	  0x10

	.section .boot.header, "ax", @progbits
	.code32
	.globl boot_entry
boot_entry:
	/* Must be the first instruction: the 32-bit wrapper starts the image at its first byte. */
	jmp boot_start

	.balign 4
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)

	.balign 8
mb2_header:
	.long MB2_MAGIC, MB2_ARCH, mb2_end - mb2_header
	.long -(MB2_MAGIC + MB2_ARCH + (mb2_end - mb2_header))
	/* Information we need: memory map (6). RSDPs and modules come anyway. */
	.balign 8
	.short 1, 0
	.long 12, 6
	/* Entry point by physical address: the one in the ELF header is only for 32-bit loaders. */
	.balign 8
	.short 3, 0
	.long 12, PHYS(boot_entry)
	/* Modules on page boundaries. */
	.balign 8
	.short 6, 0
	.long 8
	/* No framebuffer tag: it crashes GRUB on some machines, and we draw nothing. */
	.balign 8
	.short 0, 0
	.long 8
mb2_end:

	.section .boot.text, "ax", @progbits
	.code32
boot_start:
	cli
	cld
	mov %eax, %esi
	mov %ebx, %edi

	/* Long mode is there, or all there is to do is to stop. */
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid
	bt $29, %edx
	jnc no_long_mode
	mov %edx, %ebp

	/* Four directories of 2 MiB pages: present, writable, accessed, dirty, large. */
	mov $PHYS(boot_pd), %ebx
	mov $0xe3, %eax
	xor %edx, %edx
	mov $(4 * 512), %ecx
1:	mov %eax, (%ebx)
	mov %edx, 4(%ebx)
	add $8, %ebx
	add $0x200000, %eax
	adc $0, %edx
	loop 1b

	mov $PHYS(boot_pdpt), %ebx
	mov $(PHYS(boot_pd) + 0x63), %eax
	mov $4, %ecx
1:	mov %eax, (%ebx)
	add $8, %ebx
	add $0x1000, %eax
	loop 1b

	mov $(PHYS(boot_pdpt) + 0x63), %eax
	mov %eax, PHYS(boot_pml4)
	mov %eax, PHYS(boot_pml4) + 8 * PML4_SLOT_IMAGE
	mov %eax, PHYS(boot_pml4) + 8 * PML4_SLOT_DIRECTMAP

	mov $0x20, %eax /* PAE */
	mov %eax, %cr4
	mov $PHYS(boot_pml4), %eax
	mov %eax, %cr3

	mov $0xc0000080, %ecx /* EFER: long mode, and no-execute where it exists */
	rdmsr
	or $0x100, %eax
	bt $20, %ebp
	jnc 1f
	or $0x800, %eax
1:	wrmsr

	mov $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0

	lgdt PHYS(boot_gdtr)
	ljmp $BOOT_CS, $PHYS(boot_long)

no_long_mode:
	hlt
	jmp no_long_mode

	.code64
boot_long:
	movabs $boot_high, %rax
	jmp *%rax
boot_high:
	mov $BOOT_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	lea boot_stack + CPU_STACK_SIZE(%rip), %rsp
	xor %ebp, %ebp
	mov %esi, %eax
	mov %edi, %esi
	mov %eax, %edi
	call hv_main
1:	cli
	hlt
	jmp 1b

	.section .rodata.boot, "a", @progbits
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* 64-bit code */
	.quad 0x00cf93000000ffff /* data */
	.quad 0x00cf9b000000ffff /* 32-bit code */
boot_gdt_end:
boot_gdtr:
	.short boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)

	.section .bss.page_aligned, "aw", @nobits
	.balign CPU_STACK_SIZE
	.globl boot_stack
boot_stack:
	.skip CPU_STACK_SIZE
	.balign 4096
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pd:
	.skip 4 * 4096

	.section .note.GNU-stack, "", @progbits
