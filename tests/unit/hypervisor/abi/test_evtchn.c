// SPDX-License-Identifier: Apache-2.0
/* Event channels through the hypercall, as guests see them. */
#include "tests.h"

#include "arch/x86/mm/map.h"
#include "ipc/evtchn.h"
#include "lib/bitmap.h"

static long op(uint32_t cmd)
{
	return fake_hypercall(__HYPERVISOR_event_channel_op, cmd, ARG_GVA, 0);
}

static uint32_t alloc_unbound(domid_t dom, domid_t remote)
{
	*ARG(struct evtchn_alloc_unbound) = (struct evtchn_alloc_unbound){dom, remote, 0};
	ck_assert_int_eq(op(EVTCHNOP_alloc_unbound), 0);
	return ARG(struct evtchn_alloc_unbound)->port;
}

/* One more of the domain that runs, until there are no more. */
static bool alloc_more(uint32_t *port)
{
	*ARG(struct evtchn_alloc_unbound) = (struct evtchn_alloc_unbound){DOMID_SELF, 0, 0};
	if (op(EVTCHNOP_alloc_unbound))
		return false;
	*port = ARG(struct evtchn_alloc_unbound)->port;
	return true;
}

static long bind_interdomain(domid_t remote, uint32_t port)
{
	*ARG(struct evtchn_bind_interdomain) =
		(struct evtchn_bind_interdomain){.remote_dom = remote, .remote_port = port};
	return op(EVTCHNOP_bind_interdomain);
}

static long bind_virq(uint32_t virq, uint32_t vcpu)
{
	*ARG(struct evtchn_bind_virq) = (struct evtchn_bind_virq){.virq = virq, .vcpu = vcpu};
	return op(EVTCHNOP_bind_virq);
}

static long on_port(uint32_t cmd, uint32_t port)
{
	*ARG(struct evtchn_send) = (struct evtchn_send){port};
	return op(cmd);
}

static uint32_t status_of(domid_t dom, uint32_t port)
{
	*ARG(struct evtchn_status) = (struct evtchn_status){.dom = dom, .port = port};
	ck_assert_int_eq(op(EVTCHNOP_status), 0);
	return ARG(struct evtchn_status)->status;
}

static bool pending(struct domain *d, uint32_t port)
{
	return bitmap_test(d->shared_info->evtchn_pending, port);
}

/* A channel between a guest (its port) and domain 0 (ours). */
static void connect_guest(struct domain *d, uint32_t *theirs, uint32_t *ours)
{
	*theirs = alloc_unbound(d->id, 0);
	ck_assert_int_eq(bind_interdomain(d->id, *theirs), 0);
	*ours = ARG(struct evtchn_bind_interdomain)->local_port;
}

START_TEST(interdomain_joins_sends_and_closes)
{
	struct domain *d = fake_domain(1, 4);
	uint32_t theirs, ours;

	connect_guest(d, &theirs, &ours);
	/* Binding marks our end, for what was sent before we came. */
	ck_assert(pending(hwdom, ours));
	ck_assert_uint_eq(status_of(DOMID_SELF, ours), EVTCHNSTAT_interdomain);
	ck_assert_uint_eq(ARG(struct evtchn_status)->u.interdomain.dom, d->id);
	ck_assert_uint_eq(ARG(struct evtchn_status)->u.interdomain.port, theirs);

	ck_assert(!pending(d, theirs));
	ck_assert_int_eq(on_port(EVTCHNOP_send, ours), 0);
	ck_assert(pending(d, theirs));
	ck_assert_uint_eq(d->vcpus[0]->vcpu_info->evtchn_upcall_pending, 1);
	ck_assert_uint_eq(d->vcpus[0]->vcpu_info->evtchn_pending_sel, 1);

	ck_assert_int_eq(on_port(EVTCHNOP_close, ours), 0);
	ck_assert_uint_eq(status_of(DOMID_SELF, ours), EVTCHNSTAT_closed);
	ck_assert_uint_eq(status_of(d->id, theirs), EVTCHNSTAT_unbound);
	/* The freed port must not begin its next life pending. */
	ck_assert(!pending(hwdom, ours));
	ck_assert_int_eq(bind_interdomain(d->id, theirs), 0);
}
END_TEST

