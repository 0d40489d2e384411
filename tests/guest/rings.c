/*
 * The rings it shares with the management domain, malformed: indexes far ahead and behind, requests
 * that never end, and garbage in them, with an event for each. The console's ring goes last.
 */
#include "lib/lib.h"

#include <xen/io/console.h>
#include <xen/io/xs_wire.h>

static uint64_t rounds;

static void notify(uint64_t port)
{
	struct evtchn_send send = {(uint32_t)port};

	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}

/* Time for the other end to look. */
static void let_it_look(void)
{
	for (unsigned int i = 0; i < 20; i++)
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

static uint32_t index_of(uint32_t now)
{
	static const uint32_t far[] = {0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 1u << 31, ~0u};
	uint32_t r = (uint32_t)next_random();

	return r & 8 ? now + far[(r >> 8) % 10] : r & 16 ? now - far[(r >> 8) % 10] : r;
}

static void garbage(char *at, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		at[i] = (char)next_random();
}

/* Headers that are nearly in order: every type, lengths about the limit, words that are no paths. */
static void request(volatile struct xenstore_domain_interface *ring)
{
	static const uint32_t lengths[] = {0, 1, 16, 4095, 4096, 4097, 1u << 31, ~0u};
	uint32_t r = (uint32_t)next_random();
	struct xsd_sockmsg head = {r & 31, r, r & 32 ? (uint32_t)next_random() : 0,
				   lengths[r >> 8 & 7]};
	const char *bytes = (const char *)&head;
	uint32_t at = ring->req_prod;

	for (unsigned int i = 0; i < sizeof(head) + (r >> 16 & 63); i++)
		ring->req[MASK_XENSTORE_IDX(at++)] = i < sizeof(head) ? bytes[i] :
									(char)next_random();
	__asm__ volatile("" : : : "memory");
	ring->req_prod = at;
}

static void store(void)
{
	volatile struct xenstore_domain_interface *ring =
		(void *)(uintptr_t)(guest_param(HVM_PARAM_STORE_PFN) << 12);
	uint64_t port = guest_param(HVM_PARAM_STORE_EVTCHN);

	for (uint64_t i = 0; i < rounds; i++) {
		request(ring);
		notify(port);
		let_it_look();
		ring->rsp_cons = ring->rsp_prod;
	}
	say("store requests sent\n");
	for (uint64_t i = 0; i < rounds; i++) {
		garbage((char *)(uintptr_t)ring->req, XENSTORE_RING_SIZE);
		ring->req_prod = index_of(ring->req_cons);
		ring->rsp_cons = index_of(ring->rsp_prod);
		if (i & 1)
			ring->req_cons = index_of(ring->req_prod);
		ring->connection = (uint32_t)next_random();
		notify(port);
		let_it_look();
	}
	say("store indexes sent\n");
}

static void console_ring(void)
{
	volatile struct xencons_interface *ring =
		(void *)(uintptr_t)(guest_param(HVM_PARAM_CONSOLE_PFN) << 12);
	uint64_t port = guest_param(HVM_PARAM_CONSOLE_EVTCHN);

	for (uint64_t i = 0; i < rounds; i++) {
		garbage((char *)(uintptr_t)ring->out, sizeof(ring->out));
		ring->out_prod = index_of(ring->out_cons);
		ring->in_cons = index_of(ring->in_prod);
		if (i & 1)
			ring->out_cons = index_of(ring->out_prod);
		notify(port);
		let_it_look();
	}
}

void guest_main(void *start_info)
{
	struct sched_shutdown crash = {SHUTDOWN_crash};

	guest_setup(start_info);
	rounds = guest_option("rounds", 200);
	store();
	console_ring();
	call_op(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &crash);
}
