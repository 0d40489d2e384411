/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The one door to Xen's public ABI headers (Debian's libxen-dev, MIT). The build exposes
 * /usr/include/xen as abi/xen through a symlink of its own, and nothing else of the host's
 * headers. __XEN_TOOLS__ brings the control interfaces; __XEN__ would ask for Xen's private types.
 */
#include <stddef.h>
#include <stdint.h>

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif

#include "abi/xen/xen.h"
#include "abi/xen/arch-x86/cpuid.h"
#include "abi/xen/arch-x86/hvm/start_info.h"
#include "abi/xen/callback.h"
#include "abi/xen/domctl.h"
#include "abi/xen/event_channel.h"
#include "abi/xen/features.h"
#include "abi/xen/grant_table.h"
#include "abi/xen/hvm/dm_op.h"
#include "abi/xen/hvm/e820.h"
#include "abi/xen/hvm/hvm_op.h"
#include "abi/xen/hvm/params.h"
#include "abi/xen/hvm/save.h"
#include "abi/xen/memory.h"
#include "abi/xen/physdev.h"
#include "abi/xen/platform.h"
#include "abi/xen/sched.h"
#include "abi/xen/sysctl.h"
#include "abi/xen/vcpu.h"
#include "abi/xen/version.h"
