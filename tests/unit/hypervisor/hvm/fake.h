/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_HYPERVISOR_HVM_FAKE_H
#define UNIT_HYPERVISOR_HVM_FAKE_H

/* A host for hvm/, vdev/ and emul/ in a test: one domain whose control block is a plain struct. */

#include <check.h>

#include "hvm/vcpu_state.h"
#include "lib/errno.h"

#define FAKE_MEM_SIZE 0x10000u /* guest-physical RAM, from 0; virtual addresses are the same */
#define FAKE_VCPUS    4u

struct fake_control {
	struct hvm_segment seg[HVM_NR_SEGS];
	uint64_t reg[HVM_NR_REGS];
	uint8_t cpl;
	struct hvm_event injected; /* by the last hvm_deliver_events() */
	bool window[HVM_NR_WINDOWS];
	uint8_t offered; /* a vector, 0 = none */
};

extern uint8_t fake_mem[FAKE_MEM_SIZE];
extern uint64_t fake_now;
extern unsigned int fake_kicks;
extern unsigned int fake_crashes;
extern unsigned int fake_mapped; /* p2m_map() calls */
extern uint64_t fake_rte[24];    /* the host IO-APIC's */
extern uint8_t fake_last_eoi;
extern unsigned int fake_host_eois;
extern struct domain fake_domain;
extern long fake_hypercall_result;
/** What another CPU does while the registers of a vCPU are reset; once. */
extern void (*fake_meanwhile)(struct vcpu *v);

/** vCPUs up, APICs enabled in x2APIC mode if @x2apic, registers in 64-bit mode at RIP 0x1000. */
void fake_setup(bool hwdom, bool x2apic);
void fake_teardown(void);
struct vcpu *fake_vcpu(unsigned int id);
struct fake_control *fake_control(struct vcpu *v);
/** Fire timers due at fake_now. */
void fake_timers(void);
/** Put code at RIP of vCPU 0. */
void fake_code(const char *bytes, size_t len);
#define CODE(s) fake_code(s, sizeof(s) - 1)

Suite *emul_suite(void);
Suite *vlapic_suite(void);
Suite *vioapic_suite(void);
Suite *policy_suite(void);
Suite *events_suite(void);

#endif
