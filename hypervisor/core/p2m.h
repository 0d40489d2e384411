/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "arch/x86/mm/ptab.h"
#include "lib/spinlock.h"

struct domain;

/* What a guest frame is backed by; kept in the software bits of the leaf. */
enum p2m_type {
	P2M_NONE = 0,
	P2M_RAM,      /* the domain's own RAM: the leaf holds the frame's owner reference */
	P2M_MMIO,     /* identity-mapped device memory (domain 0 only): no reference */
	P2M_FOREIGN,  /* another domain's frame: holds a reference */
	P2M_GRANT_RW, /* granted frame: the reference is maptrack's */
	P2M_GRANT_RO,
	P2M_SPECIAL, /* page of the hypervisor (shared info, grant table): holds a reference */
};

#define GFN_LIMIT (1ULL << (48 - 12)) /* guest physical addresses of 48 bits */

/*
 * How many tables a domain may need before the toolstack says otherwise: a guest that scatters what it maps is
 * not to take all memory there is. Domain 0, which maps everybody's, may have any number.
 */
#define P2M_DEFAULT_TABLES 256u

struct p2m {
	struct spinlock lock;
	struct ptab table; /* [p2m]; max_tables is the paging pool of domctl */
	uint64_t tlb_gen;  /* [p2m] for writes; bumped whenever a leaf loses rights */
	uint64_t ram_gen;  /* [p2m] bumped when it was one of RAM */
	paddr_t emptied; /* [p2m] tables that CPUs may still walk, each with the next in its first entry */
};

int must_check p2m_init(struct domain *d);
void p2m_fini(struct domain *d);

/**
 * Look up @gfn. Return: the frame, with *@type set and *@order the size of the leaf it lies in
 * (may be NULL); INVALID_MFN and P2M_NONE when there is none. Context: takes the p2m lock; the
 * answer may be stale at once unless the caller holds a reference or the lock.
 */
mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order);

/** As p2m_lookup(), for a caller that holds d->p2m.lock. */
mfn_t p2m_lookup_locked(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order);

/** Whether frames of @type are RAM that the direct map has (so not device memory, not absent). */
static inline bool p2m_is_memory(enum p2m_type type)
{
	return type != P2M_NONE && type != P2M_MMIO;
}

/**
 * Look up @gfn and take a reference of the frame behind it, which is to be @d's own: not one it was granted
 * or lent, which is to go back. @write refuses read-only types.
 * Return: 0 and *@mfn (drop with frame_put()), -EINVAL when nothing usable is there.
 */
int must_check p2m_get_own_frame(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn);

/**
 * Map 2^@order frames at @mfn to @gfn. What was there before is removed first, dropping the
 * reference it held. Takes over the caller's references of the new frames (one per frame), as the
 * type says. @order is 0, 9 or 18 and both numbers are aligned to it.
 * Return: 0, -EINVAL (also when @d is dying), -ENOMEM; nothing has changed then. Context: not under any p2m lock.
 * Flushes.
 */
int must_check p2m_map(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
		       enum p2m_type type);

/**
 * Remove the 4 KiB mapping at @gfn and drop the reference it held, after every CPU has forgotten
 * it. @mfn, unless INVALID_MFN, must be what is mapped; @type, unless P2M_NONE, its type.
 * Return: 0, -ENOENT, -EINVAL, -ENOMEM (a superpage could not be split).
 */
int must_check p2m_unmap(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type);

/** Remove everything, some leaves a call. Return: 0 when empty, -ERESTART to be called again. */
int p2m_teardown(struct domain *d);

/** Wait until no CPU runs @d's vCPUs with translations older than now. Not under locks of [p2m]. */
void p2m_flush(struct domain *d);
