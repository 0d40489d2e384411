/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "core/vcpu.h"

/* The timers every vCPU has: what they raise is VIRQ_TIMER, and poll's ends its wait. */

/** Shortest period a guest may ask for, in ns. */
#define VTIMER_MIN_PERIOD_NS 1000000ULL

void vtimer_init(struct vcpu *v);
/** Disarm all of @v's timers. Context: no locks of event channels held. */
void vtimer_stop(struct vcpu *v);

/** VIRQ_TIMER at @when (ns since boot; the past means now). @v is current. */
void vtimer_set_singleshot(struct vcpu *v, uint64_t when);
void vtimer_stop_singleshot(struct vcpu *v);
/** VIRQ_TIMER every @period_ns, at least VTIMER_MIN_PERIOD_NS. @v is current. */
void vtimer_set_periodic(struct vcpu *v, uint64_t period_ns);
void vtimer_stop_periodic(struct vcpu *v);
/** End @v's SCHEDOP_poll at @when. @v is current. */
void vtimer_set_poll(struct vcpu *v, uint64_t when);
