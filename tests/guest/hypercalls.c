/*
 * Every hypercall with random and boundary arguments, from several processors at once: "calls=N" in all,
 * each processor's drawn from "seed=N". Says how many were made and how many did what they were asked.
 */
#include "lib/lib.h"

#include <xen/grant_table.h>

enum { WORDS = 512, MULTI = 8, POLL_TIMEOUT = 16 };

/* One beyond those used: a structure may reach over the end of the last. */
static uint64_t buffer[MAX_CPUS + 1][2 * WORDS] __attribute__((aligned(4096)));
/* What pointers that are not aligned point to. */
static uint64_t odd[MAX_CPUS][WORDS];
static uint64_t share;
static unsigned int cpus;
static volatile uint64_t made, succeeded;
static volatile unsigned int finished;

/* Not the console's page 0xfefff: without it there is nothing to be told. */
static const uint64_t edges[] = {
	0,          1,          0xfff,         0x7ff0,     0x7ff1,      0x7fff,
	0xfee00,    0xfeffc,    0xfeffe,       0xfffff,    0x100000,    0xfee00000,
	0xfeffc000, 0x7fffffff, ~0u,           1ull << 40, 1ull << 47,  ~0ull >> 1,
	~0ull,      1ull << 51, ~0ull - 0xffe, 1ull << 52, -1ull << 47,
};

/*
 * Without bytes that could, wherever a field begins, make an address or a frame of this guest's own
 * image (4 to 6 MiB): it would end itself before its time.
 */
static uint64_t harmless(uint64_t n)
{
	for (unsigned int i = 0; i < 64; i += 8) {
		uint8_t byte = (uint8_t)(n >> i);

		if (byte == 4 || byte == 5 || (byte >= 0x3f && byte < 0x60))
			n |= 0x80ull << i;
	}
	return n;
}

static uint64_t argument(unsigned int id)
{
	uint64_t r = next_random();

	switch (r & 7) {
	case 0:
	case 1: return (r >> 8) & 63;
	case 2: return (uintptr_t)buffer[id] + ((r >> 8) & 0xff8);
	case 3: return (uintptr_t)odd[id] + ((r >> 8) & 0xff);
	case 4: return DOMID_SELF;
	case 5: return harmless((r >> 8) & ~0u);
	case 6: return edges[(r >> 8) % (sizeof(edges) / sizeof(edges[0]))];
	default: return harmless(next_random());
	}
}

/* Halves are mostly small, as most fields are. */
static void scribble(unsigned int id, uint64_t *at, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		uint64_t r = next_random();

		at[i] = r & 1 ? argument(id) : (r >> 8 & 0xff) | (r >> 16 & 0x7f) << 32;
	}
}

static int in_buffer(unsigned int id, uint64_t at)
{
	return at >= (uintptr_t)buffer[id] && at < (uintptr_t)(buffer[id] + WORDS);
}

/* What would rightly end this guest, silence it or put it to sleep is not asked. */
static int tame(uint64_t nr, uint64_t *a, unsigned int id)
{
	uint32_t op = (uint32_t)a[0];

	switch (nr) {
	case __HYPERVISOR_sched_op_compat: return 0;
	case __HYPERVISOR_multicall: return 0;
	case __HYPERVISOR_console_io:
		if (a[3] & 15) /* else megabytes at times */
			a[1] &= 0xfff;
		return 1;
	case __HYPERVISOR_grant_table_op:
		a[2] &= 63; /* statuses are not written all over memory */
		return 1;
	case __HYPERVISOR_sched_op:
		if (!in_buffer(id, a[1]))
			return op == SCHEDOP_yield || op > SCHEDOP_watchdog;
		if (op == SCHEDOP_poll)
			*(uint64_t *)(uintptr_t)(a[1] + POLL_TIMEOUT) = 1; /* long over */
		if (op == SCHEDOP_remote_shutdown)
			*(domid_t *)(uintptr_t)a[1] = 0; /* of the management domain */
		return op != SCHEDOP_block && op != SCHEDOP_shutdown &&
		       op != SCHEDOP_shutdown_code && op != SCHEDOP_watchdog;
	case __HYPERVISOR_vcpu_op: return op != VCPUOP_down;
	case __HYPERVISOR_event_channel_op:
		/* The console's and the store's ports stay. */
		if (op == EVTCHNOP_close && in_buffer(id, a[1]))
			*(uint32_t *)(uintptr_t)a[1] |= 8;
		return op != EVTCHNOP_reset && (op != EVTCHNOP_close || in_buffer(id, a[1]));
	default: return 1;
	}
}

