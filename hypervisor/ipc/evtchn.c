// SPDX-License-Identifier: Apache-2.0
/* Event channels: ports, what they are bound to, and the sending of events (public event_channel.h). */
#include "ipc/evtchn_priv.h"

#include "arch/x86/cpu/clock.h"
#include "core/op.h"
#include "mm/heap.h"

#define POLL_SEVERAL (~0U)

static void lock_two(struct domain *a, struct domain *b)
{
	spin_lock(&min(a, b)->evtchn->lock);
	if (a != b)
		spin_lock(&max(a, b)->evtchn->lock);
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
	for_each_vcpu(d, v) {
		uint32_t want = __atomic_load_n(&v->poll_port, __ATOMIC_RELAXED);

		if (want != port && want != POLL_SEVERAL)
			continue;
		evtchn_poll_end(v);
		vcpu_kick(v);
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

void evtchn_virq(struct vcpu *v, unsigned int virq)
{
	struct domain *d = v->domain;

	if (!READ_ONCE(v->virq_port[virq]))
		return;
	spin_guard(&d->evtchn->lock);
	if (v->virq_port[virq])
		evtchn_raise(d, evtchn_at(d, v->virq_port[virq]), v->virq_port[virq]);
}

void evtchn_global_virq(unsigned int virq)
{
	struct vcpu *v = hwdom ? domain_vcpu(hwdom, 0) : NULL;

	if (v)
		evtchn_virq(v, virq);
}

int evtchn_port_pending(struct domain *d, uint32_t port)
{
	const struct evtchn_abi *abi = READ_ONCE(d->evtchn->abi);

	return port >= abi->nr_ports ? -EINVAL : port && abi->is_pending(d, port);
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
	/* Whatever raced with the move left its mark on the old page: make the guest look everywhere. */
	__atomic_store_n(&v->vcpu_info->evtchn_pending_sel, ~0UL, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->vcpu_info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
	evtchn_mark_upcall(v);
}

/* ---- the 2-level ABI: pending and mask bitmaps in shared_info (public xen.h) ---- */

static void select_port(struct vcpu *v, uint32_t port)
{
	if (!v)
		return;
	if (!bitmap_test_and_set(&v->vcpu_info->evtchn_pending_sel, port / BITS_PER_LONG))
		evtchn_mark_upcall(v);
}

static void set_pending_2l(struct domain *d, struct vcpu *v, struct evtchn *ch, uint32_t port)
{
	struct shared_info *s = d->shared_info;

	if (bitmap_test_and_set(s->evtchn_pending, port))
		return;
	if (!bitmap_test(s->evtchn_mask, port))
		select_port(v, port);
	evtchn_wake_pollers(d, port);
	/* The guest turned to the FIFO ABI meanwhile, and may have missed the bit. */
	if (READ_ONCE(d->evtchn->abi) == &evtchn_abi_fifo)
		evtchn_raise(d, ch, port);
}

static void clear_pending_2l(struct domain *d, struct evtchn *ch __unused, uint32_t port)
{
	bitmap_clear(d->shared_info->evtchn_pending, port);
}

static void unmask_2l(struct domain *d, struct vcpu *v, struct evtchn *ch __unused, uint32_t port)
{
	struct shared_info *s = d->shared_info;

	if (bitmap_test_and_clear(s->evtchn_mask, port) && bitmap_test(s->evtchn_pending, port))
		select_port(v, port);
}

static bool is_pending_2l(const struct domain *d, uint32_t port)
{
	return bitmap_test(d->shared_info->evtchn_pending, port);
}

static const struct evtchn_abi abi_2l = {
	.nr_ports = EVTCHN_2L_NR_CHANNELS,
	.set_pending = set_pending_2l,
	.clear_pending = clear_pending_2l,
	.unmask = unmask_2l,
	.is_pending = is_pending_2l,
};

/* ---- timers of vCPUs (public vcpu.h, sched.h) ---- */

static void singleshot_fired(void *arg)
{
	evtchn_virq(arg, VIRQ_TIMER);
}

static void periodic_fired(void *arg)
{
	struct vcpu *v = arg;
	uint64_t period = READ_ONCE(v->period_ns);

	evtchn_virq(v, VIRQ_TIMER);
	if (period)
		timer_set(&v->periodic, now_ns() + period);
}

static void poll_fired(void *arg)
{
	struct vcpu *v = arg;

	evtchn_poll_end(v);
	vcpu_kick(v);
}

static int vtimer_init(struct vcpu *v)
{
	timer_init(&v->singleshot, singleshot_fired, v);
	timer_init(&v->periodic, periodic_fired, v);
	timer_init(&v->poll_timer, poll_fired, v);
	return 0;
}

void vtimer_set_periodic(struct vcpu *v, uint64_t period_ns)
{
	WRITE_ONCE(v->period_ns, period_ns);
	timer_set(&v->periodic, now_ns() + period_ns);
}

void vtimer_stop_periodic(struct vcpu *v)
{
	WRITE_ONCE(v->period_ns, 0);
	timer_cancel(&v->periodic);
}

/* Disarm all of @v's timers. Context: no locks of event channels held. */
static void vtimer_stop(struct vcpu *v)
{
	timer_cancel(&v->singleshot);
	vtimer_stop_periodic(v);
	timer_cancel(&v->poll_timer);
}

/* ---- ports ---- */

/* Put a free port to use. Return: 0 and its number, -ESRCH, -ENOMEM, -ENOSPC. Context: [evtchn]. */
static int take_port(struct domain *d, enum evtchn_state state, uint32_t vcpu, uint32_t *port)
{
	struct evtchn_domain *e = d->evtchn;
	uint32_t p, last = min(e->max_port, e->abi->nr_ports - 1);
	struct evtchn *ch = NULL;

	if (e->closed)
		return -ESRCH;
	for (p = e->first_free; p <= last; p++) {
		struct evtchn **bucket = &e->bucket[p / EVTCHN_BUCKET_PORTS];

		if (!*bucket)
			*bucket = xcalloc(EVTCHN_BUCKET_PORTS, sizeof(**bucket));
		if (!*bucket)
			return -ENOMEM;
		ch = evtchn_at(d, p);
		if (ch->state == EVTCHN_FREE)
			break;
	}
	e->first_free = p;
	if (p > last)
		return -ENOSPC;
	ch->state = (uint8_t)state;
	ch->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	ch->vcpu = (uint8_t)vcpu;
	e->first_free++;
	e->active++;
	*port = p;
	return 0;
}

static void free_port(struct domain *d, uint32_t port, struct evtchn *ch)
{
	struct evtchn_domain *e = d->evtchn;

	*ch = (struct evtchn){.last_vcpu = ch->last_vcpu, .last_priority = ch->last_priority};
	/* So that the port's next user does not begin with an old event. */
	e->abi->clear_pending(d, ch, port);
	e->first_free = min(e->first_free, port);
	e->active--;
}

/* ---- closing ---- */

/* The far end of a closed channel waits for someone of @d to bind it again. */
static void orphan_peer(struct domain *d, const struct evtchn *ch, bool notify)
{
	struct evtchn *rch = evtchn_at(ch->peer, ch->u.port);

	rch->state = EVTCHN_UNBOUND;
	rch->peer = NULL;
	rch->u.remote = d->id;
	if (notify)
		evtchn_raise(ch->peer, rch, ch->u.port);
}

/* Close @port; @notify: its peer is told by an event. Return: 0, -EINVAL (not in use). */
static int close_port(struct domain *d, uint32_t port, bool notify)
{
	struct domain *joined, *peer = d;
	struct evtchn *ch;

	domain_ref(peer);
	for (;;) {
		lock_two(d, peer);
		ch = evtchn_lookup(d, port);
		joined = ch && ch->state == EVTCHN_INTERDOMAIN ? ch->peer : d;
		if (joined == peer || joined == d)
			break;
		/* Joined domains are alive; the reference keeps this one so without the locks. */
		domain_ref(joined);
		unlock_two(d, peer);
		domain_put(peer);
		peer = joined;
	}
	if (ch) {
		if (ch->state == EVTCHN_INTERDOMAIN)
			orphan_peer(d, ch, notify);
		if (ch->state == EVTCHN_VIRQ)
			for_each_vcpu(d, v)
				if (v->virq_port[ch->u.virq] == port)
					WRITE_ONCE(v->virq_port[ch->u.virq], 0);
		free_port(d, port, ch);
	}
	unlock_two(d, peer);
	domain_put(peer);
	return ch ? 0 : -EINVAL;
}

/* Close ports from @*next on, some a call. Return: 0 when all are closed, -ERESTART. */
static int close_some(struct domain *d, uint32_t *next, bool notify)
{
	uint32_t done = 0;

	for (uint32_t port = max(*next, 1u); port < EVTCHN_MAX_PORTS; port++) {
		if (!d->evtchn->bucket[port / EVTCHN_BUCKET_PORTS])
			port |= EVTCHN_BUCKET_PORTS - 1; /* none of it is in use */
		else if (READ_ONCE(evtchn_at(d, port)->state) != EVTCHN_FREE &&
			 !close_port(d, port, notify) && ++done % 32 == 0 && preempt_check()) {
			*next = port + 1;
			return -ERESTART;
		}
	}
	*next = 0;
	return 0;
}

/* ---- the operations ---- */

static long op_alloc_unbound(struct hypercall *hc)
{
	struct evtchn_alloc_unbound *op = hc->op;
	domid_t remote = op->remote_dom == DOMID_SELF ? hc->v->domain->id : op->remote_dom;
	int rc;

	spin_guard(&hc->d->evtchn->lock);
	rc = take_port(hc->d, EVTCHN_UNBOUND, 0, &op->port);
	if (!rc)
		evtchn_at(hc->d, op->port)->u.remote = remote;
	return rc;
}

/* Context: [evtchn] of both. */
static int join(struct domain *d, struct domain *rd, struct evtchn_bind_interdomain *op)
{
	struct evtchn *ch, *rch = evtchn_lookup(rd, op->remote_port);
	int rc;

	if (!rch || rch->state != EVTCHN_UNBOUND || rch->u.remote != d->id)
		return -EINVAL;
	rc = take_port(d, EVTCHN_INTERDOMAIN, 0, &op->local_port);
	if (rc)
		return rc;
	ch = evtchn_at(d, op->local_port);
	ch->peer = rd;
	ch->u.port = op->remote_port;
	rch->state = EVTCHN_INTERDOMAIN;
	rch->peer = d;
	rch->u.port = op->local_port;
	/* The remote may have sent before we were there to hear it. */
	evtchn_raise(d, ch, op->local_port);
	return 0;
}

static long op_bind_interdomain(struct hypercall *hc)
{
	struct evtchn_bind_interdomain *op = hc->op;
	struct domain *d = hc->d;
	struct domain *rd = domain_get(op->remote_dom == DOMID_SELF ? d->id : op->remote_dom);
	int rc;

	if (!rd)
		return -ESRCH;
	domain_guard(rd);
	lock_two(d, rd);
	rc = join(d, rd, op);
	unlock_two(d, rd);
	return rc;
}

/* Per-vCPU VIRQs are bound once on each vCPU; all others on vCPU 0, to be moved later. */
static bool virq_is_global(uint32_t virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF &&
	       virq != VIRQ_XENPMU;
}

static long op_bind_virq(struct hypercall *hc)
{
	struct evtchn_bind_virq *op = hc->op;
	struct vcpu *v;
	int rc;

	if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu))
		return -EINVAL;
	v = domain_vcpu(hc->d, op->vcpu);
	if (!v)
		return -ENOENT;
	spin_guard(&hc->d->evtchn->lock);
	rc = v->virq_port[op->virq] ? -EEXIST : take_port(hc->d, EVTCHN_VIRQ, op->vcpu, &op->port);
	if (rc)
		return rc;
	evtchn_at(hc->d, op->port)->u.virq = op->virq;
	v->virq_port[op->virq] = op->port;
	return 0;
}

static long op_bind_ipi(struct hypercall *hc)
{
	struct evtchn_bind_ipi *op = hc->op;

	if (!domain_vcpu(hc->d, op->vcpu))
		return -ENOENT;
	spin_guard(&hc->d->evtchn->lock);
	return take_port(hc->d, EVTCHN_IPI, op->vcpu, &op->port);
}

static long op_bind_vcpu(struct hypercall *hc)
{
	const struct evtchn_bind_vcpu *op = hc->op;
	struct evtchn *ch;

	if (!domain_vcpu(hc->d, op->vcpu))
		return -ENOENT;
	spin_guard(&hc->d->evtchn->lock);
	ch = evtchn_lookup(hc->d, op->port);
	if (!ch || ch->state == EVTCHN_IPI ||
	    (ch->state == EVTCHN_VIRQ && !virq_is_global(ch->u.virq)))
		return -EINVAL;
	WRITE_ONCE(ch->vcpu, (uint8_t)op->vcpu);
	return 0;
}

static long op_close(struct hypercall *hc)
{
	return close_port(hc->d, ((struct evtchn_close *)hc->op)->port, false);
}

static long op_send(struct hypercall *hc)
{
	const uint32_t port = ((struct evtchn_send *)hc->op)->port;
	struct domain *d = hc->d;
	struct evtchn *ch;

	spin_guard(&d->evtchn->lock);
	ch = evtchn_lookup(d, port);
	if (!ch)
		return -EINVAL;
	switch (ch->state) {
	case EVTCHN_INTERDOMAIN:
		/* Our lock keeps the peer joined, hence alive: it needs the lock to leave us. */
		evtchn_raise(ch->peer, evtchn_at(ch->peer, ch->u.port), ch->u.port);
		return 0;
	case EVTCHN_IPI: evtchn_raise(d, ch, port); return 0;
	case EVTCHN_UNBOUND: return 0; /* nobody there: dropped silently */
	default: return -EINVAL;
	}
}

static long op_unmask(struct hypercall *hc)
{
	const uint32_t port = ((struct evtchn_unmask *)hc->op)->port;
	struct evtchn *ch;

	spin_guard(&hc->d->evtchn->lock);
	ch = evtchn_lookup(hc->d, port);
	if (!ch)
		return -EINVAL;
	hc->d->evtchn->abi->unmask(hc->d, domain_vcpu(hc->d, ch->vcpu), ch, port);
	return 0;
}

static long op_set_priority(struct hypercall *hc)
{
	const struct evtchn_set_priority *op = hc->op;
	struct evtchn *ch;

	if (op->priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -EINVAL;
	spin_guard(&hc->d->evtchn->lock);
	if (hc->d->evtchn->abi != &evtchn_abi_fifo)
		return -ENOSYS;
	ch = evtchn_lookup(hc->d, op->port);
	if (!ch)
		return -EINVAL;
	WRITE_ONCE(ch->priority, (uint8_t)op->priority);
	return 0;
}

static long op_status(struct hypercall *hc)
{
	static const uint8_t words[] = {
		[EVTCHN_FREE] = EVTCHNSTAT_closed,
		[EVTCHN_UNBOUND] = EVTCHNSTAT_unbound,
		[EVTCHN_INTERDOMAIN] = EVTCHNSTAT_interdomain,
		[EVTCHN_VIRQ] = EVTCHNSTAT_virq,
		[EVTCHN_IPI] = EVTCHNSTAT_ipi,
	};
	static const struct evtchn closed = {.state = EVTCHN_FREE};
	const struct evtchn_domain *e = hc->d->evtchn;
	struct evtchn_status *op = hc->op;
	const struct evtchn *ch;

	if (!op->port || op->port > READ_ONCE(e->max_port) ||
	    op->port >= READ_ONCE(e->abi)->nr_ports)
		return -EINVAL;
	spin_guard(&hc->d->evtchn->lock);
	ch = evtchn_lookup(hc->d, op->port) ?: &closed;
	op->status = words[ch->state];
	op->vcpu = ch->vcpu;
	if (ch->state == EVTCHN_UNBOUND)
		op->u.unbound.dom = ch->u.remote;
	if (ch->state == EVTCHN_VIRQ)
		op->u.virq = ch->u.virq;
	if (ch->state == EVTCHN_INTERDOMAIN) {
		op->u.interdomain.dom = ch->peer->id;
		op->u.interdomain.port = ch->u.port;
	}
	return 0;
}

/* Close every port; a domain that does so itself also returns to the 2-level ABI. */
static long op_reset(struct hypercall *hc)
{
	struct evtchn_domain *e = hc->d->evtchn;
	uint32_t next = 0;
	int rc = close_some(hc->d, &next, false);

	if (rc || hc->d != hc->v->domain)
		return rc;
	spin_guard(&e->lock);
	if (e->abi == &abi_2l)
		return 0;
	if (e->active)
		return -ERESTART; /* bound again meanwhile */
	evtchn_fifo_release(hc->d);
	__atomic_store_n(&e->abi, &abi_2l, __ATOMIC_SEQ_CST);
	return 0;
}

#define ROW(op, how)      [EVTCHNOP_##op] = OP(op_##op, struct evtchn_##op, how)
#define ROW_ON(op, how)   [EVTCHNOP_##op] = OP_ON(op_##op, struct evtchn_##op, dom, how)
#define ROW_FIFO(op, how) [EVTCHNOP_##op] = OP(evtchn_fifo_##op, struct evtchn_##op, how)

/* A failed copy back leaves the port open: the guest can find it by its status and close it. */
static const struct op_row rows[] = {
	ROW(bind_interdomain, OP_BACK),
	ROW(bind_virq, OP_BACK),
	ROW(close, 0),
	ROW(send, 0),
	ROW_ON(status, OP_BACK),
	ROW_ON(alloc_unbound, OP_BACK),
	ROW(bind_ipi, OP_BACK),
	ROW(bind_vcpu, 0),
	ROW(unmask, 0),
	ROW_ON(reset, 0),
	ROW_FIFO(init_control, OP_BACK),
	ROW_FIFO(expand_array, 0),
	ROW(set_priority, 0),
};

long evtchn_hypercall(struct hypercall *hc)
{
	return op_run(hc, rows, ARRAY_SIZE(rows), hc->arg[0], hc->arg[1]);
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
	e->abi = &abi_2l;
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
	rc = close_some(d, &e->kill_next, true);
	if (rc)
		return rc;
	spin_guard(&e->lock);
	evtchn_fifo_release(d);
	return 0;
}

static void part_domain_fini(struct domain *d)
{
	struct evtchn_domain *e = d->evtchn;

	if (!e)
		return;
	for (unsigned int i = 0; i < EVTCHN_BUCKETS; i++)
		xfree(e->bucket[i]);
	xfree(e->fifo);
	xfree(e);
}

const struct domain_part evtchn_part = {
	.domain_init = part_domain_init,
	.domain_kill = part_domain_kill,
	.domain_fini = part_domain_fini,
	.vcpu_init = vtimer_init,
	.vcpu_fini = vtimer_stop,
};