START_TEST(an_event_is_told_once_until_consumed)
{
	struct domain *d = fake_domain(1, 4);
	uint32_t theirs, ours;

	connect_guest(d, &theirs, &ours);
	fake_upcalls = 0;
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(on_port(EVTCHNOP_send, ours), 0);
	ck_assert_uint_eq(fake_upcalls, 1);
	/* Masked: the bit is set, nobody is told until it is unmasked. */
	memset(d->shared_info->evtchn_pending, 0, sizeof(d->shared_info->evtchn_pending));
	d->vcpus[0]->vcpu_info->evtchn_pending_sel = 0;
	d->vcpus[0]->vcpu_info->evtchn_upcall_pending = 0;
	bitmap_set(d->shared_info->evtchn_mask, theirs);
	ck_assert_int_eq(on_port(EVTCHNOP_send, ours), 0);
	ck_assert_uint_eq(fake_upcalls, 1);
	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(on_port(EVTCHNOP_unmask, theirs), 0);
	ck_assert_uint_eq(fake_upcalls, 2);
	ck_assert(!bitmap_test(d->shared_info->evtchn_mask, theirs));
}
END_TEST

START_TEST(loopback_within_one_domain)
{
	uint32_t a = alloc_unbound(DOMID_SELF, DOMID_SELF), b;

	ck_assert_int_eq(bind_interdomain(DOMID_SELF, a), 0);
	b = ARG(struct evtchn_bind_interdomain)->local_port;
	ck_assert_uint_ne(a, b);
	ck_assert_int_eq(on_port(EVTCHNOP_send, b), 0);
	ck_assert(pending(hwdom, a));
	ck_assert_int_eq(on_port(EVTCHNOP_close, a), 0);
	ck_assert_uint_eq(status_of(DOMID_SELF, b), EVTCHNSTAT_unbound);
}
END_TEST

START_TEST(hostile_ports_are_refused)
{
	static const uint32_t bad[] = {0, 1, 127, 128, 4095, 4096, 4097, 1u << 31, ~0u};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_int_eq(on_port(EVTCHNOP_send, bad[i]), -EINVAL);
		ck_assert_int_eq(on_port(EVTCHNOP_close, bad[i]), -EINVAL);
		ck_assert_int_eq(on_port(EVTCHNOP_unmask, bad[i]), -EINVAL);
		ck_assert_int_eq(bind_interdomain(0, bad[i]), -EINVAL);
	}
	ck_assert_int_eq(bind_interdomain(77, 1), -ESRCH);
	ck_assert_int_eq(op(EVTCHNOP_set_priority + 1), -ENOSYS);
	ck_assert_int_eq(op(1000), -ENOSYS);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, 8, 0),
			 -EFAULT);
}
END_TEST

START_TEST(strangers_cannot_take_a_port)
{
	struct domain *a = fake_domain(1, 4), *b = fake_domain(1, 4);
	uint32_t port = alloc_unbound(a->id, 0);

	fake_run_as(b->vcpus[0]);
	ck_assert_int_eq(bind_interdomain(a->id, port), -EINVAL);
	*ARG(struct evtchn_alloc_unbound) = (struct evtchn_alloc_unbound){a->id, b->id, 0};
	ck_assert_int_eq(op(EVTCHNOP_alloc_unbound), -EPERM);
	*ARG(struct evtchn_status) = (struct evtchn_status){.dom = a->id, .port = port};
	ck_assert_int_eq(op(EVTCHNOP_status), -EPERM);
	*ARG(struct evtchn_reset) = (struct evtchn_reset){a->id};
	ck_assert_int_eq(op(EVTCHNOP_reset), -EPERM);
}
END_TEST

