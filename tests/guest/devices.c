/*
 * A front end that its back ends should not trust: a disk, connected "disks=N" times, and network cards 0 to
 * "cards=N" - 1. First come requests good and bad whose answers are known, and counted as right or wrong;
 * then those that make the back end give up, a card for ever. "host=N" is an address that answers ARP.
 */
#include "lib/store.h"

#include <xen/io/blkif.h>
#include <xen/io/netif.h>

enum { RING_A = 8, RING_B, PAGE_ARP, PAGE_GOOD, PAGE_READ_ONLY, PAGE_NOWHERE, REFS };
enum outcome { NONE, ANY, FAILS, SUCCEEDS };

#define DISK_RING 32u
#define CARD_RING 256u
#define PATIENCE  5000u /* looks */

static uint8_t ring_a[4096] __attribute__((aligned(4096)));
static uint8_t ring_b[4096] __attribute__((aligned(4096)));
static uint8_t arp_page[4096] __attribute__((aligned(4096)));
static uint8_t page[2][4096] __attribute__((aligned(4096)));

static char folder[64], backend[128];
static uint32_t port;
static enum outcome expected[CARD_RING];
static uint32_t right[SUCCEEDS + 1], wrong;

static uint32_t pick(uint32_t n)
{
	return (uint32_t)(next_random() >> 20) % n;
}

/* A @wild one may be of the ring itself, or of the console's. */
static uint32_t reference(bool wild)
{
	uint32_t odd[] = {RING_A,      0,        REFS, GRANTS,
			  GRANTS * 32, 1u << 31, ~0u,  (uint32_t)next_random()};

	if (pick(3))
		return PAGE_GOOD + pick(REFS - PAGE_GOOD);
	return wild ? odd[pick(8)] : odd[2 + pick(6)];
}

/* May domain 0 read the page, or write it? */
static bool usable(uint32_t ref, bool write)
{
	return ref < GRANTS && ref != PAGE_NOWHERE &&
	       (grants[ref].flags & GTF_type_mask) == GTF_permit_access &&
	       !(write && (grants[ref].flags & GTF_readonly));
}

/* An answer to request @id: as foreseen, and the only one? */
static void judge(uint64_t id, bool failed)
{
	enum outcome *e = &expected[id % CARD_RING];

	if (*e == NONE || id >= CARD_RING || (*e == FAILS && !failed) || (*e == SUCCEEDS && failed))
		wrong++;
	else
		right[*e]++;
	*e = NONE;
}

static void tell(const char *what, uint32_t left)
{
	say(what);
	say_number(" answered right, errors", right[FAILS]);
	say(what);
	say_number(" answered right, others", right[SUCCEEDS] + right[ANY]);
	say(what);
	say_number(" answered wrong", wrong);
	say(what);
	say_number(" not answered", left);
	memset(right, 0, sizeof(right));
	memset(expected, 0, sizeof(expected));
	wrong = 0;
}

static void put(const char *name, const char *value)
{
	store_write(store_path(folder, name), value);
}

/* In the state the device was made in, as far as the back end is concerned. */
static bool begin(const char *device)
{
	memcpy(folder, device, sizeof(folder));
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

static uint64_t disk_sectors;
static volatile blkif_sring_t *const blk = (void *)ring_a;

static void disk_request(blkif_request_t *r, bool wild)
{
	static const uint64_t sectors[] = {0, 1, 8, 65535, 65536, 1ull << 40, ~0ull, ~0ull - 7};
	static const uint8_t counts[] = {0, 1, 2, 11, 12, 255};

	*r = (blkif_request_t){.operation = (uint8_t)(pick(8) ? pick(7) : next_random()),
			       .nr_segments = counts[pick(6)],
			       .handle = (blkif_vdev_t)next_random(),
			       .sector_number = sectors[pick(2) ? pick(3) : pick(8)]};
	for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++) {
		r->seg[i].gref = pick(4) ? PAGE_GOOD : reference(wild);
		r->seg[i].first_sect = (uint8_t)(pick(16) ? pick(2) : next_random());
		r->seg[i].last_sect = (uint8_t)(pick(16) ? 1 + pick(7) : next_random());
	}
	if (r->operation == BLKIF_OP_INDIRECT) {
		blkif_request_indirect_t *in = (void *)r;

		in->indirect_op = (uint8_t)pick(6);
		in->nr_segments = (uint16_t)(pick(2) ? pick(512) : next_random());
		for (unsigned int i = 0; i < BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST; i++)
			in->indirect_grefs[i] = reference(wild);
	}
}

