/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/domain.h"
#include "core/vcpu.h"

extern const struct domain_part evtchn_part;

/** Raise a per-vCPU VIRQ. Any CPU, any locks below [evtchn]. */
void evtchn_virq(struct vcpu *v, unsigned int virq);
/** Raise a global VIRQ (DOM_EXC, CON_RING, CONSOLE…) at whoever bound it. */
void evtchn_global_virq(unsigned int virq);
/** Pending bit of @port in @d (SCHEDOP_poll). Return: 1, 0, or -EINVAL for a port that cannot be. */
int evtchn_port_pending(struct domain *d, uint32_t port);
/** @v got a new vcpu_info page: whatever is pending must be seen again. */
void evtchn_vcpu_info_moved(struct vcpu *v);
/** @v begins SCHEDOP_poll for @port (0: for several); from now on an event on it kicks @v. */
void evtchn_poll_begin(struct vcpu *v, uint32_t port);
/** @v waits no more. Any CPU. */
void evtchn_poll_end(struct vcpu *v);
/** The highest port @d may use (domctl createdomain). */
void evtchn_set_max_port(struct domain *d, uint32_t max_port);

/*
 * The timers every vCPU has: v->singleshot and v->periodic raise VIRQ_TIMER, v->poll_timer ends its
 * SCHEDOP_poll. The first and the last are set with timer_set(), by the vCPU itself.
 */

/** Shortest period a guest may ask for, in ns. */
#define VTIMER_MIN_PERIOD_NS 1000000ULL

/** VIRQ_TIMER every @period_ns, at least VTIMER_MIN_PERIOD_NS. @v is current. */
void vtimer_set_periodic(struct vcpu *v, uint64_t period_ns);
void vtimer_stop_periodic(struct vcpu *v);

hypercall_fn evtchn_hypercall; /* __HYPERVISOR_event_channel_op */