START_TEST(virqs_bind_once_and_where_they_may)
{
	uint32_t port;

	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 1), 0);
	port = ARG(struct evtchn_bind_virq)->port;
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 1), -EEXIST);
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 2), -ENOENT);
	ck_assert_int_eq(bind_virq(NR_VIRQS, 0), -EINVAL);
	ck_assert_int_eq(bind_virq(VIRQ_DOM_EXC, 1), -EINVAL);
	ck_assert_int_eq(bind_virq(VIRQ_DOM_EXC, 0), 0);

	evtchn_virq(hwdom->vcpus[1], VIRQ_TIMER);
	ck_assert(pending(hwdom, port));
	ck_assert_uint_eq(hwdom->vcpus[1]->vcpu_info->evtchn_upcall_pending, 1);
	ck_assert_int_eq(on_port(EVTCHNOP_send, port), -EINVAL);

	ck_assert_int_eq(on_port(EVTCHNOP_close, port), 0);
	evtchn_virq(hwdom->vcpus[1], VIRQ_TIMER);
	ck_assert(!pending(hwdom, port));
	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 1), 0);
}
END_TEST

START_TEST(binding_to_a_vcpu_moves_the_notice)
{
	uint32_t ipi, port = alloc_unbound(DOMID_SELF, DOMID_SELF);

	*ARG(struct evtchn_bind_ipi) = (struct evtchn_bind_ipi){.vcpu = 1};
	ck_assert_int_eq(op(EVTCHNOP_bind_ipi), 0);
	ipi = ARG(struct evtchn_bind_ipi)->port;
	ck_assert_int_eq(on_port(EVTCHNOP_send, ipi), 0);
	ck_assert_uint_eq(hwdom->vcpus[1]->vcpu_info->evtchn_upcall_pending, 1);
	ck_assert_uint_eq(hwdom->vcpus[0]->vcpu_info->evtchn_upcall_pending, 0);

	*ARG(struct evtchn_bind_vcpu) = (struct evtchn_bind_vcpu){ipi, 0};
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu), -EINVAL);
	*ARG(struct evtchn_bind_vcpu) = (struct evtchn_bind_vcpu){port, 7};
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu), -ENOENT);
	*ARG(struct evtchn_bind_vcpu) = (struct evtchn_bind_vcpu){port, 1};
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu), 0);
	ck_assert_uint_eq(status_of(DOMID_SELF, port), EVTCHNSTAT_unbound);
	ck_assert_uint_eq(ARG(struct evtchn_status)->vcpu, 1);
}
END_TEST

/* Ports of @d that are not closed, up to the last there may be. */
static uint32_t count_open(domid_t id)
{
	struct evtchn_status *s = ARG(struct evtchn_status);
	uint32_t n = 0;

	for (uint32_t port = 1;; port++) {
		*s = (struct evtchn_status){.dom = id, .port = port};
		if (op(EVTCHNOP_status))
			return n;
		n += s->status != EVTCHNSTAT_closed;
	}
}

START_TEST(ports_run_out_and_come_back)
{
	struct domain *d = fake_domain(1, 4);
	uint32_t port = 0, n = 0;

	evtchn_set_max_port(d, 300);
	fake_run_as(d->vcpus[0]);
	while (alloc_more(&port))
		ck_assert_uint_eq(port, ++n);
	ck_assert_uint_eq(n, 300);
	ck_assert_uint_eq(count_open(DOMID_SELF), 300);
	ck_assert_int_eq(on_port(EVTCHNOP_close, 17), 0);
	ck_assert_uint_eq(count_open(DOMID_SELF), 299);
	ck_assert(alloc_more(&port));
	ck_assert_uint_eq(port, 17);
	fake_preempt_every = 2;
	*ARG(struct evtchn_reset) = (struct evtchn_reset){DOMID_SELF};
	ck_assert_int_eq(op(EVTCHNOP_reset), 0);
	ck_assert_uint_gt(fake_restarts, 0);
	ck_assert_uint_eq(count_open(DOMID_SELF), 0);
}
END_TEST