static uint64_t choose(unsigned int id, uint64_t a[5])
{
	/* Half of all go where there is most to break, most of those to operations that exist. */
	static const uint8_t rich[][2] = {
		{__HYPERVISOR_memory_op, 29},        {__HYPERVISOR_grant_table_op, 13},
		{__HYPERVISOR_event_channel_op, 14}, {__HYPERVISOR_vcpu_op, 14},
		{__HYPERVISOR_hvm_op, 29},           {__HYPERVISOR_sched_op, 8},
	};
	uint64_t r, nr;

	do {
		const uint8_t *where;

		r = next_random();
		where = rich[(r >> 16 & 0xff) % (sizeof(rich) / sizeof(rich[0]))];
		nr = r >> 8 & 1 ? where[0] : r & 63;
		for (unsigned int i = 0; i < 5; i++)
			a[i] = argument(id);
		if (r >> 24 & 3) { /* plausible: an operation, its structure, a count */
			a[0] = (r >> 32 & 0xff) % (r >> 8 & 1 ? where[1] : 48);
			a[1] = (uintptr_t)buffer[id] + (r >> 40 & 0xf8);
			scribble(id, (uint64_t *)(uintptr_t)a[1], 6);
			if (r >> 26 & 1)
				*(domid_t *)(uintptr_t)a[1] = DOMID_SELF;
			if (nr == __HYPERVISOR_grant_table_op)
				a[2] = r >> 50 & 7;
			if (nr == __HYPERVISOR_vcpu_op) {
				a[2] = a[1];
				a[1] = r >> 50 & 7;
			}
		}
	} while (!tame(nr, a, id));
	return nr;
}

static void multicall(unsigned int id)
{
	struct multicall_entry *calls = (void *)(buffer[id] + WORDS);

	for (unsigned int i = 0; i < MULTI; i++) {
		uint64_t a[5], nr;

		/* What is tame now need not be once its neighbours have written their answers. */
		do
			nr = choose(id, a);
		while (nr == __HYPERVISOR_event_channel_op || nr == __HYPERVISOR_sched_op);
		calls[i].op = nr;
		for (unsigned int j = 0; j < 6; j++)
			calls[i].args[j] = j < 5 ? a[j] : 0;
	}
	call3(__HYPERVISOR_multicall, (uintptr_t)calls, next_random() % (MULTI + 1), 0);
}

static void work(unsigned int id)
{
	uint64_t a[5], good = 0;

	for (uint64_t i = 0; i < share; i++) {
		if (!(i & 31))
			for (unsigned int j = 0; j < 40; j++)
				odd[id][j] = harmless(next_random() >> (next_random() & 63));
		if (!(next_random() & 63)) {
			multicall(id);
		} else {
			uint64_t nr = choose(id, a);

			good += hypercall(nr, a) >= 0;
		}
	}
	__atomic_fetch_add(&made, share, __ATOMIC_RELAXED);
	__atomic_fetch_add(&succeeded, good, __ATOMIC_RELAXED);
	__atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
}

static void worker(unsigned int id)
{
	work(id);
	for (;;)
		call3(__HYPERVISOR_vcpu_op, VCPUOP_down, id, 0);
}

void guest_main(void *start_info)
{
	guest_setup(start_info);
	cpus = (unsigned int)guest_option("vcpus", 1);
	share = guest_option("calls", 100000) / cpus;
	start_cpus(cpus, worker);
	say("begun\n");
	work(0);
	while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) != cpus)
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	say_number("calls", made);
	say_number("succeeded", succeeded);
	finish();
}
