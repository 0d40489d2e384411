/* SPDX-License-Identifier: Apache-2.0 */
/* The flat image as the only section of a 32-bit ELF file; mkelf32.sh defines the names. */
	.section .image, "awx", @progbits
	.globl image_entry
image_entry:
	.incbin IMAGE_FILE
	.section .bss, "aw", @nobits
	.balign 16
	.skip IMAGE_BSS
	.section .note.GNU-stack, "", @progbits