START_TEST(a_dead_domain_leaves_its_peers_unbound_and_told)
{
	struct domain *d = fake_domain(1, 4);
	uint32_t theirs, ours;

	connect_guest(d, &theirs, &ours);
	memset(hwdom->shared_info->evtchn_pending, 0, sizeof(hwdom->shared_info->evtchn_pending));
	fake_domain_kill(d);
	ck_assert_uint_eq(status_of(DOMID_SELF, ours), EVTCHNSTAT_unbound);
	ck_assert(pending(hwdom, ours));
	ck_assert_int_eq(on_port(EVTCHNOP_send, ours), 0);
}
END_TEST

START_TEST(global_virq_reaches_domain_0)
{
	ck_assert_int_eq(bind_virq(VIRQ_DOM_EXC, 0), 0);
	fake_domain_kill(fake_domain(1, 4));
	ck_assert(pending(hwdom, ARG(struct evtchn_bind_virq)->port));
}
END_TEST

START_TEST(poll_waits_for_its_port_or_its_time)
{
	struct vcpu *v = hwdom->vcpus[0];
	uint32_t port = alloc_unbound(DOMID_SELF, DOMID_SELF), b;
	struct sched_poll *poll = ARG(struct sched_poll);
	uint32_t *ports = (uint32_t *)(void *)&fake_guest_mem[256];
	struct evtchn_send *send = (void *)&fake_guest_mem[512];

	ck_assert_int_eq(bind_interdomain(DOMID_SELF, port), 0);
	b = ARG(struct evtchn_bind_interdomain)->local_port;
	memset(hwdom->shared_info->evtchn_pending, 0, sizeof(hwdom->shared_info->evtchn_pending));
	bitmap_set(hwdom->shared_info->evtchn_mask, port); /* polled ports are usually masked */

	ports[0] = port;
	*poll = (struct sched_poll){.nr_ports = 1, .timeout = fake_now + 100};
	poll->ports.p = ports;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG_GVA, 0), 0);
	ck_assert_int_eq(v->state, VCPU_BLOCKED);
	*send = (struct evtchn_send){b};
	ck_assert_int_eq(
		fake_hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, FAKE_GVA(512), 0), 0);
	ck_assert_int_eq(v->state, VCPU_RUNNABLE);

	/* Pending already: no wait. */
	fake_run_as(v);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG_GVA, 0), 0);
	ck_assert_int_eq(v->state, VCPU_RUNNING);

	/* Time runs out. */
	bitmap_clear(hwdom->shared_info->evtchn_pending, port);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG_GVA, 0), 0);
	ck_assert_int_eq(v->state, VCPU_BLOCKED);
	fake_now += 200;
	fake_timers();
	ck_assert_int_eq(v->state, VCPU_RUNNABLE);

	fake_run_as(v);
	ports[0] = 5000;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG_GVA, 0), -EINVAL);
	poll->nr_ports = 129;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG_GVA, 0), -EINVAL);
	ck_assert_int_eq(v->state, VCPU_RUNNING);
}
END_TEST

static void raise_timer(void)
{
	evtchn_virq(hwdom->vcpus[0], VIRQ_TIMER);
}

START_TEST(poll_sees_an_event_that_comes_before_it_sleeps)
{
	struct vcpu *v = hwdom->vcpus[0];
	uint32_t *port = (uint32_t *)(void *)&fake_guest_mem[256];

	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 0), 0);
	*port = ARG(struct evtchn_bind_virq)->port;
	bitmap_set(hwdom->shared_info->evtchn_mask, *port);
	*ARG(struct sched_poll) = (struct sched_poll){.nr_ports = 1};
	ARG(struct sched_poll)->ports.p = port;
	fake_falls_asleep = raise_timer;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG_GVA, 0), 0);
	fake_falls_asleep = NULL;
	ck_assert_int_eq(v->state, VCPU_RUNNABLE);
}
END_TEST

