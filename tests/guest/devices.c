/*
 * A front end that its back ends should not trust: a disk and a network card, connected in order, whose
 * rings then hold requests that make no sense, of grants that are none, and end with indexes far away;
 * and both again, "rounds=N" times. Needs a VM with a disk and a network card.
 */
#include "lib/store.h"

#include <xen/io/blkif.h>
#include <xen/io/netif.h>

enum { RING_A = 8, RING_B, PAGE_GOOD, PAGE_READ_ONLY, PAGE_NOWHERE, REFS };

static uint8_t ring_a[4096] __attribute__((aligned(4096)));
static uint8_t ring_b[4096] __attribute__((aligned(4096)));
static uint8_t page[2][4096] __attribute__((aligned(4096)));

static char folder[64], backend[128];
static uint32_t port;

static uint32_t pick(uint32_t n)
{
	return (uint32_t)(next_random() >> 20) % n;
}

static uint32_t reference(void)
{
	uint32_t odd[] = {0,        REFS, GRANTS, GRANTS * 32,
			  1u << 31, ~0u,  RING_A, (uint32_t)next_random()};

	return pick(3) ? PAGE_GOOD + pick(REFS - PAGE_GOOD) : odd[pick(8)];
}

static void put(const char *name, const char *value)
{
	store_write(store_path(folder, name), value);
}

/* In the state the device was made in, as far as the back end is concerned. */
static bool begin(const char *kind)
{
	char name[16];

	if (!store_first(store_path("device", kind), name, sizeof(name)))
		return false;
	memcpy(folder, store_path(store_path("device", kind), name), sizeof(folder));
	if (!store_read(store_path(folder, "backend"), backend, sizeof(backend)))
		return false;
	put("state", "1");
	if (!store_wait(store_path(backend, "state"), '2', 30))
		return false;
	memset(ring_a, 0, sizeof(ring_a));
	memset(ring_b, 0, sizeof(ring_b));
	grant_page(RING_A, ring_a, 0);
	grant_page(RING_B, ring_b, 0);
	port = new_port();
	put("event-channel", store_number(port));
	return true;
}

static void end(void)
{
	struct evtchn_close op = {port};

	put("state", "5");
	store_wait(store_path(backend, "state"), '5', 5);
	put("state", "6");
	if (!store_wait(store_path(backend, "state"), '6', 30))
		say("the back end does not close\n");
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &op);
}

/* Time for the other end to look. */
static void let_it_look(void)
{
	notify_port(port);
	for (unsigned int i = 0; i < 20; i++)
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

/* ---- disk ---- */

static void disk_request(blkif_request_t *r)
{
	static const uint64_t sectors[] = {0, 1, 8, 65535, 65536, 1ull << 40, ~0ull, ~0ull - 7};
	static const uint8_t counts[] = {0, 1, 2, 11, 12, 255};

	*r = (blkif_request_t){.operation = (uint8_t)(pick(8) ? pick(7) : next_random()),
			       .nr_segments = counts[pick(6)],
			       .handle = (blkif_vdev_t)next_random(),
			       .id = pick(4),
			       .sector_number = sectors[pick(8)]};
	for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++) {
		r->seg[i].gref = reference();
		r->seg[i].first_sect = (uint8_t)(pick(4) ? pick(8) : next_random());
		r->seg[i].last_sect = (uint8_t)(pick(4) ? pick(8) : next_random());
	}
	if (r->operation == BLKIF_OP_INDIRECT) {
		blkif_request_indirect_t *in = (void *)r;

		in->indirect_op = (uint8_t)pick(6);
		in->nr_segments = (uint16_t)(pick(2) ? pick(512) : next_random());
		for (unsigned int i = 0; i < BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST; i++)
			in->indirect_grefs[i] = reference();
	}
}

