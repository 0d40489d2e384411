/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/domain.h"
#include "core/vcpu.h"

extern const struct domain_part evtchn_part;

/** EVTCHNOP_send on the sender's local @port. Return: 0, -EINVAL, -ESRCH. */
int must_check evtchn_send(struct domain *d, uint32_t port);
/** Raise a per-vCPU VIRQ. Any CPU, any locks below [evtchn]. */
void evtchn_virq(struct vcpu *v, unsigned int virq);
/** Raise a global VIRQ (DOM_EXC, CON_RING, CONSOLE…) at whoever bound it. */
void evtchn_global_virq(unsigned int virq);
/** An unbound port of @d that @remote may bind; @id 0 picks one. */
int must_check evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port);
/** Close @port; @notify: its peer is told by an event. Return: 0, -EINVAL (not in use). */
int evtchn_close(struct domain *d, uint32_t port, bool notify);
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
