/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from the boot loader: 32-bit protected mode, no paging, flat segments (Multiboot 1 and 2),
 * magic in EAX, information in EBX. Leaves for hv_main() in 64-bit mode with page tables that map
 * the first 4 GiB three times: where they are, in the direct map, and under the image.
 *
 * The other CPUs come in at boot_ap_start, and go the second half of that way.
 */
#include "arch/x86/cpu/stack.h"
#include "arch/x86/mm/layout.h"

#define PHYS(sym) ((sym) - IMAGE_BASE)

#define MB1_MAGIC 0x1badb002
#define MB1_FLAGS 0x10003 /* modules on page boundaries, memory map, addresses follow */
#define MB2_MAGIC 0xe85250d6
#define MB2_ARCH  0 /* i386, 32-bit protected mode */

#define BOOT_CS32 0x18
#define BOOT_CS	  0x08
#define BOOT_DS	  0x10

	.section .boot.header, "ax", @progbits
	.code32
	.globl boot_entry
boot_entry:
	jmp boot_start

	/* Loaders that refuse 64-bit ELF (qemu -kernel) take the image by these addresses. */
	.balign 4
mb1_header:
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	.long PHYS(mb1_header), PHYS(image_start), PHYS(data_end), PHYS(image_end), PHYS(boot_entry)

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

	lgdt PHYS(boot_gdtr)
enter_long_mode:
	mov $0x20, %eax /* PAE */
	mov %eax, %cr4
	mov $PHYS(boot_pml4), %eax
	mov %eax, %cr3

	mov $0x80000001, %eax
	cpuid
	mov %edx, %ebp
	mov $0xc0000080, %ecx /* EFER: long mode, and no-execute where it exists */
	rdmsr
	or $0x100, %eax
	bt $20, %ebp
	jnc 1f
	or $0x800, %eax
1:	wrmsr

	mov $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
	mov %eax, %cr0
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
	mov boot_cpu(%rip), %rax
	mov %rax, %cr3
	mov boot_cpu + 8(%rip), %rsp
	xor %ebp, %ebp
	xchg %esi, %edi
	call *boot_cpu + 16(%rip)
1:	cli
	hlt
	jmp 1b

/*
 * Where other processors start: copied to a page below 1 MiB and entered there in real mode, with
 * CS = page >> 4.
 */
	.section .rodata.boot, "a", @progbits
	.code16
	.globl boot_ap_start, boot_ap_end
boot_ap_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	lgdtl ap_gdtr - boot_ap_start
	mov %cr0, %eax
	and $0x9fffffff, %eax /* caches on: INIT leaves CD and NW set */
	or $1, %eax
	mov %eax, %cr0
	ljmpl $BOOT_CS32, $PHYS(ap_protected)
ap_gdtr:
	.short boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)
boot_ap_end:

	.section .boot.text, "ax", @progbits
	.code32
ap_protected:
	mov $BOOT_DS, %eax
	mov %eax, %ds
	jmp enter_long_mode

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

	.data
	.balign 8
	.globl boot_cpu
boot_cpu: /* smp.h */
	.quad PHYS(boot_pml4)
	.quad boot_stack + CPU_STACK_SIZE
	.quad hv_main

	/* Present, writable, accessed, dirty; and of 2 MiB. */
	.balign 4096
boot_pml4:
	.quad PHYS(boot_pdpt) + 0x63
	.fill PML4_SLOT_IMAGE - 1, 8, 0
	.quad PHYS(boot_pdpt) + 0x63
	.fill PML4_SLOT_DIRECTMAP - PML4_SLOT_IMAGE - 1, 8, 0
	.quad PHYS(boot_pdpt) + 0x63
	.fill 511 - PML4_SLOT_DIRECTMAP, 8, 0
boot_pdpt:
	.quad PHYS(boot_pd) + 0x63, PHYS(boot_pd) + 0x1063
	.quad PHYS(boot_pd) + 0x2063, PHYS(boot_pd) + 0x3063
	.fill 508, 8, 0
boot_pd:
	address = 0
	.rept 4 * 512
	.quad address + 0xe3
	address = address + 0x200000
	.endr

	.section .bss.page_aligned, "aw", @nobits
	.balign CPU_STACK_SIZE
boot_stack:
	.skip CPU_STACK_SIZE

	.section .note.GNU-stack, "", @progbits
