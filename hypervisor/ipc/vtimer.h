/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/vcpu.h"

/*
 * The timers every vCPU has: v->singleshot and v->periodic raise VIRQ_TIMER, v->poll_timer ends its
 * SCHEDOP_poll. The first and the last are set with timer_set(), by the vCPU itself.
 */

/** Shortest period a guest may ask for, in ns. */
#define VTIMER_MIN_PERIOD_NS 1000000ULL

/* Of a domain's part: make the timers. */
int vtimer_init(struct vcpu *v);
/** Disarm all of @v's timers. Context: no locks of event channels held. */
void vtimer_stop(struct vcpu *v);

/** VIRQ_TIMER every @period_ns, at least VTIMER_MIN_PERIOD_NS. @v is current. */
void vtimer_set_periodic(struct vcpu *v, uint64_t period_ns);
void vtimer_stop_periodic(struct vcpu *v);
