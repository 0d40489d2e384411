// SPDX-License-Identifier: Apache-2.0
/*
 * Domains: their list, references, accounting, pausing and the way they end. Lock order: list lock,
 * then d->lock; neither is held while a vCPU is waited for.
 */
#include "core/domain.h"

#include "core/panic.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/vcpu.h"
#include "core/wallclock.h"
#include "arch/x86/cpu/clock.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/heap.h"

struct domain *hwdom;

static struct spinlock list_lock;
static struct list domains = LIST_INIT(domains);   /* [list_lock] ascending by id */
static struct list reapable = LIST_INIT(reapable); /* [list_lock] no references left */
static domid_t last_id;                            /* [list_lock] ids are not reused at once */

static const struct domain_part *const *parts;
static unsigned int nr_parts;

/* ---- references and the list ---- */

static struct domain *ref_unless_zero(struct domain *d)
{
	uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

	do {
		if (!refs)
			return NULL;
	} while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return d;
}

static struct domain *first_at_least(domid_t id)
{
	struct domain *d;

	list_for_each_entry(d, &domains, link) {
		if (d->id >= id)
			return d;
	}
	return NULL;
}

struct domain *domain_get_next(domid_t id)
{
	struct domain *d;

	spin_guard(&list_lock);
	for (d = first_at_least(id); d && !ref_unless_zero(d); d = first_at_least(id))
		id = (domid_t)(d->id + 1);
	return d;
}

struct domain *domain_get(domid_t id)
{
	struct domain *d;

	spin_guard(&list_lock);
	d = first_at_least(id);
	return d && d->id == id ? ref_unless_zero(d) : NULL;
}

void domain_ref(struct domain *d)
{
	__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
}

void domain_put(struct domain *d)
{
	if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL))
		return;

	/* The caller may hold any lock, so the structure goes in a softirq of this CPU. */
	spin_lock(&list_lock);
	list_del(&d->link);
	list_add_tail(&reapable, &d->link);
	spin_unlock(&list_lock);
	softirq_raise(cpu_id(), SOFTIRQ_DOMAIN);
}

void domain_for_each(void (*fn)(struct domain *d, void *arg), void *arg)
{
	struct domain *d;

	spin_guard(&list_lock);
	list_for_each_entry(d, &domains, link)
		if (__atomic_load_n(&d->refs, __ATOMIC_ACQUIRE))
			fn(d, arg);
}

int domain_resolve(struct domain *caller, domid_t id, struct domain **out)
{
	struct domain *d;

	if (id == DOMID_SELF || id == caller->id) {
		domain_ref(caller);
		*out = caller;
		return 0;
	}
	if (!caller->is_hwdom)
		return -EPERM;
	d = domain_get(id);
	if (!d)
		return -ESRCH;
	*out = d;
	return 0;
}

/* ---- creation and the end ---- */

void domain_set_parts(const struct domain_part *const *p, unsigned int nr)
{
	parts = p;
	nr_parts = nr;
}

int domain_vcpu_parts_init(struct vcpu *v)
{
	int rc = 0;

	for (unsigned int i = 0; i < nr_parts && !rc; i++)
		rc = parts[i]->vcpu_init ? parts[i]->vcpu_init(v) : 0;
	return rc;
}

void domain_vcpu_parts_fini(struct vcpu *v)
{
	for (unsigned int i = nr_parts; i--;)
		if (parts[i]->vcpu_fini)
			parts[i]->vcpu_fini(v);
}

static int domain_parts_init(struct domain *d)
{
	int rc = 0;

	for (unsigned int i = 0; i < nr_parts && !rc; i++)
		rc = parts[i]->domain_init ? parts[i]->domain_init(d) : 0;
	return rc;
}

/* Of @d, on no list, any part may never have been made. */
static void domain_free(struct domain *d)
{
	sched_cap_fini(d);
	for_each_vcpu(d, v)
		vcpu_destroy(v);
	for (unsigned int i = nr_parts; i--;)
		if (parts[i]->domain_fini)
			parts[i]->domain_fini(d);
	p2m_fini(d);
	domain_free_special(d->shared_info);
	xfree(d->e820);
	xfree(d->vcpus);
	xfree(d);
}

