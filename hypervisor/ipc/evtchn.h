/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/domain.h"
#include "core/vcpu.h"

extern const struct domain_part evtchn_part;

/** Raise a per-vCPU VIRQ. Any CPU, any locks below [evtchn]. */
void evtchn_virq(struct vcpu *v, unsigned int virq);
/** Raise a global VIRQ (DOM_EXC, CON_RING, CONSOLE…) at whoever bound it. */
void evtchn_global_virq(unsigned int virq);
/** Pending bit of @port in @d (SCHEDOP_poll). */
bool evtchn_port_pending(struct domain *d, uint32_t port);
/** @v got a new vcpu_info page: whatever is pending must be seen again. */
void evtchn_vcpu_info_moved(struct vcpu *v);
/** @v begins SCHEDOP_poll for @port (0: for several); from now on an event on it kicks @v. */
void evtchn_poll_begin(struct vcpu *v, uint32_t port);
/** @v waits no more. Any CPU. */
void evtchn_poll_end(struct vcpu *v);
/** The highest port @d may use (domctl createdomain). */
void evtchn_set_max_port(struct domain *d, uint32_t max_port);

hypercall_fn evtchn_hypercall; /* __HYPERVISOR_event_channel_op */
