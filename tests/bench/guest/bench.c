/*
 * What one round trip into the hypervisor costs, in ticks of the TSC, seen from inside a PVH guest.
 *
 * It speaks only Xen's ABI, so the same file runs under any hypervisor that has it. It prints one line
 * "bench NAME TICKS" per figure on its console, then "bench end", and powers off. A figure is the cheapest
 * of many batches, less the cost of an empty loop: what else the machine does meanwhile does not count.
 *
 * Told "serve" on its command line it is the other end: it grants a page to every domain, says "bench
 * serving" and sleeps. Whoever measures is started after it, so it has a lower number.
 */
#include "guest.h"

#include <stdbool.h>
#include <stddef.h>

#include <xen/xen.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/version.h>

enum { BATCHES = 64, ROUNDS = 16, PAGE = 4096, TABLE_ENTRIES = 512 };

#define PAGE_2M      0x200000UL
#define LAPIC_ID     0xfee00020UL
#define MSR_APIC     0x1b
#define MSR_STUBS    0x40000000
#define PRESENT_RW   3UL
#define LARGE        0x80UL
#define HIGH_GIB     3UL          /* where the console page and the local APIC are */
#define MAP_AT       0x20000000UL /* no memory there: a place for a grant mapping */
#define FIRST_REF    8 /* the grant to domain 0, others follow; no toolstack seeds as high */
#define page_aligned __attribute__((aligned(PAGE)))

static uint8_t stubs[PAGE] page_aligned;
static union {
	struct shared_info info;
	uint8_t page[PAGE];
} shared page_aligned;
static union {
	struct grant_entry_v1 entry[PAGE / sizeof(struct grant_entry_v1)];
	uint8_t page[PAGE];
} grants page_aligned;
static union {
	struct evtchn_fifo_control_block block;
	uint8_t page[PAGE];
} fifo page_aligned;
static event_word_t words[PAGE / sizeof(event_word_t)] page_aligned;
static uint8_t source[PAGE] page_aligned, target[PAGE] page_aligned;
static uint64_t high_table[TABLE_ENTRIES] page_aligned;
static struct xencons_interface *console;
static uint32_t console_port, port_a, port_b;
static domid_t self, granter;

/* ---- the machine ---- */

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void cpuid(uint32_t leaf, uint32_t out[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
			 : "0"(leaf), "2"(0));
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* Through the page of call stubs: it has the right instruction for the processor. */
static inline long call(unsigned int nr, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t entry = (uint64_t)(uintptr_t)stubs + nr * 32;
	long ret;

	__asm__ volatile("call *%[entry]"
			 : "=a"(ret), "+D"(a), "+S"(b), "+d"(c)
			 : [entry] "r"(entry)
			 : "memory", "rcx", "r8", "r9", "r10", "r11");
	return ret;
}

#define call_op(nr, op, arg) call(nr, op, (uint64_t)(uintptr_t)(arg), 0)

/* The fourth gigabyte, one to one, beside the first that the entry code has mapped. */
static void map_high(void)
{
	uint64_t cr3, *level3;

	for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
		high_table[i] = ((HIGH_GIB << 30) + i * PAGE_2M) | PRESENT_RW | LARGE;
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	level3 = (uint64_t *)(*(uint64_t *)cr3 & ~(uint64_t)(PAGE - 1));
	level3[HIGH_GIB] = (uint64_t)(uintptr_t)high_table | PRESENT_RW;
}

/* ---- words ---- */

/* Until at most @left characters are unread. */
static void drain(uint32_t left)
{
	while (console->out_prod - *(volatile XENCONS_RING_IDX *)&console->out_cons > left)
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, NULL);
}

static void put(char c)
{
	drain(sizeof(console->out) - 1);
	console->out[MASK_XENCONS_IDX(console->out_prod, console->out)] = c;
	__asm__ volatile("" ::: "memory");
	console->out_prod++;
}

static void say(const char *text)
{
	struct evtchn_send send = {console_port};

	for (; *text; text++)
		put(*text);
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}

static void say_number(uint64_t n)
{
	char digits[21];
	unsigned int at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	say(digits + at);
}

