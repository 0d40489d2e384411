/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside an asm statement: when the instruction at label @from faults, go on at label @to. */
#define EXTABLE(from, to)                              \
	".pushsection .ex_table, \"a\", @progbits\n\t" \
	".quad " #from ", " #to "\n\t"                 \
	".popsection\n\t"
