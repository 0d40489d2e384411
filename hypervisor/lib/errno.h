/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The error numbers of Xen's ABI under their plain names; functions return 0 or one of these negated.
 * -ERESTART is internal: run the hypercall again with the arguments as they now stand.
 */
#if __STDC_HOSTED__ /* unit tests: Linux' numbers are the same */
#include <errno.h>
#else
#define XEN_ERRNO(name, value) name = value,
enum {
#include "abi/xen/errno.h"
	ERESTART = 85, /* which Xen's header keeps to itself */
};
#endif