static void finish(void)
{
	struct sched_shutdown off = {SHUTDOWN_poweroff};

	say("bench end\n");
	drain(0); /* with the domain goes what nobody has read */
	call_op(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &off);
}

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	say("bench failed ");
	say(what);
	say("\n");
	finish();
}

/* ---- set-up ---- */

static uint64_t parameter(uint32_t index)
{
	struct xen_hvm_param p = {.domid = DOMID_SELF, .index = index};

	call_op(__HYPERVISOR_hvm_op, HVMOP_get_param, &p);
	return p.value;
}

static void place(unsigned int space, const void *at)
{
	struct xen_add_to_physmap add = {
		.domid = DOMID_SELF, .space = space, .gpfn = (uintptr_t)at / PAGE};

	require(!call_op(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, &add), "physmap");
}

/* A channel from this domain to itself: what goes in at one port is pending at the other. */
static void make_channel(void)
{
	struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};

	require(!call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &alloc), "alloc");
	bind.remote_port = port_b = alloc.port;
	require(!call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &bind), "bind");
	port_a = bind.local_port;
}

static void set_up(void)
{
	uint32_t leaf[4];

	wrmsr(MSR_STUBS, (uintptr_t)stubs);
	map_high();
	console = (struct xencons_interface *)(parameter(HVM_PARAM_CONSOLE_PFN) * PAGE);
	console_port = (uint32_t)parameter(HVM_PARAM_CONSOLE_EVTCHN);
	cpuid(XEN_CPUID_LEAF(4), leaf);
	require(leaf[0] & XEN_HVM_CPUID_DOMID_PRESENT, "domid");
	self = (domid_t)leaf[2];
	place(XENMAPSPACE_shared_info, &shared);
	place(XENMAPSPACE_grant_table, &grants);
	make_channel();
	for (unsigned int i = 0; i < PAGE; i++)
		source[i] = (uint8_t)(i * 7);
}

/* ---- the other end ---- */

static void serve(void)
{
	for (unsigned int ref = FIRST_REF; ref < PAGE / sizeof(grants.entry[0]); ref++) {
		grants.entry[ref].domid = (domid_t)(ref - FIRST_REF);
		grants.entry[ref].frame = (uint32_t)((uintptr_t)source / PAGE);
		__asm__ volatile("" ::: "memory");
		grants.entry[ref].flags = GTF_permit_access;
	}
	say("bench serving\n");
	for (;;)
		call_op(__HYPERVISOR_sched_op, SCHEDOP_block, NULL);
}

/* ---- what is measured: one trip each ---- */

static void nothing(void)
{
	__asm__ volatile("");
}

static void xen_version(void)
{
	call_op(__HYPERVISOR_xen_version, XENVER_version, NULL);
}

static void cpuid_exit(void)
{
	uint32_t out[4];

	cpuid(0, out);
}

static void msr_read(void)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(MSR_APIC));
}

static void port_read(void)
{
	uint8_t value;

	__asm__ volatile("inb $0x61, %0" : "=a"(value));
}

static void lapic_read(void)
{
	uint32_t value;

	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(LAPIC_ID));
}

static void yield(void)
{
	call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, NULL);
}

static void take_event(void)
{
	shared.info.evtchn_pending[port_b / 64] = 0;
	shared.info.vcpu_info[0].evtchn_pending_sel = 0;
	shared.info.vcpu_info[0].evtchn_upcall_pending = 0;
}

/* Unmasked, so the whole way to the upcall; interrupts are off, so nothing is taken. */
static void event_send(void)
{
	volatile xen_ulong_t *pending = &shared.info.evtchn_pending[port_b / 64];
	struct evtchn_send send = {port_a};

	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
	while (!(*pending & 1UL << port_b % 64))
		;
	take_event();
}

/* From here on events are queued, as Linux has them. There is no way back. */
static void turn_to_fifo(void)
{
	struct evtchn_init_control control = {.control_gfn = (uintptr_t)&fifo / PAGE};
	struct evtchn_expand_array array = {.array_gfn = (uintptr_t)words / PAGE};

	require(!call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, &control), "fifo");
	require(!call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, &array), "array");
}

