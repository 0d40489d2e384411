/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ipc/evtchn.h"

#include "lib/bitmap.h"
#include "lib/spinlock.h"

/* Port 0 is never used. The FIFO ABI has the most; each domain is held to its own ABI's number. */
#define EVTCHN_MAX_PORTS    ((uint32_t)EVTCHN_FIFO_NR_CHANNELS)
#define EVTCHN_BUCKET_PORTS 128u
#define EVTCHN_BUCKETS      (EVTCHN_MAX_PORTS / EVTCHN_BUCKET_PORTS)

enum evtchn_state {
	EVTCHN_FREE = 0,
	EVTCHN_UNBOUND,     /* waits for @remote to bind it */
	EVTCHN_INTERDOMAIN, /* joined to @port of @peer */
	EVTCHN_VIRQ,
	EVTCHN_IPI,
};

/* An event channel as its domain sees it. All [evtchn] of that domain, and of the peer too when joined. */
struct evtchn {
	uint8_t state;
	uint8_t priority; /* FIFO ABI */
	uint8_t vcpu;     /* who is notified: below the domain's max_vcpus */
	bool pending;     /* [fifo] raised before its word was there */
	/* [fifo] The queue it was put in last; stays when the port is closed. */
	uint8_t last_vcpu, last_priority;
	union {
		domid_t remote;
		uint32_t port;
		uint32_t virq;
	} u;
	struct domain *peer;
};

/*
 * How pending events are shown to a guest. Context of all: any CPU; the port can't be closed meanwhile
 * because the caller holds [evtchn] of the domain or of the peer. @v may be NULL: nobody to notify yet.
 */
struct evtchn_abi {
	uint32_t nr_ports;
	void (*set_pending)(struct domain *d, struct vcpu *v, struct evtchn *ch, uint32_t port);
	void (*clear_pending)(struct domain *d, struct evtchn *ch, uint32_t port);
	void (*unmask)(struct domain *d, struct vcpu *v, struct evtchn *ch, uint32_t port);
	bool (*is_pending)(const struct domain *d, uint32_t port);
};

extern const struct evtchn_abi evtchn_abi_fifo;

/*
 * Lock [evtchn]: of two domains, the one at the lower address first. Taken under no other lock; d->lock (when
 * pages are given back), run queue and timer locks come below it.
 */
struct evtchn_domain {
	struct spinlock lock;
	bool closed;                  /* [evtchn] being torn down: no new ports */
	uint32_t first_free;          /* [evtchn] no lower port is free */
	uint32_t max_port;            /* [evtchn] highest port the toolstack allows */
	uint32_t active;              /* [evtchn] ports in use */
	uint32_t kill_next;           /* where the teardown goes on */
	const struct evtchn_abi *abi; /* [evtchn]; back to 2-level only with no port in use */
	struct evtchn_fifo *fifo;     /* [evtchn] made once, kept to the end */
	struct evtchn *bucket[EVTCHN_BUCKETS]; /* [evtchn] filled from the start, kept to the end */
	BITMAP(polling, DOMAIN_MAX_VCPUS);     /* [a] vCPUs inside SCHEDOP_poll */
};

/** The place of a @port whose bucket is there. */
static inline struct evtchn *evtchn_at(const struct domain *d, uint32_t port)
{
	return &d->evtchn->bucket[port / EVTCHN_BUCKET_PORTS][port % EVTCHN_BUCKET_PORTS];
}

/** The channel of @port if it is in use, else NULL. Context: [evtchn] of @d. */
static inline struct evtchn *evtchn_lookup(const struct domain *d, uint32_t port)
{
	if (port >= EVTCHN_MAX_PORTS || !d->evtchn->bucket[port / EVTCHN_BUCKET_PORTS])
		return NULL;
	return evtchn_at(d, port)->state != EVTCHN_FREE ? evtchn_at(d, port) : NULL;
}

/** Make @port pending in @d. Context: as struct evtchn_abi. */
static inline void evtchn_raise(struct domain *d, struct evtchn *ch, uint32_t port)
{
	struct vcpu *v = __atomic_load_n(&d->vcpus[READ_ONCE(ch->vcpu)], __ATOMIC_ACQUIRE);

	READ_ONCE(d->evtchn->abi)->set_pending(d, v, ch, port);
}

/** @v has something new to see: set its pending flag and tell it. */
void evtchn_mark_upcall(struct vcpu *v);
/** Wake vCPUs that poll for @port. */
void evtchn_wake_pollers(struct domain *d, uint32_t port);

/**
 * EVTCHNOP_init_control: give a vCPU its control block; the first turns the domain to the FIFO ABI.
 * Return: 0, -ENOENT, -EINVAL (again, bad page or offset), -ENOMEM, -ESRCH (dying).
 */
hypercall_fn evtchn_fifo_init_control;
/**
 * EVTCHNOP_expand_array: append a page of event words.
 * Return: 0, -EINVAL, -ENOSPC, -EOPNOTSUPP (not FIFO), -ESRCH.
 */
hypercall_fn evtchn_fifo_expand_array;
/** Let go of the guest's pages. Context: [evtchn], no port in use. */
void evtchn_fifo_release(struct domain *d);
