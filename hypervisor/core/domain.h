/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "abi/xen.h"
#include "arch/x86/boot/boot_info.h"
#include "core/guest_ops.h"
#include "core/hypercall.h"
#include "core/p2m.h"
#include "core/sched_cap.h"
#include "lib/list.h"

#define DOMAIN_MAX_VCPUS 128
#define DOMID_NONE       0xffff
#define SHUTDOWN_UNSAID  0xff

struct evtchn_domain; /* ipc/evtchn */
struct gnttab;        /* ipc/gnttab */

/*
 * A domain. Letters say what guards a field: [L] domain list lock (writers), [d] d->lock, [a] atomic,
 * [c] constant once created.
 */
struct domain {
	domid_t id;            /* [c] */
	bool is_hwdom;         /* [c] domain 0: owns the hardware, may control others */
	bool dying;            /* [d] destruction has begun; no new resources */
	bool dead;             /* [k] torn down; only references keep the structure */
	bool killer;           /* [a] somebody is in domain_kill(): holds [k] */
	bool shutting_down;    /* [d] */
	bool shut_down;        /* [d] every vCPU has stopped */
	uint8_t shutdown_code; /* [d] SHUTDOWN_*; what is said first counts */
	uint8_t handle[16];    /* [d] the toolstack's UUID */
	uint32_t refs;         /* [a] see domain_get(); 0: not to be found, not yet or no longer */
	struct list link;      /* [L] by ascending id */
	struct spinlock lock;

	const struct guest_ops *ops; /* [c] */
	unsigned int max_vcpus;      /* [c] */
	struct vcpu **vcpus;         /* [c] array of max_vcpus; entries appear under [d] */
	uint32_t pause_count;        /* [a] hypervisor's own pauses */
	bool controller_paused;      /* [d] domctl pausedomain */
	bool launched;               /* [d] has been unpaused once */

	uint64_t tot_pages;     /* [a] frames owned, each holding no reference of @refs */
	uint64_t max_pages;     /* [d] */
	uint64_t claimed_pages; /* [d] size set aside by XENMEM_claim_pages, 0 = none */
	struct p2m p2m;
	struct e820_range *e820; /* [d] XENMEM_set_memory_map, or the hardware domain's map */
	unsigned int nr_e820;    /* [d] */

	struct shared_info *shared_info;    /* [c] a page owned by the domain, FRAME kind special */
	uint64_t hvm_params[HVM_NR_PARAMS]; /* [d] */

	struct evtchn_domain *evtchn;
	struct gnttab *gnttab;

	struct sched_cap cap;
	uint32_t weight;       /* [d] scheduler; 256 is the default */
	int64_t time_offset_s; /* [a] */
	uint64_t created_ns;   /* [c] */
	char crash_reason[96]; /* [d] words, when shutdown_code is crash */
	struct hypercall_count hypercalls[HYPERCALL_NR];

	struct spinlock watchdog_lock; /* [w] */
	struct domain_watchdog {
		struct timer timer; /* [w] */
		bool taken;         /* [w] */
	} watchdogs[2];
};

/** Give domain_create() the rooms that hang state on domains, in init order. Once, at boot. */
void domain_set_parts(const struct domain_part *const *parts, unsigned int nr);

/**
 * Make a domain with no vCPUs and no memory, paused by its controller, that nobody else can find yet.
 * @id DOMID_NONE picks the next free one. Return: 0 and *@out, to be published or discarded; -EEXIST,
 * -EINVAL, -ENOMEM.
 */
int must_check domain_create(domid_t id, unsigned int max_vcpus, const struct guest_ops *ops,
			     bool is_hwdom, struct domain **out);

/** Let others find @d, which is complete and has no memory yet; what they do with it the caller doesn't know. */
void domain_publish(struct domain *d);
/** Undo domain_create(). */
void domain_discard(struct domain *d);

/** Find a domain by id and take a reference. Dying ones are found until they are gone. NULL if none. */
struct domain *domain_get(domid_t id);
/** The first domain with an id of at least @id, with a reference, or NULL. */
struct domain *domain_get_next(domid_t id);
void domain_ref(struct domain *d);
void domain_put(struct domain *d);

