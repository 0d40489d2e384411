/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_X86_CPU_EXTABLE_H
#define ARCH_X86_CPU_EXTABLE_H

/* Inside an asm statement: when the instruction at label @from faults, go on at label @to. */
#define EXTABLE(from, to)                              \
	".pushsection .ex_table, \"a\", @progbits\n\t" \
	".quad " #from ", " #to "\n\t"                 \
	".popsection\n\t"

#endif
