/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Xen ABI as its public headers (Debian's libxen-dev) define it. Files of this room include
 * it before anything else of Xen, because those headers need a macro and some types first.
 */
#ifndef DOMUS_TOOLSTACK_ABI_H
#define DOMUS_TOOLSTACK_ABI_H

#include <stdint.h>

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif

#include <xen/xen.h>

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/domctl.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#endif
