/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the calls of the tools share: domctl, in its files, and sysctl. */
#include "core/op.h"
#include "hypercall/hypercall.h"

/*
 * Operations, as in core/op.h: hc->domctl is the copy of the caller's structure, hc->d the domain it names.
 */
/* domctl_counters.c */
hypercall_fn domctl_counters, domctl_crash_reason;
/* domctl_hvm.c */
hypercall_fn domctl_gethvmcontext, domctl_sethvmcontext, domctl_gethvmcontext_partial,
	domctl_getvcpucontext, domctl_guestmemio, domctl_get_cpu_policy, domctl_set_cpu_policy;

/** vCPU @id of @d. Return: 0, -EINVAL beyond its most, -ESRCH when not made yet. */
int must_check domctl_find_vcpu(struct domain *d, uint32_t id, struct vcpu **v);
/** Describe @d as getdomaininfo does. */
void domctl_describe(struct domain *d, struct xen_domctl_getdomaininfo *info);
/** A bit for each CPU. */
uint64_t domctl_online_cpus(void);
/** Debug key: print all counters of all domains. */
void domctl_counters_key(void);

/** Write @bits to a guest's bitmap, cut or filled with zeros to its length. Return: 0, -EFAULT. */
int must_check xenctl_bitmap_write(const struct xenctl_bitmap *map, uint64_t bits);

/** Pages promised to domains and not yet theirs, of all and of one (memory_op.c). */
uint64_t memory_outstanding(void);
uint64_t memory_outstanding_of(const struct domain *d);

/* ---- cpu_policy.c ---- */

enum cpu_policy_kind {
	POLICY_HOST, /* what the CPU itself says */
	POLICY_HVM,  /* what guests get */
};

/* The most leaves and MSRs a serialised policy can have, as the tools size their buffers. */
#define CPU_POLICY_MAX_LEAVES 0x78u
#define CPU_POLICY_MAX_MSRS   2u
/* Words of a feature set, in the order of Xen 4.17's cpufeatureset.h. */
#define CPU_FEATURE_WORDS     19u

/** The words of @kind's feature set. */
void cpu_featureset(enum cpu_policy_kind kind, uint32_t words[CPU_FEATURE_WORDS]);

/**
 * Write @kind's policy to the guest's arrays and set *@nr_leaves and *@nr_msrs to what was written; NULL
 * arrays only ask for sizes. Return: 0, -EFAULT, -ENOBUFS.
 */
int must_check cpu_policy_put(enum cpu_policy_kind kind, uint64_t leaves, uint32_t *nr_leaves,
			      uint64_t msrs, uint32_t *nr_msrs);

/**
 * Look over a policy the toolstack wants for a domain: leaves and MSRs must be ones that exist.
 * Return: 0; -EFAULT, -E2BIG, -ERANGE or -EINVAL with the culprit in @op's err fields.
 */
int must_check cpu_policy_check(struct xen_domctl_cpu_policy *op);
