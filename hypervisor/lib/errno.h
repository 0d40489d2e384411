/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The error numbers of Xen's ABI (XEN_Exxx); functions return 0 or one of these negated.
 * -ERESTART is internal: run the hypercall again with the arguments as they now stand.
 */
#include "abi/xen/errno.h"

/* The plain names, with the ABI's numbers whatever a hosting libc may think of them. */
#undef EPERM
#undef ENOENT
#undef ESRCH
#undef EIO
#undef E2BIG
#undef EAGAIN
#undef ENOMEM
#undef EACCES
#undef EFAULT
#undef EBUSY
#undef EEXIST
#undef ENODEV
#undef EINVAL
#undef ENOSPC
#undef ERANGE
#undef ENOSYS
#undef ENODATA
#undef ERESTART
#undef EOPNOTSUPP
#undef ENOBUFS

#define EPERM      XEN_EPERM
#define ENOENT     XEN_ENOENT
#define ESRCH      XEN_ESRCH
#define EIO        XEN_EIO
#define E2BIG      XEN_E2BIG
#define EAGAIN     XEN_EAGAIN
#define ENOMEM     XEN_ENOMEM
#define EACCES     XEN_EACCES
#define EFAULT     XEN_EFAULT
#define EBUSY      XEN_EBUSY
#define EEXIST     XEN_EEXIST
#define ENODEV     XEN_ENODEV
#define EINVAL     XEN_EINVAL
#define ENOSPC     XEN_ENOSPC
#define ERANGE     XEN_ERANGE
#define ENOSYS     XEN_ENOSYS
#define ENODATA    XEN_ENODATA
#define ERESTART   85 /* internal to Xen's header: not defined for tools */
#define EOPNOTSUPP XEN_EOPNOTSUPP
#define ENOBUFS    XEN_ENOBUFS