/* What blkif.h says of this request. */
static enum outcome disk_outcome(const blkif_request_t *r)
{
	uint64_t sectors = 0;

	if (r->operation == BLKIF_OP_INDIRECT || r->operation == BLKIF_OP_DISCARD ||
	    r->operation == BLKIF_OP_WRITE_BARRIER || r->operation == BLKIF_OP_FLUSH_DISKCACHE)
		return ANY; /* it depends on what the disk offers */
	if (r->operation > BLKIF_OP_WRITE || !r->nr_segments ||
	    r->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
		return FAILS;
	for (unsigned int i = 0; i < r->nr_segments; i++) {
		if (r->seg[i].last_sect > 7 || r->seg[i].first_sect > r->seg[i].last_sect ||
		    !usable(r->seg[i].gref, r->operation == BLKIF_OP_READ))
			return FAILS;
		sectors += r->seg[i].last_sect - r->seg[i].first_sect + 1u;
	}
	return r->sector_number < disk_sectors && sectors <= disk_sectors - r->sector_number ?
		       SUCCEEDS :
		       FAILS;
}

/* Take the answers that are there. Return: how many there have been. */
static uint32_t disk_answers(uint32_t taken)
{
	for (; taken != blk->rsp_prod; taken++) {
		blkif_response_t r =
			*(blkif_response_t *)(uintptr_t)&blk->ring[taken % DISK_RING].rsp;

		judge(r.id, r.status != BLKIF_RSP_OKAY);
	}
	return taken;
}

/* Batches of requests; now and then one is not written: what its place held is there again. */
static void disk_rounds(unsigned int rounds, bool wild)
{
	uint32_t made = blk->req_prod, taken = made;

	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int batch = 1 + pick(8);

		for (unsigned int n = 0; n < batch; n++, made++) {
			blkif_request_t *r =
				(blkif_request_t *)(uintptr_t)&blk->ring[made % DISK_RING].req;

			if (pick(8))
				disk_request(r, wild);
			r->id = made % CARD_RING;
			expected[r->id] = disk_outcome(r);
		}
		blk->req_prod = made;
		blk->rsp_event = pick(2) ? blk->rsp_prod + 1 : (uint32_t)next_random();
		for (unsigned int n = 0; n < PATIENCE && made - taken > (i + 1 < rounds) * 24;
		     n++) {
			let_it_look();
			if (wild)
				taken = blk->rsp_prod;
			else
				taken = disk_answers(taken);
		}
		/* Requests under way change their minds. */
		page[0][pick(4096)]++;
		grants[PAGE_GOOD].frame = (uint32_t)((uintptr_t)page[pick(2)] >> 12);
		if (made - taken > 24)
			break;
	}
	if (!wild)
		tell("disk requests", made - taken);
}

static bool disk(void)
{
	char name[16], sectors[16] = "";

	if (!store_first("device/vbd", name, sizeof(name)) ||
	    !begin(store_path("device/vbd", name)))
		return false;
	put("ring-ref", store_number(RING_A));
	put("protocol", "x86_64-abi");
	put("state", "3");
	if (!store_wait(store_path(backend, "state"), '4', 30))
		return false;
	put("state", "4");
	store_read(store_path(backend, "sectors"), sectors, sizeof(sectors));
	for (const char *c = sectors; *c; c++)
		disk_sectors = (c == sectors ? 0 : disk_sectors * 10) + (uint64_t)(*c - '0');
	disk_rounds(60, false);
	disk_rounds(8, true);
	blk->req_prod += pick(2) ? DISK_RING + 1 : 1u << 31;
	let_it_look();
	end();
	return true;
}

