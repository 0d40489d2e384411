/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/xen.h"
#include "core/vcpu.h"
#include "lib/types.h"

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
