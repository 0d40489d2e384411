// SPDX-License-Identifier: Apache-2.0
/* Event channels: ports, what they are bound to, and the sending of events (public event_channel.h). */
#include "ipc/evtchn.h"

#include "ipc/evtchn_priv.h"
#include "ipc/vtimer.h"
#include "lib/errno.h"
#include "mm/heap.h"

#define POLL_SEVERAL (~0U)

static struct vcpu *vcpu_at(const struct domain *d, uint32_t id)
{
	return id < d->max_vcpus ? __atomic_load_n(&d->vcpus[id], __ATOMIC_ACQUIRE) : NULL;
}

/* The channel of a @port that is in use. */
static struct evtchn *channel(struct domain *d, uint32_t port)
{
	return &d->evtchn->bucket[port / EVTCHN_BUCKET_PORTS][port % EVTCHN_BUCKET_PORTS];
}

struct evtchn *evtchn_lookup(struct domain *d, uint32_t port)
{
	/* Port 0 has a place too, which is always free. */
	if (port >= EVTCHN_MAX_PORTS || !d->evtchn->bucket[port / EVTCHN_BUCKET_PORTS])
		return NULL;
	return channel(d, port);
}

static void lock_two(struct domain *a, struct domain *b)
{
	if (a == b) {
		spin_lock(&a->evtchn->lock);
		return;
	}
	if ((uintptr_t)a > (uintptr_t)b) {
		struct domain *t = a;

		a = b;
		b = t;
	}
	spin_lock(&a->evtchn->lock);
	spin_lock(&b->evtchn->lock);
}

static void unlock_two(struct domain *a, struct domain *b)
{
	spin_unlock(&a->evtchn->lock);
	if (a != b)
		spin_unlock(&b->evtchn->lock);
}

/* ---- raising ---- */