/* ---- network ---- */

static volatile netif_tx_sring_t *const tx = (void *)ring_a;
static volatile netif_rx_sring_t *const rx = (void *)ring_b;
static uint32_t tx_made, tx_taken;

static netif_tx_request_t *packet(uint32_t ref, uint16_t size, uint16_t flags)
{
	netif_tx_request_t *r = (netif_tx_request_t *)(uintptr_t)&tx->ring[tx_made % CARD_RING].req;

	*r = (netif_tx_request_t){
		.gref = ref, .flags = flags, .id = (uint16_t)(tx_made++ % CARD_RING), .size = size};
	return r;
}

static void send(void)
{
	tx->req_prod = tx_made;
	tx->rsp_event = pick(2) ? tx->rsp_prod + 1 : (uint32_t)next_random();
	let_it_look();
}

static void tx_answers(void)
{
	for (; tx_taken != tx->rsp_prod; tx_taken++) {
		netif_tx_response_t r =
			*(netif_tx_response_t *)(uintptr_t)&tx->ring[tx_taken % CARD_RING].rsp;

		judge(r.id, r.status != NETIF_RSP_OKAY);
	}
}

/* Packets of all sizes, from pages that are there and others. */
static void send_packets(unsigned int rounds)
{
	static const uint16_t sizes[] = {0, 1, 13, 14, 60, 128, 129, 1514, 4000, 4095};

	for (unsigned int i = 0; i < rounds; i++) {
		for (unsigned int n = pick(20); n-- > 0;) {
			netif_tx_request_t *r =
				packet(reference(true), sizes[pick(10)],
				       pick(2) ? 0 : NETTXF_csum_blank | NETTXF_data_validated);

			r->offset = (uint16_t)pick(4096u - r->size);
			expected[r->id] = r->size >= 14 && usable(r->gref, false) ? SUCCEEDS :
										    FAILS;
		}
		send();
		for (unsigned int n = 0;
		     n < PATIENCE && tx_made - tx_taken > (i + 1 < rounds) * 200; n++) {
			let_it_look();
			tx_answers();
		}
	}
	tell("packets", tx_made - tx_taken);
}

