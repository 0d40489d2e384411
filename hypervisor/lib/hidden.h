/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The build includes this first everywhere: nothing is ever bound at run time, so that no symbol, not
 * even one declared extern, needs a global offset table.
 */
#ifndef __ASSEMBLER__
#pragma GCC visibility push(hidden)
#endif
