/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lib/types.h"

struct domain;
struct hypercall;
struct vcpu;

/* Control state that decides how a guest's virtual addresses are walked (APM vol. 2, ch. 5). */
struct guest_paging {
	union {
		struct {
			uint64_t cr3;
			uint32_t cr0, cr4, efer; /* of their bits none is higher */
			uint8_t cpl;
			bool ac; /* RFLAGS.AC: suspends SMAP */
			uint16_t zero;
		};
		uint64_t word[3]; /* all of it, to be compared */
	};
};

/**
 * What the lower rooms ask of the room that runs a kind of guest (hvm/, later pv/).
 * All are called with interrupts off.
 */
struct guest_ops {
	/**
	 * Enter @v on this CPU until it must leave it: a softirq is due, it blocked, went down or
	 * was paused. Context: v->cpu is this CPU, its state is loaded by this call.
	 */
	void (*run)(struct vcpu *v);
	/** Save what of @v still lies in this CPU's registers (FPU, vendor state). */
	void (*switch_out)(struct vcpu *v);
	/** True if an interrupt or NMI is pending that would end @v's HLT. Any CPU. */
	bool (*wakeup_pending)(const struct vcpu *v);
	/** True if @v has been told to start since it last looked: it must not go down. Any CPU. */
	bool (*start_pending)(const struct vcpu *v);
	/** Tell @v that evtchn_upcall_pending has become 1. Any CPU; the caller kicks @v after. */
	void (*upcall)(struct vcpu *v);
	/** @v's paging state; only for the vCPU running here or one that is descheduled. */
	void (*get_paging)(const struct vcpu *v, struct guest_paging *paging);
};

/*
 * Parts that hang their own state on a domain. Each init is undone by its fini, also one that failed halfway
 * or was never called; kill runs first, on a dying domain, may return -ERESTART when preempted, and is called
 * again until it returns 0.
 */
struct domain_part {
	int (*domain_init)(struct domain *d);
	int (*domain_kill)(struct domain *d);
	void (*domain_fini)(struct domain *d);
	int (*vcpu_init)(struct vcpu *v);
	void (*vcpu_fini)(struct vcpu *v);
};