static uint8_t hex(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

/* Who has the host's address? */
static void make_arp(uint32_t host)
{
	static const uint8_t words[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
	char mac[18] = "";
	uint8_t *to = arp_page;

	store_read(store_path(folder, "mac"), mac, sizeof(mac));
	memset(to, 0xff, 6);
	for (unsigned int i = 0; i < 6; i++)
		to[6 + i] = to[22 + i] = (uint8_t)(hex(mac[3 * i]) << 4 | hex(mac[3 * i + 1]));
	memcpy(to + 12, words, sizeof(words));
	for (unsigned int i = 0; i < 4; i++)
		to[28 + i] = to[38 + i] = (uint8_t)(host >> (24 - 8 * i));
	to[31] ^= 1; /* a neighbour of it */
}

/* Receive @count packets, answers to ours most of them, into pages that are there and others. */
static void receive(unsigned int count)
{
	static uint32_t refs[CARD_RING];
	uint32_t taken = 0;

	for (unsigned int i = 0; i < CARD_RING; i++) {
		refs[i] = reference(false);
		rx->ring[i].req = (netif_rx_request_t){.id = (uint16_t)i, .gref = refs[i]};
		expected[i] = usable(refs[i], true) ? SUCCEEDS : FAILS;
	}
	rx->req_prod = 200;
	for (unsigned int n = 0; n < PATIENCE && taken < count; n++) {
		if (tx_made == tx->rsp_prod) {
			packet(PAGE_ARP, 60, 0);
			send();
		}
		let_it_look();
		for (; taken != rx->rsp_prod; taken++)
			judge(rx->ring[taken % CARD_RING].rsp.id,
			      rx->ring[taken % CARD_RING].rsp.status < 0);
	}
	for (unsigned int n = 0; n < PATIENCE && tx_made != tx->rsp_prod; n++)
		let_it_look();
	tx_taken = tx->rsp_prod;
	tell("packets to receive", taken < count ? count - taken : 0);
}

#define BEHIND 24
#define CHAIN  1

/* Packets at which the back end gives a card up, and what is in the ring's places behind them. */
static const struct {
	uint16_t flags;
	uint16_t offset;
	uint8_t bytes; /* of the places behind; CHAIN: further parts of the packet */
	uint8_t sent;  /* of the places behind; not all, but Linux looks one too far */
} ways[] = {
	{0, 4000, 0, 0},                  /* beyond its page */
	{NETTXF_more_data, 0, CHAIN, 0},  /* more announced than there is */
	{NETTXF_extra_info, 0, 0, 0},     /* the same */
	{NETTXF_extra_info, 0, 0xff, 1},  /* of a type there is not */
	{NETTXF_more_data, 0, CHAIN, 24}, /* of too many parts */
};

static void misbehave(unsigned int way)
{
	if (way < sizeof(ways) / sizeof(*ways)) {
		packet(PAGE_GOOD, 1000, ways[way].flags)->offset = ways[way].offset;
		for (unsigned int i = 0; i < BEHIND; i++) {
			netif_tx_request_t *r = packet(PAGE_GOOD, 10, NETTXF_more_data);

			if (ways[way].bytes != CHAIN)
				memset(r, ways[way].bytes, sizeof(*r));
		}
		tx_made -= BEHIND - ways[way].sent;
	} else {
		tx_made += pick(2) ? CARD_RING + 1 : 1u << 31; /* more than the ring holds */
	}
	send();
}

/* Return: whether what was sent last, and good packets after it, stay unanswered. */
static bool given_up(void)
{
	uint32_t before = tx->rsp_prod;

	for (unsigned int n = 0; n < PATIENCE / 5; n++)
		let_it_look(); /* before anything new is behind what was sent */
	for (unsigned int n = 0; n < 4; n++)
		packet(PAGE_GOOD, 60, 0);
	send();
	for (unsigned int n = 0; n < PATIENCE / 20; n++)
		let_it_look();
	return tx->rsp_prod == before;
}

static bool network(unsigned int n, uint32_t *gone)
{
	if (!begin(store_path("device/vif", store_number(n))))
		return false;
	tx_made = tx_taken = 0;
	put("tx-ring-ref", store_number(RING_A));
	put("rx-ring-ref", store_number(RING_B));
	put("request-rx-copy", "1");
	put("feature-rx-notify", "1");
	put("feature-sg", "1");
	put("state", "4");
	if (!store_wait(store_path(backend, "state"), '4', 30))
		return false;
	make_arp((uint32_t)guest_option("host", 0));
	receive(24);
	send_packets(20);
	misbehave(n);
	*gone += given_up();
	rx->req_prod = pick(2) ? 1u << 31 : 0;
	let_it_look();
	end();
	return true;
}

void guest_main(void *start_info)
{
	unsigned int disks, cards;
	uint32_t done = 0, gone = 0;

	guest_setup(start_info);
	store_setup();
	grant_page(PAGE_ARP, arp_page, 0);
	grant_page(PAGE_GOOD, page[0], 0);
	grant_page(PAGE_READ_ONLY, page[1], GTF_readonly);
	grants[PAGE_NOWHERE] = (grant_entry_v1_t){GTF_permit_access, 0, 0x50000};
	disks = (unsigned int)guest_option("disks", 2);
	cards = (unsigned int)guest_option("cards", 6);
	for (unsigned int i = 0; i < disks; i++)
		done += disk();
	say_number("disks connected", done);
	done = 0;
	for (unsigned int i = 0; i < cards; i++)
		done += network(i, &gone);
	say_number("cards connected", done);
	say_number("cards given up", gone);
	finish();
}