/* Reserve an id and enter the list. Return: 0, -EEXIST, -EINVAL. */
static int domain_insert(struct domain *d, domid_t id)
{
	struct domain *at;

	spin_guard(&list_lock);
	if (id == DOMID_NONE) {
		id = last_id;
		do {
			id = (domid_t)(id + 1u < DOMID_FIRST_RESERVED ? id + 1 : 1);
			at = first_at_least(id);
		} while (at && at->id == id && id != last_id);
		last_id = id;
	}
	at = first_at_least(id);
	if (at && at->id == id)
		return -EEXIST;
	if (id >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	d->id = id;
	list_add_tail(at ? &at->link : &domains, &d->link);
	return 0;
}

int domain_create(domid_t id, unsigned int max_vcpus, const struct guest_ops *ops, bool is_hwdom,
		  struct domain **out)
{
	struct domain *d;
	int rc;

	if (!max_vcpus || max_vcpus > DOMAIN_MAX_VCPUS)
		return -EINVAL;
	d = xzalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->ops = ops;
	d->is_hwdom = is_hwdom;
	d->controller_paused = true;
	d->shutdown_code = SHUTDOWN_UNSAID;
	d->weight = SCHED_DEFAULT_WEIGHT;
	sched_cap_init(d);
	d->created_ns = now_ns();
	list_init(&d->link);
	rc = p2m_init(d);
	if (rc)
		goto fail;
	rc = -ENOMEM;
	d->vcpus = xzalloc(max_vcpus * sizeof(d->vcpus[0]));
	if (!d->vcpus)
		goto fail;
	d->max_vcpus = max_vcpus;
	rc = domain_insert(d, id);
	if (rc)
		goto fail;
	d->shared_info = domain_alloc_special(d);
	rc = d->shared_info ? domain_parts_init(d) : -ENOMEM;
	if (rc)
		goto fail;
	*out = d;
	return 0;

fail:
	domain_discard(d);
	return rc;
}

void domain_publish(struct domain *d)
{
	wallclock_update_domain(d);
	__atomic_store_n(&d->refs, 1, __ATOMIC_RELEASE);
}

void domain_discard(struct domain *d)
{
	spin_lock(&list_lock);
	list_del(&d->link);
	spin_unlock(&list_lock);
	domain_free(d);
}

static void reap_softirq(void)
{
	for (;;) {
		struct domain *d = NULL;

		spin_lock(&list_lock);
		if (!list_empty(&reapable)) {
			d = list_first_entry(&reapable, struct domain, link);
			list_del(&d->link);
		}
		spin_unlock(&list_lock);
		if (!d)
			return;
		domain_free(d);
		domain_ended();
	}
}

void domain_init(void)
{
	softirq_register(SOFTIRQ_DOMAIN, reap_softirq);
	frame_set_release_hook(domain_frame_released);
}

/* Everything that can be given back at once. Return: 0 or -ERESTART. */
static int kill_resources(struct domain *d)
{
	for (unsigned int i = nr_parts; i--;) {
		int rc = parts[i]->domain_kill ? parts[i]->domain_kill(d) : 0;

		if (rc)
			return rc;
	}
	vcpus_release_info(d);
	return p2m_teardown(d);
}

int domain_kill(struct domain *d)
{
	bool first, last;
	int rc;

	if (d->is_hwdom)
		return -EINVAL;
	/* One CPU at a time; whoever comes second asks again. */
	if (__atomic_exchange_n(&d->killer, true, __ATOMIC_ACQUIRE))
		return -ERESTART;
	spin_lock(&d->lock);
	first = !d->dying;
	d->dying = true;
	spin_unlock(&d->lock);
	if (first)
		domain_pause(d); /* never undone */
	rc = kill_resources(d);
	last = !rc && !d->dead;
	if (last)
		d->dead = true;
	__atomic_store_n(&d->killer, false, __ATOMIC_RELEASE);
	if (last) {
		domain_ended();
		domain_put(d); /* the reference of being alive */
	}
	return rc;
}

/* ---- pausing ---- */

void domain_pause(struct domain *d)
{
	__atomic_fetch_add(&d->pause_count, 1, __ATOMIC_SEQ_CST);
	for_each_vcpu(d, v)
		sched_hold(v);
}

void domain_unpause(struct domain *d)
{
	if (__atomic_sub_fetch(&d->pause_count, 1, __ATOMIC_SEQ_CST))
		return;
	for_each_vcpu(d, v)
		sched_release(v);
}

int domain_controller_pause(struct domain *d)
{
	spin_lock(&d->lock);
	d->controller_paused = true;
	spin_unlock(&d->lock);
	for_each_vcpu(d, v)
		sched_hold(v);
	return 0;
}

int domain_controller_unpause(struct domain *d)
{
	bool launch;

	spin_lock(&d->lock);
	launch = !d->launched;
	d->launched = true;
	d->controller_paused = false;
	spin_unlock(&d->lock);
	if (launch && d->vcpus[0])
		vcpu_up(d->vcpus[0]);
	for_each_vcpu(d, v)
		sched_release(v);
	return 0;
}

/* ---- stopping ---- */

int domain_shutdown(struct domain *d, unsigned int code)
{
	bool first;

	if (code > SHUTDOWN_MAX)
		return -EINVAL;
	if (d->is_hwdom)
		machine_shutdown_by_hwdom((uint8_t)code);
	spin_lock(&d->lock);
	first = !d->shutting_down;
	d->shutting_down = true;
	if (d->shutdown_code == SHUTDOWN_UNSAID)
		d->shutdown_code = (uint8_t)code;
	spin_unlock(&d->lock);
	if (!first)
		return 0;
	for_each_vcpu(d, v)
		sched_nudge(v);
	spin_lock(&d->lock);
	d->shut_down = d->shutting_down; /* unless it was resumed meanwhile */
	spin_unlock(&d->lock);
	domain_ended();
	return 0;
}

void domain_resume(struct domain *d)
{
	spin_lock(&d->lock);
	d->shutting_down = false;
	d->shut_down = false;
	d->shutdown_code = SHUTDOWN_UNSAID;
	spin_unlock(&d->lock);
	for_each_vcpu(d, v)
		sched_release(v);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	va_list ap;

	spin_lock(&d->lock);
	if (!d->crash_reason[0]) {
		va_start(ap, fmt);
		vsnprintf(d->crash_reason, sizeof(d->crash_reason), fmt, ap);
		va_end(ap);
	}
	spin_unlock(&d->lock);
	printk("d%u crashed: %s\n", d->id, d->crash_reason);
	domain_shutdown(d, SHUTDOWN_crash);
}

/* ---- memory accounting ---- */

/* What a frame owned by a domain counts as; kept in its frame's `order`. */
#define FRAME_TAG_GUEST   1 /* charged to the owner */
#define FRAME_TAG_SPECIAL 2 /* the hypervisor's, shared with the owner */

static void frames_give(mfn_t mfn, uint64_t nr, domid_t owner, uint8_t tag)
{
	for (uint64_t i = 0; i < nr; i++) {
		struct frame *f = mfn_to_frame(mfn_add(mfn, i));

		f->order = tag;
		f->owner = owner;
	}
}

int domain_charge_pages(struct domain *d, uint64_t nr)
{
	uint64_t old;

	spin_guard(&d->lock);
	old = __atomic_load_n(&d->tot_pages, __ATOMIC_RELAXED);
	if (d->dying || old > d->max_pages || nr > d->max_pages - old)
		return -ENOMEM;
	if (!__atomic_fetch_add(&d->tot_pages, nr, __ATOMIC_RELAXED) && nr)
		domain_ref(d); /* a domain outlives its last frame */
	return 0;
}

void domain_uncharge_pages(struct domain *d, uint64_t nr)
{
	bool last;

	spin_lock(&d->lock);
	last = nr && !__atomic_sub_fetch(&d->tot_pages, nr, __ATOMIC_RELAXED);
	spin_unlock(&d->lock);
	if (last)
		domain_put(d);
}

int domain_alloc_frames(struct domain *d, unsigned int order, mfn_t *out)
{
	const uint64_t nr = 1ULL << order;
	mfn_t mfn;
	int rc;

	rc = domain_charge_pages(d, nr);
	if (rc)
		return rc;
	mfn = buddy_alloc(order, BUDDY_ZERO | (order > ORDER_2M ? BUDDY_CLEAN : 0));
	if (mfn_eq(mfn, INVALID_MFN)) {
		domain_uncharge_pages(d, nr);
		return -ENOMEM;
	}
	frames_give(mfn, nr, d->id, FRAME_TAG_GUEST);
	*out = mfn;
	return 0;
}

int domain_claim_frames(struct domain *d, mfn_t mfn, uint64_t nr)
{
	int rc = domain_charge_pages(d, nr);

	if (rc)
		return rc;
	rc = buddy_claim(mfn, nr);
	if (rc) {
		domain_uncharge_pages(d, nr);
		return rc;
	}
	frames_give(mfn, nr, d->id, FRAME_TAG_GUEST);
	return 0;
}

void *domain_alloc_special(struct domain *d)
{
	mfn_t mfn = buddy_alloc_page();

	if (mfn_eq(mfn, INVALID_MFN))
		return NULL;
	frames_give(mfn, 1, d->id, FRAME_TAG_SPECIAL);
	return mfn_to_virt(mfn);
}

void domain_free_special(void *page)
{
	if (page)
		frame_put(virt_to_mfn(page));
}

void domain_frame_released(uint16_t owner, mfn_t mfn)
{
	struct domain *d;

	if (mfn_to_frame(mfn)->order != FRAME_TAG_GUEST)
		return;
	d = domain_get(owner);
	BUG_ON(!d); /* its frames hold a reference */
	domain_uncharge_pages(d, 1);
	domain_put(d);
}
