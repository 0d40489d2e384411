/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What Xen's public interface has no call for, shared by hypervisor and toolstack: domctls, numbered far from
 * all of Xen's, which answers -ENOSYS to them. Xen's tools never make them; a toolstack that meets -ENOSYS has
 * that much less to tell, and nothing else is different.
 */
#include <stdint.h>

/** Counters of a domain, or of one of its vCPUs. Argument: struct domus_counters, in xen_domctl.u. */
#define DOMUS_DOMCTL_counters 0x444f4d01u

#define DOMUS_COUNTERS_DOMAIN 0xffffffffu

struct domus_counters {
	uint32_t vcpu; /* IN: number, or DOMUS_COUNTERS_DOMAIN */
	uint32_t nr;   /* IN: room at @buffer; OUT: how many there are */
	uint64_t buffer
		__attribute__((aligned(8))); /* IN: of struct domus_counter, caller's address */
};

/* Kinds. Those that are zero are left out. */
#define DOMUS_COUNTER_RUNSTATE  0u /* of a vCPU: ns running, runnable, blocked, offline */
#define DOMUS_COUNTER_EXIT      1u /* of a vCPU: VM exits by reason */
#define DOMUS_COUNTER_HYPERCALL 2u /* of a domain: by name, or "number N" when there is none */
#define DOMUS_COUNTER_GRANT     3u /* of a domain: grants "used" by others, and "mapped" by it */
#define DOMUS_COUNTER_MAPPING   4u /* of a domain: nested page-table entries, "4k", "2m", "1g" */

struct domus_counter {
	char name[20]; /* terminated */
	uint32_t kind;
	uint64_t value;
	uint64_t absent; /* hypercalls: how many of them were answered with -ENOSYS */
};

/** Why the hypervisor ended a domain as crashed: words in xen_domctl.u; none when the guest itself did. */
#define DOMUS_DOMCTL_crash_reason 0x444f4d02u

#define DOMUS_CRASH_REASON_SIZE 96 /* bytes, terminated */