static bool disk(unsigned int rounds)
{
	volatile blkif_sring_t *ring = (void *)ring_a;
	uint32_t made = 0;

	if (!begin("vbd"))
		return false;
	put("ring-ref", store_number(RING_A));
	put("protocol", "x86_64-abi");
	put("state", "3");
	if (!store_wait(store_path(backend, "state"), '4', 30))
		return false;
	put("state", "4");
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int batch = 1 + pick(8);

		/* Not more than there is room for; now and then one is not written: the one before is there twice. */
		for (unsigned int n = 0; n < batch; n++)
			if (pick(8))
				disk_request(
					(blkif_request_t *)(uintptr_t)&ring->ring[(made + n) % 32]
						.req);
		made += batch;
		ring->req_prod = made;
		ring->rsp_event = pick(2) ? ring->rsp_prod + 1 : (uint32_t)next_random();
		let_it_look();
		for (unsigned int wait = 0; wait < 2000 && made - ring->rsp_prod > 24; wait++)
			let_it_look();
		/* Requests under way change their minds. */
		page[0][pick(4096)]++;
		grants[PAGE_GOOD].frame = (uint32_t)((uintptr_t)page[pick(2)] >> 12);
	}
	say_number("disk requests", made);
	say_number("disk requests answered", ring->rsp_prod);
	ring->req_prod = made + (pick(2) ? 33 : 1u << 31);
	let_it_look();
	end();
	return true;
}

/* ---- network ---- */

/* A @wild one ends the connection: it reaches beyond its page, or announces what does not follow. */
static void packet(netif_tx_request_t *r, bool wild)
{
	static const uint16_t sizes[] = {0, 1, 13, 14, 60, 1514, 4095, 4096, 4097, 65535};

	*r = (netif_tx_request_t){
		.gref = reference(), .id = (uint16_t)pick(4), .size = sizes[pick(10)]};
	r->flags = (uint16_t)(pick(2) ? 0 : NETTXF_csum_blank | NETTXF_data_validated);
	if (r->size < 4096)
		r->offset = (uint16_t)pick(4096u - r->size);
	if (!wild) {
		r->size &= 4095;
		return;
	}
	r->offset = (uint16_t)next_random();
	r->flags = (uint16_t)(pick(2) ? pick(16) : next_random());
	if (!pick(4)) /* as an extra, it is rubbish */
		*(uint64_t *)(void *)r = next_random();
}

static bool network(unsigned int rounds)
{
	volatile netif_tx_sring_t *tx = (void *)ring_a;
	volatile netif_rx_sring_t *rx = (void *)ring_b;
	uint32_t made = 0;

	if (!begin("vif"))
		return false;
	put("tx-ring-ref", store_number(RING_A));
	put("rx-ring-ref", store_number(RING_B));
	put("request-rx-copy", "1");
	put("feature-rx-notify", "1");
	put("feature-sg", "1");
	put("state", "4");
	if (!store_wait(store_path(backend, "state"), '4', 30))
		return false;
	for (unsigned int i = 0; i < 256; i++)
		rx->ring[i].req = (netif_rx_request_t){.id = (uint16_t)i, .gref = reference()};
	rx->req_prod = 200;
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int batch = 1 + pick(20);

		for (unsigned int n = 0; n < batch; n++)
			if (pick(8))
				packet((netif_tx_request_t *)(uintptr_t)&tx->ring[(made + n) % 256]
					       .req,
				       i >= rounds / 2);
		made += batch;
		tx->req_prod = made;
		tx->rsp_event = pick(2) ? tx->rsp_prod + 1 : (uint32_t)next_random();
		let_it_look();
		for (unsigned int wait = 0; wait < 100 && made - tx->rsp_prod > 200; wait++)
			let_it_look();
		if (made - tx->rsp_prod > 200)
			break; /* it has had enough, and has shut the card down */
	}
	say_number("packets", made);
	say_number("packets answered", tx->rsp_prod);
	tx->req_prod = made + (pick(2) ? 257 : 1u << 31);
	rx->req_prod = pick(2) ? 1u << 31 : 0;
	let_it_look();
	end();
	return true;
}

void guest_main(void *start_info)
{
	unsigned int rounds, disks = 0, networks = 0;

	guest_setup(start_info);
	store_setup();
	grant_page(PAGE_GOOD, page[0], 0);
	grant_page(PAGE_READ_ONLY, page[1], GTF_readonly);
	grants[PAGE_NOWHERE] = (grant_entry_v1_t){GTF_permit_access, 0, 0x50000};
	rounds = (unsigned int)guest_option("rounds", 4);
	for (unsigned int i = 0; i < rounds; i++) {
		disks += disk(60);
		networks += network(60);
	}
	say_number("disks connected", disks);
	say_number("cards connected", networks);
	finish();
}