/* The queue holds but this one. */
static void event_send_fifo(void)
{
	volatile event_word_t *word = &words[port_b];
	struct evtchn_send send = {port_a};

	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
	while (!(*word & 1U << EVTCHN_FIFO_PENDING))
		;
	*word = 0;
	fifo.block.ready = 0;
	fifo.block.head[EVTCHN_FIFO_PRIORITY_DEFAULT] = 0;
	shared.info.vcpu_info[0].evtchn_upcall_pending = 0;
}

static void grant_copy(void)
{
	struct gnttab_copy copy = {
		.source = {.u.ref = FIRST_REF + self, .domid = granter},
		.dest = {.u.gmfn = (uintptr_t)target / PAGE, .domid = DOMID_SELF},
		.len = PAGE,
		.flags = GNTCOPY_source_gref,
	};

	call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uintptr_t)&copy, 1);
}

static int grant_map(domid_t from, grant_handle_t *handle)
{
	struct gnttab_map_grant_ref map = {
		.host_addr = MAP_AT,
		.flags = GNTMAP_host_map,
		.ref = FIRST_REF + self,
		.dom = from,
	};

	call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (uintptr_t)&map, 1);
	*handle = map.handle;
	return map.status;
}

static int grant_unmap(grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref unmap = {.host_addr = MAP_AT, .handle = handle};

	call(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (uintptr_t)&unmap, 1);
	return unmap.status;
}

static void grant_map_unmap(void)
{
	grant_handle_t handle = 0;

	grant_map(granter, &handle);
	grant_unmap(handle);
}

/* Once with a look at what came of it, so that no error path is measured. */
static void prove(void)
{
	grant_handle_t handle = 0;

	require(call_op(__HYPERVISOR_xen_version, XENVER_version, NULL) >= 0x40000, "version");
	event_send(); /* takes what the binding left pending */
	for (granter = self; granter && grant_map(granter - 1, &handle); granter--)
		;
	require(granter--, "finding who grants");
	require(*(volatile uint64_t *)MAP_AT == *(uint64_t *)source, "mapping");
	require(grant_unmap(handle) == GNTST_okay, "unmap");
	grant_copy();
	for (unsigned int i = 0; i < PAGE; i++)
		require(target[i] == source[i], "copy");
}

static uint64_t cheapest(void (*trip)(void))
{
	uint64_t best = ~0UL;

	for (unsigned int batch = 0; batch < BATCHES; batch++) {
		uint64_t start = ticks(), took;

		for (unsigned int i = 0; i < ROUNDS; i++)
			trip();
		took = ticks() - start;
		if (took < best)
			best = took;
	}
	return best;
}

static void report(const char *name, uint64_t value)
{
	say("bench ");
	say(name);
	say(" ");
	say_number(value);
	say("\n");
}

/* A thousand instructions: what the TSC counts. */
static void thousand(void)
{
	uint64_t n = 500;

	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(n));
}

static const struct {
	const char *name;
	void (*trip)(void);
} trips[] = {
	{"xen_version", xen_version},
	{"cpuid", cpuid_exit},
	{"rdmsr", msr_read},
	{"in_0x61", port_read},
	{"lapic_read", lapic_read},
	{"sched_yield", yield},
	{"event_send", event_send},
	{"grant_copy", grant_copy},
	{"grant_map_unmap", grant_map_unmap},
};

static bool told_to_serve(const struct hvm_start_info *info)
{
	const char *cmdline = (const char *)info->cmdline_paddr;

	return cmdline && cmdline[0] == 's';
}

void guest_main(void *start_info)
{
	uint64_t empty;

	set_up();
	if (told_to_serve(start_info))
		serve();
	prove();
	empty = cheapest(nothing);
	report("thousand", (cheapest(thousand) - empty) / ROUNDS);
	for (unsigned int i = 0; i < sizeof(trips) / sizeof(trips[0]); i++)
		report(trips[i].name, (cheapest(trips[i].trip) - empty) / ROUNDS);
	turn_to_fifo();
	report("event_send_fifo", (cheapest(event_send_fifo) - empty) / ROUNDS);
	finish();
}
