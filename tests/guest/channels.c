/*
 * Event channels: every processor makes, binds, moves, sends and closes the same few ports at once; before
 * and after, ports to the limit, ports of other domains, and closed ones. The console's and the store's stay.
 */
#include "lib/lib.h"

#include <stdbool.h>

#define SHARED  64u
#define DOMAINS 8u
#define FOREIGN 64u
#define PORTS   4096u /* with the 2-level interface more there can't be */

static unsigned int cpus, rounds;
static volatile unsigned int begun, finished;
static uint32_t kept[2];
static volatile uint32_t ports[SHARED]; /* that somebody made; others may have closed them */
static uint64_t done[16];

static int64_t channel_op(unsigned int op, void *arg)
{
	return call_op(__HYPERVISOR_event_channel_op, op, arg);
}

static int64_t make(uint32_t *port)
{
	struct evtchn_alloc_unbound op = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	int64_t rc = channel_op(EVTCHNOP_alloc_unbound, &op);

	*port = op.port;
	return rc;
}

static int64_t close_port(uint32_t port)
{
	struct evtchn_close op = {port};

	if (port == kept[0] || port == kept[1])
		return -1;
	return channel_op(EVTCHNOP_close, &op);
}

static int64_t send(uint32_t port)
{
	struct evtchn_send op = {port};

	return channel_op(EVTCHNOP_send, &op);
}

static int64_t bind(uint32_t dom, uint32_t remote, uint32_t *port)
{
	struct evtchn_bind_interdomain op = {.remote_dom = (domid_t)dom, .remote_port = remote};
	int64_t rc = channel_op(EVTCHNOP_bind_interdomain, &op);

	*port = op.local_port;
	return rc;
}

/* ---- one processor alone ---- */

/* All there are; the last is tried again, closed, sent to and closed again. */
static void to_the_limit(void)
{
	static uint32_t mine[PORTS];
	uint64_t n = 0, after = 0;
	uint32_t port;

	while (n < PORTS && !make(&port))
		mine[n++] = port;
	say_number("ports to the limit", n);
	for (uint64_t i = 0; i < n; i++) {
		close_port(mine[i]);
		if (i & 63) /* not each, there are many */
			continue;
		after += !send(mine[i]);
		after += !close_port(mine[i]);
		after += !bind(DOMID_SELF, mine[i], &port);
	}
	say_number("used after they were closed", after);
}

static void foreign(void)
{
	uint64_t bound = 0;
	uint32_t port;

	for (uint32_t dom = 0; dom < DOMAINS; dom++)
		for (uint32_t remote = 0; remote < FOREIGN; remote++)
			bound += !bind(dom, remote, &port);
	for (uint32_t bit = 0; bit < 32; bit++) {
		bound += !bind(0, 1u << bit, &port);
		bound += !bind(DOMID_XEN, 1u << bit, &port);
		bound += !bind(1u << bit, 1, &port);
	}
	say_number("foreign ports bound", bound);
}

/* ---- all at once ---- */

static void keep(uint32_t port)
{
	ports[next_random() % SHARED] = port;
}

static int64_t one(unsigned int what, uint32_t port)
{
	struct evtchn_bind_ipi ipi = {.vcpu = (uint32_t)next_random() % (MAX_CPUS + 1)};
	struct evtchn_bind_virq virq = {.virq = (uint32_t)next_random() % 24, .vcpu = ipi.vcpu};
	struct evtchn_status status = {.dom = DOMID_SELF, .port = port};
	struct evtchn_unmask unmask = {port};
	struct evtchn_bind_vcpu move = {.port = port, .vcpu = ipi.vcpu};
	struct evtchn_set_priority priority = {port, (uint32_t)next_random() & 31};
	uint32_t made = 0;
	int64_t rc;

	switch (what) {
	case 0: rc = make(&made); break;
	case 1:
	case 2: rc = bind(DOMID_SELF, port, &made); break;
	case 3:
		rc = channel_op(EVTCHNOP_bind_ipi, &ipi);
		made = ipi.port;
		break;
	case 4:
		rc = channel_op(EVTCHNOP_bind_virq, &virq);
		made = virq.port;
		break;
	case 5:
	case 6:
	case 7: return close_port(port);
	case 8:
	case 9: return send(port);
	case 10: return channel_op(EVTCHNOP_status, &status);
	case 11: return channel_op(EVTCHNOP_unmask, &unmask);
	case 12: return channel_op(EVTCHNOP_bind_vcpu, &move);
	default: return channel_op(EVTCHNOP_set_priority, &priority);
	}
	if (!rc)
		keep(made);
	return rc;
}

static void race(void)
{
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t r = next_random();
		unsigned int what = (r >> 8) % 14;
		int64_t rc = one(what, ports[(r >> 16) % SHARED]);

		if (!rc)
			__atomic_fetch_add(&done[what], 1, __ATOMIC_RELAXED);
	}
	__atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
}

static void worker(unsigned int id)
{
	while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	race();
	for (;;)
		call3(__HYPERVISOR_vcpu_op, VCPUOP_down, id, 0);
}

void guest_main(void *start_info)
{
	guest_setup(start_info);
	cpus = (unsigned int)guest_option("vcpus", 1);
	rounds = (unsigned int)guest_option("rounds", 5000);
	kept[0] = (uint32_t)guest_param(HVM_PARAM_CONSOLE_EVTCHN);
	kept[1] = (uint32_t)guest_param(HVM_PARAM_STORE_EVTCHN);
	to_the_limit();
	foreign();
	start_cpus(cpus, worker);
	__atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
	race();
	while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) != cpus)
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	for (unsigned int what = 0; what < 14; what++)
		say_number("done", done[what]);
	for (uint32_t port = 1; port < PORTS; port++)
		close_port(port);
	to_the_limit();
	finish();
}