START_TEST(timers_raise_the_timer_virq)
{
	struct vcpu *v = hwdom->vcpus[0];
	uint32_t port;

	ck_assert_int_eq(bind_virq(VIRQ_TIMER, 0), 0);
	port = ARG(struct evtchn_bind_virq)->port;
	timer_set(&v->singleshot, fake_now + 10);
	fake_timers();
	ck_assert(!pending(hwdom, port));
	fake_now += 10;
	fake_timers();
	ck_assert(pending(hwdom, port));

	bitmap_clear(hwdom->shared_info->evtchn_pending, port);
	vtimer_set_periodic(v, 1000000);
	for (int i = 0; i < 3; i++) {
		fake_now += 1000000;
		fake_timers();
		ck_assert(pending(hwdom, port));
		bitmap_clear(hwdom->shared_info->evtchn_pending, port);
	}
	vtimer_stop_periodic(v);
	fake_now += 5000000;
	fake_timers();
	ck_assert(!pending(hwdom, port));
}
END_TEST

/* ---- the FIFO ABI ---- */

static void *page_at(struct domain *d, uint64_t gfn)
{
	enum p2m_type type;

	return mfn_to_virt(p2m_lookup(d, gfn_of(gfn), &type, NULL));
}

static long init_control(uint32_t vcpu, uint64_t gfn, uint32_t offset)
{
	*ARG(struct evtchn_init_control) = (struct evtchn_init_control){gfn, offset, vcpu, 0, {0}};
	return op(EVTCHNOP_init_control);
}

static long expand_array(uint64_t gfn)
{
	*ARG(struct evtchn_expand_array) = (struct evtchn_expand_array){gfn};
	return op(EVTCHNOP_expand_array);
}

static long set_priority(uint32_t port, uint32_t priority)
{
	*ARG(struct evtchn_set_priority) = (struct evtchn_set_priority){port, priority};
	return op(EVTCHNOP_set_priority);
}

static uint32_t bind_ipi_on(uint32_t vcpu)
{
	*ARG(struct evtchn_bind_ipi) = (struct evtchn_bind_ipi){.vcpu = vcpu};
	ck_assert_int_eq(op(EVTCHNOP_bind_ipi), 0);
	return ARG(struct evtchn_bind_ipi)->port;
}

/* Take the head of a queue as a guest does. Return: the port, 0 when the queue is empty. */
static uint32_t consume(struct evtchn_fifo_control_block *c, event_word_t *words, unsigned int q)
{
	uint32_t port = c->head[q];

	if (!(c->ready & (1u << q)))
		return 0;
	c->head[q] = words[port] & EVTCHN_FIFO_LINK_MASK;
	words[port] &= ~(uint32_t)(EVTCHN_FIFO_LINK_MASK | 1u << EVTCHN_FIFO_LINKED |
				   1u << EVTCHN_FIFO_PENDING);
	if (!c->head[q])
		c->ready &= ~(1u << q);
	return port;
}

START_TEST(fifo_takes_over_what_is_pending)
{
	struct domain *d = fake_domain(1, 4);
	struct evtchn_fifo_control_block *c = page_at(d, 0);
	event_word_t *words = page_at(d, 1);
	uint32_t a;

	fake_run_as(d->vcpus[0]);
	a = bind_ipi_on(0);
	ck_assert_int_eq(on_port(EVTCHNOP_send, a), 0);
	ck_assert(pending(d, a));
	ck_assert_int_eq(expand_array(1), -EOPNOTSUPP);
	ck_assert_int_eq(set_priority(a, 3), -ENOSYS);
	ck_assert_int_eq(init_control(0, 0, 0), 0);
	ck_assert_uint_eq(ARG(struct evtchn_init_control)->link_bits, EVTCHN_FIFO_LINK_BITS);
	ck_assert_int_eq(init_control(0, 0, 0), -EINVAL);
	ck_assert_uint_eq(c->ready, 0);
	ck_assert_int_eq(expand_array(1), 0);
	ck_assert_uint_eq(consume(c, words, EVTCHN_FIFO_PRIORITY_DEFAULT), a);
	ck_assert_uint_eq(c->ready, 0);
}
END_TEST

