/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "arch/x86/cpu/cpu.h"
#include "core/domain.h"
#include "core/guest.h"
#include "core/timer.h"

struct hvm_vcpu; /* hvm/ */
struct vlapic;   /* vdev/ */

/*
 * A guest's general registers, in the order the instruction set numbers them; entry code relies on it.
 * RAX, RSP, RIP and RFLAGS are cached from and to the control block by hvm/.
 */
struct guest_regs {
	union {
		struct {
			uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
			uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
		};
		uint64_t gpr[16];
	};
	uint64_t rip, rflags;
};

enum vcpu_state {
	VCPU_DOWN,     /* offline: not started, or halted with interrupts off */
	VCPU_BLOCKED,  /* waits for an event */
	VCPU_RUNNABLE, /* in a run queue */
	VCPU_RUNNING,
};

#define VCPU_ALL_CPUS (~0ULL)

/* [r] the lock of run queue @cpu, [v] v->lock, others as in struct domain. */
struct vcpu {
	struct domain *domain; /* [c] */
	unsigned int id;       /* [c] */
	struct spinlock lock;

	enum vcpu_state state;  /* [r] */
	bool moving;            /* [r] from one queue to another: in neither for a moment */
	uint32_t cpu;           /* [r] where it runs or last ran */
	struct list run_link;   /* [r] */
	uint64_t vruntime;      /* [r] weighted ns */
	uint64_t run_since;     /* [r] ns when it was put on the CPU */
	uint64_t cpu_time;      /* [r] ns it has run in all */
	uint64_t grant;         /* [r] ns of its domain's cap it may run, ~0 without one */
	uint64_t affinity_hard; /* [r] bit per CPU */
	uint64_t affinity_soft; /* [r] */

	struct guest_regs regs; /* owner: the CPU it runs on, or whoever has it paused */
	struct hvm_vcpu *hvm;   /* [c] */
	struct vlapic *vlapic;  /* [c] */

	/* Event channel upcall state. The page is a reference held in @vcpu_info_mfn. */
	struct vcpu_info *vcpu_info;  /* [v] never NULL */
	struct vcpu_info own_info;    /* nobody sees it: for ids shared_info has no room for */
	mfn_t vcpu_info_mfn;          /* [v] INVALID_MFN while in shared_info or @own_info */
	uint8_t upcall_vector;        /* [v] 0 = none */
	uint32_t virq_port[NR_VIRQS]; /* [evtchn] */
	uint32_t poll_port;           /* [a] SCHEDOP_poll: 0 none, else a port, ~0 several */

	struct timer singleshot; /* VCPUOP_set_singleshot_timer, SCHEDOP set_timer_op */
	struct timer periodic;
	uint64_t period_ns; /* [v] */
	struct timer poll_timer;

	struct vcpu_runstate_info runstate; /* [r] */
	uint64_t runstate_gva;              /* [a] 0 = none; guest virtual address */
	uint64_t time_gva;                  /* [a] where its time record is due; 0 = nowhere */
	bool runstate_flag;                 /* [v] vm_assist: mark updates in progress */

	struct walked_page walked[WALKED_PAGES]; /* [p2m] */

	uint64_t exits; /* statistics: VM exits taken */
};

/** Make vCPU @id of @d, down. Return: 0, -EEXIST, -EINVAL, -ENOMEM. */
int must_check vcpu_create(struct domain *d, unsigned int id, struct vcpu **out);

/** Free @v with its parts; it never runs again. */
void vcpu_destroy(struct vcpu *v);
/** Drop the references every vCPU of a dying @d holds of its own frames (vcpu_info). */
void vcpus_release_info(struct domain *d);

/**
 * Move @v's vcpu_info into the frame at @gfn, @offset (VCPUOP_register_vcpu_info, once a vCPU).
 * Return: 0, -EINVAL (again, unaligned, crosses the page, no such frame).
 */
int must_check vcpu_register_info(struct vcpu *v, gfn_t gfn, uint32_t offset);

/** The vCPU running on this CPU (never NULL in hypercall and exit handlers). */
struct vcpu *vcpu_current(void);

/** From down to runnable (SIPI, domain launch). */
void vcpu_up(struct vcpu *v);
/**
 * @v (current) goes offline: HLT with IF=0, VCPUOP_down; unless it has been told to start meanwhile. The domain
 * stops when all are down. Takes the domain's lock, as vcpu_up() does.
 */
void vcpu_down(struct vcpu *v);
/** @v (current) has nothing to do until vcpu_kick(): HLT, SCHEDOP_block, poll. Race-free: wakeup
 * conditions are looked at again once it is marked blocked. */
void vcpu_block(struct vcpu *v);
/** @v (current) gives way to others once. */
void vcpu_yield(struct vcpu *v);
/** Make @v notice something: wakes it when blocked, forces an exit when running. Any CPU. */
void vcpu_kick(struct vcpu *v);

/** True when @v, current, may not be entered now: paused, blocked, down, its domain stopped. */
static inline bool vcpu_must_leave(const struct vcpu *v)
{
	const struct domain *d = v->domain;

	return v->state != VCPU_RUNNING || d->pause_count || d->controller_paused ||
	       d->shutting_down || this_cpu()->resched;
}

/** Register/refresh the pvclock record of @v in its vcpu_info. */
void vcpu_update_time(struct vcpu *v);
/** Copy run state and time record of @v where it registered them; @v is current. */
void vcpu_update_areas(struct vcpu *v);