static inline void domain_guard_end(struct domain **d)
{
	domain_put(*d);
}

/** Drop the reference on @d (not NULL), had already, where the scope ends; see spin_guard(). */
#define domain_guard(d) struct domain *UNIQUE_NAME(guard) __cleanup(domain_guard_end) = (d)

/**
 * Resolve a hypercall's domain argument as seen by @caller: DOMID_SELF and its own id are the caller,
 * others need the caller to be the hardware domain. Return: 0 and a reference, -ESRCH or -EPERM.
 */
int must_check domain_resolve(struct domain *caller, domid_t id, struct domain **out);

/** Destroy. Return: 0 when every resource is gone, -ERESTART to be called again. */
int domain_kill(struct domain *d);

/** The domain's controller stops or starts it (domctl pausedomain/unpausedomain). Sleeps nothing:
 * returns when no vCPU of it runs any more. */
int domain_controller_pause(struct domain *d);
int domain_controller_unpause(struct domain *d);
/** Nestable pause by the hypervisor; domain_pause() returns when no vCPU runs (not for self). */
void domain_pause(struct domain *d);
void domain_unpause(struct domain *d);

/** Begin an orderly stop with @code (SHUTDOWN_*): all vCPUs stop, VIRQ_DOM_EXC is raised. For the
 * hardware domain the machine itself reboots, halts or reports. Return: 0, -EINVAL (no such code). */
int domain_shutdown(struct domain *d, unsigned int code);
/** Stop @d alone because the guest did what cannot go on; @fmt says what, for the log and the API. */
void domain_crash(struct domain *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Undo domain_shutdown() (suspend cancelled). */
void domain_resume(struct domain *d);

/** Account @nr frames to @d against max_pages. Return: 0 or -ENOMEM. */
int must_check domain_charge_pages(struct domain *d, uint64_t nr);
void domain_uncharge_pages(struct domain *d, uint64_t nr);

/**
 * Allocate 2^@order frames owned by @d (charged, refs 1 each, scrubbed). More than 2 MiB are had only where
 * they have been scrubbed already, which would take too long here. Return: 0, -ENOMEM.
 */
int must_check domain_alloc_frames(struct domain *d, unsigned int order, mfn_t *mfn);

/** As domain_alloc_frames(), but exactly the @nr frames at @mfn, contents as they are (domain 0's 1:1
 * RAM). Return: 0, -ENOMEM, -EBUSY when one of them is not free. */
int must_check domain_claim_frames(struct domain *d, mfn_t mfn, uint64_t nr);

/**
 * A zeroed page that the hypervisor shares with @d (shared info, grant tables): owned by @d for
 * references, not charged. Free with domain_free_special(), which drops the creator's reference.
 */
void *domain_alloc_special(struct domain *d);
void domain_free_special(void *page);

/** The frame table's release hook: un-accounts a guest frame whose last reference has gone. */
void domain_frame_released(uint16_t owner, mfn_t mfn);

/** Called when a domain stopped or is gone: raises VIRQ_DOM_EXC; hypercall/table.c's. */
void domain_ended(void);
/** Before the first domain, on the boot CPU. */
void domain_init(void);
/** Every part's vcpu_init, until one fails, and vcpu_fini; for vcpu.c. */
int must_check domain_vcpu_parts_init(struct vcpu *v);
void domain_vcpu_parts_fini(struct vcpu *v);

/** Domain 0, once it exists. */
extern struct domain *hwdom;

/** Walk all domains that can be found, under the list lock; @fn must not block. */
void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg);

/** vCPU @id of @d, NULL when there is none. */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
	return id < d->max_vcpus ? __atomic_load_n(&d->vcpus[id], __ATOMIC_ACQUIRE) : NULL;
}

/** Walk the vCPUs of @d that exist, each as a new variable @v. */
#define for_each_vcpu(d, v)                                                                \
	for (struct vcpu * v, **at_##v = (d)->vcpus; at_##v < (d)->vcpus + (d)->max_vcpus; \
	     at_##v++)                                                                     \
		if (((v) = __atomic_load_n(at_##v, __ATOMIC_ACQUIRE)) != NULL)