START_TEST(fifo_ports_can_all_be_polled)
{
	struct domain *d = fake_domain(1, 4);
	uint32_t *port = (uint32_t *)(void *)&fake_guest_mem[256];

	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(init_control(0, 0, 0), 0);
	*ARG(struct sched_poll) = (struct sched_poll){.nr_ports = 1};
	ARG(struct sched_poll)->ports.p = port;
	*port = EVTCHN_FIFO_NR_CHANNELS;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG_GVA, 0), -EINVAL);
	*port = EVTCHN_FIFO_NR_CHANNELS - 1;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, ARG_GVA, 0), 0);
	ck_assert_int_eq(d->vcpus[0]->state, VCPU_BLOCKED);
}
END_TEST

START_TEST(fifo_keeps_order_by_priority_and_masks)
{
	struct domain *d = fake_domain(1, 4);
	struct evtchn_fifo_control_block *c = page_at(d, 0);
	event_word_t *words = page_at(d, 1);
	uint32_t p[4];

	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(init_control(0, 0, 8), 0);
	ck_assert_int_eq(expand_array(1), 0);
	c = (void *)((char *)c + 8);
	for (unsigned int i = 0; i < 4; i++)
		p[i] = bind_ipi_on(0);
	ck_assert_int_eq(set_priority(p[3], 0), 0);
	ck_assert_int_eq(set_priority(p[3], 16), -EINVAL);
	ck_assert_int_eq(set_priority(77, 0), -EINVAL);
	words[p[1]] = 1u << EVTCHN_FIFO_MASKED;
	d->vcpus[0]->vcpu_info->evtchn_upcall_pending = 0;
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int twice = 0; twice < 2; twice++)
			ck_assert_int_eq(on_port(EVTCHNOP_send, p[i]), 0);
	ck_assert_uint_eq(d->vcpus[0]->vcpu_info->evtchn_upcall_pending, 1);
	ck_assert_uint_eq(words[p[1]], 1u << EVTCHN_FIFO_MASKED | 1u << EVTCHN_FIFO_PENDING);
	ck_assert_int_eq(on_port(EVTCHNOP_unmask, p[1]), 0);
	ck_assert_uint_eq(consume(c, words, 0), p[3]);
	ck_assert_uint_eq(consume(c, words, 0), 0);
	ck_assert_uint_eq(consume(c, words, EVTCHN_FIFO_PRIORITY_DEFAULT), p[0]);
	ck_assert_uint_eq(consume(c, words, EVTCHN_FIFO_PRIORITY_DEFAULT), p[2]);
	ck_assert_uint_eq(consume(c, words, EVTCHN_FIFO_PRIORITY_DEFAULT), p[1]);
	ck_assert_uint_eq(c->ready, 0);
	/* An emptied queue begins anew at its head. */
	ck_assert_int_eq(on_port(EVTCHNOP_send, p[2]), 0);
	ck_assert_uint_eq(consume(c, words, EVTCHN_FIFO_PRIORITY_DEFAULT), p[2]);
}
END_TEST

START_TEST(fifo_ports_move_between_vcpus)
{
	struct domain *d = fake_domain(2, 4);
	struct evtchn_fifo_control_block *c0 = page_at(d, 0), *c1 = page_at(d, 2);
	event_word_t *words = page_at(d, 1);
	const unsigned int q = EVTCHN_FIFO_PRIORITY_DEFAULT;
	uint32_t theirs, ours, other;

	connect_guest(d, &theirs, &ours);
	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(init_control(0, 0, 0), 0);
	ck_assert_int_eq(init_control(1, 2, 0), 0);
	ck_assert_int_eq(expand_array(1), 0);
	other = bind_ipi_on(0);
	ck_assert_int_eq(on_port(EVTCHNOP_send, other), 0);
	ck_assert_uint_eq(consume(c0, words, q), other);
	fake_run_as(hwdom->vcpus[0]);
	ck_assert_int_eq(on_port(EVTCHNOP_send, ours), 0);
	fake_run_as(d->vcpus[0]);
	ck_assert_uint_eq(consume(c0, words, q), theirs);
	*ARG(struct evtchn_bind_vcpu) = (struct evtchn_bind_vcpu){theirs, 1};
	ck_assert_int_eq(op(EVTCHNOP_bind_vcpu), 0);
	fake_run_as(hwdom->vcpus[0]);
	ck_assert_int_eq(on_port(EVTCHNOP_send, ours), 0);
	/* It was the tail of the first queue, which must not be followed into the second. */
	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(on_port(EVTCHNOP_send, other), 0);
	ck_assert_uint_eq(consume(c0, words, q), other);
	ck_assert_uint_eq(consume(c1, words, q), theirs);
	ck_assert_uint_eq(c0->ready | c1->ready, 0);
}
END_TEST

