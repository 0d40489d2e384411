/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_HV_HOST_H
#define FAKE_HV_HOST_H

/*
 * A host for the hypervisor's rooms from mm/ to hypercall/ inside a test: real allocator, frame table,
 * page tables, p2m and domains over an arena; everything that touches the machine is a fake here.
 */

#include "core/hypercall.h"
#include "core/vcpu.h"

#define FAKE_RAM_MIB 64

/** Set up an empty host with a hardware domain of two vCPUs. */
void fake_host_init(void);
/** Take the host down. Return: pages that are missing compared with before any domain existed. */
int64_t fake_host_fini(void);

/** A domain of @vcpus vCPUs with @pages of RAM from guest frame 0 on, unpaused. */
struct domain *fake_domain(unsigned int vcpus, uint64_t pages);
/** The same with a certain number. */
struct domain *fake_domain_id(domid_t id, unsigned int vcpus, uint64_t pages);
/** Kill @d to the end and reap it. */
void fake_domain_kill(struct domain *d);
/** Run what was left for softirqs. */
void fake_softirqs(void);

/** Make @v the vCPU whose hypercalls follow. */
void fake_run_as(struct vcpu *v);
/** Issue a hypercall; a preempted one is issued again, as a guest does. */
long fake_hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2);
/** How often the last fake_hypercall() was preempted. */
extern unsigned int fake_restarts;
/** preempt_check() says yes every so many calls; 0 never. */
extern unsigned int fake_preempt_every;

/** Memory that guests can name in hypercalls; everything else faults. */
extern uint8_t fake_guest_mem[1 << 16];
#define FAKE_GVA(offset) ((uint64_t)(uintptr_t)&fake_guest_mem[offset])

extern uint64_t fake_now;         /* ns since boot */
extern unsigned int fake_kicks;   /* vcpu wake-ups */
extern unsigned int fake_upcalls; /* guest_ops.upcall calls */
extern char fake_console[4096];   /* what guests wrote */
extern size_t fake_console_len;
extern uint32_t fake_console_full; /* bit n: no room for what domain 0 writes n writes from now */
extern int fake_machine_shutdown;  /* code domain 0 stopped with, or -1 */
extern void (*fake_machine_end)(void);        /* called then, if set; else the test ends */
extern const struct vcpu *fake_told_to_start; /* a vCPU whose start is pending, or NULL */
extern void (*fake_falls_asleep)(void);       /* called just before a vCPU is marked so, if set */
/** Fire timers that are due at fake_now. */
void fake_timers(void);

#endif