void evtchn_mark_upcall(struct vcpu *v)
{
	if (__atomic_exchange_n(&v->vcpu_info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
		return;
	v->domain->ops->upcall(v);
	vcpu_kick(v);
}

static __noinline void wake_pollers(struct domain *d, uint32_t port)
{
	struct evtchn_domain *e = d->evtchn;

	for (unsigned int i = 0; i < ARRAY_SIZE(e->polling); i++) {
		unsigned long map = __atomic_load_n(&e->polling[i], __ATOMIC_RELAXED);

		for (; map; map &= map - 1) {
			unsigned int id = i * BITS_PER_LONG + (unsigned int)__builtin_ctzl(map);
			struct vcpu *v = vcpu_at(d, id);
			uint32_t want = v ? __atomic_load_n(&v->poll_port, __ATOMIC_RELAXED) : 0;

			if (want != port && want != POLL_SEVERAL)
				continue;
			evtchn_poll_end(v);
			vcpu_kick(v);
		}
	}
}

void evtchn_wake_pollers(struct domain *d, uint32_t port)
{
	unsigned long any = 0;

	/* Pairs with evtchn_poll_begin(): either it sees the pending bit or we see its own. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < ARRAY_SIZE(d->evtchn->polling); i++)
		any |= __atomic_load_n(&d->evtchn->polling[i], __ATOMIC_RELAXED);
	if (unlikely(any))
		wake_pollers(d, port);
}

void evtchn_poll_begin(struct vcpu *v, uint32_t port)
{
	__atomic_store_n(&v->poll_port, port ? port : POLL_SEVERAL, __ATOMIC_RELAXED);
	bitmap_set(v->domain->evtchn->polling, v->id);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void evtchn_poll_end(struct vcpu *v)
{
	bitmap_clear(v->domain->evtchn->polling, v->id);
	__atomic_store_n(&v->poll_port, 0, __ATOMIC_RELAXED);
}

static __inlined void raise_port(struct domain *d, struct evtchn *ch, uint32_t port)
{
	READ_ONCE(d->evtchn->abi)->set_pending(d, vcpu_at(d, READ_ONCE(ch->vcpu)), ch, port);
}

void evtchn_raise(struct domain *d, struct evtchn *ch, uint32_t port)
{
	raise_port(d, ch, port);
}

int evtchn_send(struct domain *d, uint32_t port)
{
	struct evtchn *ch;

	spin_guard(&d->evtchn->lock);
	ch = evtchn_lookup(d, port);
	switch (ch ? ch->state : EVTCHN_FREE) {
	case EVTCHN_INTERDOMAIN:
		/* Our lock keeps the peer joined, hence alive: it needs the lock to leave us. */
		raise_port(ch->peer, channel(ch->peer, ch->u.port), ch->u.port);
		return 0;
	case EVTCHN_IPI: evtchn_raise(d, ch, port); return 0;
	case EVTCHN_UNBOUND: return 0; /* nobody there: dropped silently */
	default: return -EINVAL;
	}
}

void evtchn_virq(struct vcpu *v, unsigned int virq)
{
	struct domain *d = v->domain;

	if (!READ_ONCE(v->virq_port[virq]))
		return;
	spin_guard(&d->evtchn->lock);
	if (v->virq_port[virq])
		evtchn_raise(d, channel(d, v->virq_port[virq]), v->virq_port[virq]);
}

void evtchn_global_virq(unsigned int virq)
{
	struct vcpu *v = hwdom ? vcpu_at(hwdom, 0) : NULL;

	if (v)
		evtchn_virq(v, virq);
}

bool evtchn_port_pending(struct domain *d, uint32_t port)
{
	const struct evtchn_abi *abi = READ_ONCE(d->evtchn->abi);

	return port && port < abi->nr_ports && abi->is_pending(d, port);
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
	/* Whatever raced with the move left its mark on the old page: make the guest look everywhere. */
	__atomic_store_n(&v->vcpu_info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->vcpu_info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	evtchn_mark_upcall(v);
}

/* ---- ports ---- */

/* Find a port number and its bucket; the port itself stays free. Context: [evtchn]. */
static int find_free(struct domain *d, uint32_t *port)
{
	struct evtchn_domain *e = d->evtchn;
	uint32_t p, last = min(e->max_port, e->abi->nr_ports - 1);

	if (e->closed)
		return -ESRCH;
	for (p = e->first_free; p <= last; p++) {
		struct evtchn **bucket = &e->bucket[p / EVTCHN_BUCKET_PORTS];

		if (!*bucket)
			*bucket = xcalloc(EVTCHN_BUCKET_PORTS, sizeof(**bucket));
		if (!*bucket)
			return -ENOMEM;
		if ((*bucket)[p % EVTCHN_BUCKET_PORTS].state == EVTCHN_FREE)
			break;
	}
	e->first_free = p;
	if (p > last)
		return -ENOSPC;
	*port = p;
	return 0;
}

/* Put the port found by find_free() to use. Context: [evtchn]. */
static struct evtchn *take_port(struct domain *d, uint32_t port, enum evtchn_state state,
				uint32_t vcpu)
{
	struct evtchn_domain *e = d->evtchn;
	struct evtchn *ch = channel(d, port);

	ch->state = (uint8_t)state;
	ch->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	ch->vcpu = (uint8_t)vcpu;
	e->first_free = port + 1;
	e->active++;
	return ch;
}

static void free_port(struct domain *d, uint32_t port, struct evtchn *ch)
{
	struct evtchn_domain *e = d->evtchn;

	*ch = (struct evtchn){.state = EVTCHN_FREE};
	/* So that the port's next user does not begin with an old event. */
	e->abi->clear_pending(d, ch, port);
	e->first_free = min(e->first_free, port);
	e->active--;
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote, uint32_t *port)
{
	int rc;

	spin_guard(&d->evtchn->lock);
	rc = find_free(d, port);
	if (!rc)
		take_port(d, *port, EVTCHN_UNBOUND, 0)->u.remote = remote;
	return rc;
}

static int join(struct domain *d, struct domain *rd, uint32_t rport, uint32_t *port)
{
	struct evtchn *ch, *rch = evtchn_lookup(rd, rport);
	uint32_t p;
	int rc;

	if (!rch || rch->state != EVTCHN_UNBOUND || rch->u.remote != d->id)
		return -EINVAL;
	rc = find_free(d, &p);
	if (rc)
		return rc;
	ch = take_port(d, p, EVTCHN_INTERDOMAIN, 0);
	ch->peer = rd;
	ch->u.port = rport;
	rch->state = EVTCHN_INTERDOMAIN;
	rch->peer = d;
	rch->u.port = p;
	/* The remote may have sent before we were there to hear it. */
	evtchn_raise(d, ch, p);
	*port = p;
	return 0;
}

int evtchn_bind_interdomain(struct domain *d, domid_t remote, uint32_t remote_port, uint32_t *port)
{
	struct domain *rd = domain_get(remote == DOMID_SELF ? d->id : remote);
	int rc;

	if (!rd)
		return -ESRCH;
	domain_guard(rd);
	lock_two(d, rd);
	rc = join(d, rd, remote_port, port);
	unlock_two(d, rd);
	return rc;
}

/* Per-vCPU VIRQs are bound once on each vCPU; all others on vCPU 0, to be moved later. */
static bool virq_is_global(uint32_t virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

int evtchn_bind_virq(struct domain *d, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
	struct vcpu *v;
	int rc;

	if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu))
		return -EINVAL;
	v = vcpu_at(d, vcpu);
	if (!v)
		return -ENOENT;
	spin_guard(&d->evtchn->lock);
	rc = v->virq_port[virq] ? -EEXIST : find_free(d, port);
	if (rc)
		return rc;
	take_port(d, *port, EVTCHN_VIRQ, vcpu)->u.virq = virq;
	v->virq_port[virq] = *port;
	return 0;
}

int evtchn_bind_ipi(struct domain *d, uint32_t vcpu, uint32_t *port)
{
	int rc;

	if (!vcpu_at(d, vcpu))
		return -ENOENT;
	spin_guard(&d->evtchn->lock);
	rc = find_free(d, port);
	if (!rc)
		take_port(d, *port, EVTCHN_IPI, vcpu);
	return rc;
}

/* The channel of @port if it is in use, else NULL. Context: [evtchn]. */
static struct evtchn *lookup_used(struct domain *d, uint32_t port)
{
	struct evtchn *ch = evtchn_lookup(d, port);

	return ch && ch->state != EVTCHN_FREE ? ch : NULL;
}

int evtchn_bind_vcpu(struct domain *d, uint32_t port, uint32_t vcpu)
{
	struct evtchn *ch;

	if (!vcpu_at(d, vcpu))
		return -ENOENT;
	spin_guard(&d->evtchn->lock);
	ch = lookup_used(d, port);
	if (!ch || ch->state == EVTCHN_IPI ||
	    (ch->state == EVTCHN_VIRQ && !virq_is_global(ch->u.virq)))
		return -EINVAL;
	WRITE_ONCE(ch->vcpu, (uint8_t)vcpu);
	return 0;
}

int evtchn_unmask(struct domain *d, uint32_t port)
{
	struct evtchn *ch;

	spin_guard(&d->evtchn->lock);
	ch = lookup_used(d, port);
	if (!ch)
		return -EINVAL;
	d->evtchn->abi->unmask(d, vcpu_at(d, ch->vcpu), ch, port);
	return 0;
}

int evtchn_set_priority(struct domain *d, uint32_t port, uint32_t priority)
{
	struct evtchn *ch;

	if (priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -EINVAL;
	spin_guard(&d->evtchn->lock);
	if (d->evtchn->abi != &evtchn_abi_fifo)
		return -ENOSYS;
	ch = lookup_used(d, port);
	if (!ch)
		return -EINVAL;
	WRITE_ONCE(ch->priority, (uint8_t)priority);
	return 0;
}

int evtchn_status(struct domain *d, uint32_t port, struct evtchn_status *status)
{
	static const uint8_t words[] = {
		[EVTCHN_FREE] = EVTCHNSTAT_closed,
		[EVTCHN_UNBOUND] = EVTCHNSTAT_unbound,
		[EVTCHN_INTERDOMAIN] = EVTCHNSTAT_interdomain,
		[EVTCHN_VIRQ] = EVTCHNSTAT_virq,
		[EVTCHN_IPI] = EVTCHNSTAT_ipi,
	};
	struct evtchn *ch;

	if (!port || port > READ_ONCE(d->evtchn->max_port) ||
	    port >= READ_ONCE(d->evtchn->abi)->nr_ports)
		return -EINVAL;
	spin_guard(&d->evtchn->lock);
	ch = evtchn_lookup(d, port);
	status->status = ch ? words[ch->state] : EVTCHNSTAT_closed;
	status->vcpu = ch ? ch->vcpu : 0;
	switch (status->status) {
	case EVTCHNSTAT_unbound: status->u.unbound.dom = ch->u.remote; break;
	case EVTCHNSTAT_interdomain:
		status->u.interdomain.dom = ch->peer->id;
		status->u.interdomain.port = ch->u.port;
		break;
	case EVTCHNSTAT_virq: status->u.virq = ch->u.virq; break;
	default: break;
	}
	return 0;
}

/* ---- closing ---- */

static void unbind_virq(struct domain *d, const struct evtchn *ch, uint32_t port)
{
	for_each_vcpu(d, v)
		if (v->virq_port[ch->u.virq] == port)
			WRITE_ONCE(v->virq_port[ch->u.virq], 0);
}

/* The far end of a closed channel waits for someone of @d to bind it again. */
static void orphan_peer(struct domain *d, const struct evtchn *ch, bool notify)
{
	struct evtchn *rch = channel(ch->peer, ch->u.port);

	rch->state = EVTCHN_UNBOUND;
	rch->peer = NULL;
	rch->u.remote = d->id;
	if (notify)
		evtchn_raise(ch->peer, rch, ch->u.port);
}

int evtchn_close(struct domain *d, uint32_t port, bool notify)
{
	struct domain *peer = NULL;
	struct evtchn *ch;

	for (;;) {
		struct domain *joined;

		lock_two(d, peer ? peer : d);
		ch = lookup_used(d, port);
		joined = ch && ch->state == EVTCHN_INTERDOMAIN ? ch->peer : NULL;
		if (!joined || joined == peer || joined == d)
			break;
		/* Joined domains are alive; the reference keeps this one so without the locks. */
		domain_ref(joined);
		unlock_two(d, peer ? peer : d);
		if (peer)
			domain_put(peer);
		peer = joined;
	}
	if (ch) {
		if (ch->state == EVTCHN_INTERDOMAIN)
			orphan_peer(d, ch, notify);
		if (ch->state == EVTCHN_VIRQ)
			unbind_virq(d, ch, port);
		free_port(d, port, ch);
	}
	unlock_two(d, peer ? peer : d);
	if (peer)
		domain_put(peer);
	return ch ? 0 : -EINVAL;
}

int evtchn_close_some(struct domain *d, uint32_t *next, bool notify)
{
	uint32_t port = max(*next, 1u), done = 0;

	for (; port < EVTCHN_MAX_PORTS; port++) {
		const struct evtchn *ch = evtchn_lookup(d, port);

		if (!ch)
			port |= EVTCHN_BUCKET_PORTS - 1; /* the whole bucket is unused */
		if (!ch || READ_ONCE(ch->state) == EVTCHN_FREE)
			continue;
		evtchn_close(d, port, notify);
		if (++done % 32 == 0 && preempt_check()) {
			*next = port + 1;
			return -ERESTART;
		}
	}
	*next = 0;
	return 0;
}

int evtchn_reset(struct domain *d, bool to_2l)
{
	struct evtchn_domain *e = d->evtchn;
	uint32_t next = 0;
	int rc = evtchn_close_some(d, &next, false);

	if (rc || !to_2l)
		return rc;
	spin_guard(&e->lock);
	if (e->abi == &evtchn_abi_2l)
		return 0;
	if (e->active)
		return -ERESTART; /* bound again meanwhile */
	evtchn_fifo_release(d);
	__atomic_store_n(&e->abi, &evtchn_abi_2l, __ATOMIC_SEQ_CST);
	return 0;
}

void evtchn_set_max_port(struct domain *d, uint32_t max_port)
{
	WRITE_ONCE(d->evtchn->max_port, min(max_port, EVTCHN_MAX_PORTS - 1));
}

/* ---- the part of a domain ---- */

static int part_domain_init(struct domain *d)
{
	struct evtchn_domain *e = xzalloc(sizeof(*e));

	if (!e)
		return -ENOMEM;
	spin_init(&e->lock);
	e->abi = &evtchn_abi_2l;
	e->first_free = 1;
	e->max_port = EVTCHN_MAX_PORTS - 1;
	d->evtchn = e;
	return 0;
}

static int part_domain_kill(struct domain *d)
{
	struct evtchn_domain *e = d->evtchn;
	int rc;

	spin_lock(&e->lock);
	e->closed = true;
	spin_unlock(&e->lock);
	for_each_vcpu(d, v)
		vtimer_stop(v);
	rc = evtchn_close_some(d, &e->kill_next, true);
	if (rc)
		return rc;
	spin_guard(&e->lock);
	evtchn_fifo_release(d);
	return 0;
}

static void part_domain_fini(struct domain *d)
{
	struct evtchn_domain *e = d->evtchn;

	for (unsigned int i = 0; i < EVTCHN_BUCKETS; i++)
		xfree(e->bucket[i]);
	xfree(e->fifo);
	xfree(e);
	d->evtchn = NULL;
}

static int part_vcpu_init(struct vcpu *v)
{
	vtimer_init(v);
	return 0;
}

static void part_vcpu_fini(struct vcpu *v)
{
	vtimer_stop(v);
}

const struct domain_part evtchn_part = {
	.domain_init = part_domain_init,
	.domain_kill = part_domain_kill,
	.domain_fini = part_domain_fini,
	.vcpu_init = part_vcpu_init,
	.vcpu_fini = part_vcpu_fini,
};