START_TEST(fifo_bears_whatever_is_in_its_words)
{
	struct domain *d = fake_domain(1, 4);
	event_word_t *words = page_at(d, 1);
	uint32_t *control = page_at(d, 0), port = 0, n = 0;

	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(init_control(9, 0, 0), -ENOENT);
	ck_assert_int_eq(init_control(0, 0, 4), -EINVAL);
	ck_assert_int_eq(init_control(0, 0, PAGE_SIZE - 64), -EINVAL);
	ck_assert_int_eq(init_control(0, 0xfffff, 0), -EINVAL);
	ck_assert_int_eq(init_control(0, 0, 0), 0);
	ck_assert_int_eq(expand_array(0xfffff), -EINVAL);
	ck_assert_int_eq(expand_array(1), 0);
	for (unsigned int i = 0; i < 64; i++)
		bind_ipi_on(0);
	for (uint32_t seed = 1, i = 0; i < 20000; i++) {
		seed = seed * 1664525u + 1013904223u;
		words[(seed >> 8) % 1024] = seed ^ seed << 7;
		control[(seed >> 20) % 18] = seed;
		ck_assert_int_eq(on_port(EVTCHNOP_send, 1 + (seed >> 13) % 64), 0);
		ck_assert_int_eq(on_port(EVTCHNOP_unmask, 1 + (seed >> 3) % 64), 0);
	}
	/* More ports than the other ABI has, until the limit; then back to it. */
	evtchn_set_max_port(d, 5000);
	while (alloc_more(&port))
		n++;
	ck_assert_uint_eq(n, 5000 - 64);
	*ARG(struct evtchn_reset) = (struct evtchn_reset){DOMID_SELF};
	ck_assert_int_eq(op(EVTCHNOP_reset), 0);
	for (n = 0; alloc_more(&port);)
		n++;
	ck_assert_uint_eq(n, 4095);
	ck_assert_int_eq(init_control(0, 0, 0), 0);
}
END_TEST

Suite *evtchn_suite(void)
{
	Suite *s = suite_create("event channels");
	TCase *tc = host_case("ports");

	tcase_add_test(tc, interdomain_joins_sends_and_closes);
	tcase_add_test(tc, an_event_is_told_once_until_consumed);
	tcase_add_test(tc, loopback_within_one_domain);
	tcase_add_test(tc, hostile_ports_are_refused);
	tcase_add_test(tc, strangers_cannot_take_a_port);
	tcase_add_test(tc, virqs_bind_once_and_where_they_may);
	tcase_add_test(tc, binding_to_a_vcpu_moves_the_notice);
	tcase_add_test(tc, ports_run_out_and_come_back);
	tcase_add_test(tc, a_dead_domain_leaves_its_peers_unbound_and_told);
	tcase_add_test(tc, global_virq_reaches_domain_0);
	tcase_add_test(tc, poll_waits_for_its_port_or_its_time);
	tcase_add_test(tc, poll_sees_an_event_that_comes_before_it_sleeps);
	tcase_add_test(tc, timers_raise_the_timer_virq);
	tcase_add_test(tc, fifo_takes_over_what_is_pending);
	tcase_add_test(tc, fifo_ports_can_all_be_polled);
	tcase_add_test(tc, fifo_keeps_order_by_priority_and_masks);
	tcase_add_test(tc, fifo_ports_move_between_vcpus);
	tcase_add_test(tc, fifo_bears_whatever_is_in_its_words);
	suite_add_tcase(s, tc);
	return s;
}
