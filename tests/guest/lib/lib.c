/* See lib.h. */
#include "lib.h"

#include <xen/arch-x86/hvm/start_info.h>
#include <xen/io/console.h>

struct gate {
	uint16_t low, selector, kind, mid;
	uint32_t high, reserved;
};

extern char trap_stubs[], interrupt[], nmi[], ap_start[], ap_end[];
void ap_enter(void);
void guest_dead(unsigned int vector, uint64_t rip);

static struct gate idt[256];
static char stacks[MAX_CPUS][STACK] __attribute__((aligned(STACK)));
static const char *options = "";
static uint64_t seed;
static struct xencons_interface *console;
static uint32_t console_port;
static void (*ap_fn)(unsigned int id);
static unsigned int ap_id;
static volatile unsigned int ap_running;
uint32_t ap_stack;

void *memcpy(void *to, const void *from, unsigned long n)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
	return to;
}

void *memset(void *to, int c, unsigned long n)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(c) : "memory");
	return to;
}

/* ---- console ---- */

static void put(char c)
{
	while (console->out_prod - *(volatile XENCONS_RING_IDX *)&console->out_cons >=
	       sizeof(console->out))
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	console->out[MASK_XENCONS_IDX(console->out_prod, console->out)] = c;
	__asm__ volatile("" : : : "memory");
	console->out_prod++;
}

void say(const char *text)
{
	struct evtchn_send send = {console_port};

	for (; *text; text++)
		put(*text);
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
}

void say_number(const char *name, uint64_t n)
{
	char digits[24];
	unsigned int at = sizeof(digits) - 2;

	digits[at] = '\n';
	digits[at + 1] = 0;
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	say(name);
	say("=");
	say(digits + at);
}

static void wait_read(void)
{
	while (*(volatile XENCONS_RING_IDX *)&console->out_cons != console->out_prod)
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

void finish(void)
{
	struct sched_shutdown crash = {SHUTDOWN_crash};

	say("done\n");
	wait_read();
	call_op(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &crash);
	for (;;)
		triple_fault();
}

/* An exception outside a probe: the guest's own mistake, which its test shall see. */
void guest_dead(unsigned int vector, uint64_t rip)
{
	say_number("unexpected exception", vector);
	say_number("at", rip);
	wait_read();
	triple_fault();
}

/* ---- start ---- */

static void load_idt(void)
{
	const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) table = {sizeof(idt) - 1, (uintptr_t)idt};

	__asm__ volatile("lidt %0" : : "m"(table));
}

static void set_gate(unsigned int n, const char *to)
{
	uint64_t at = (uintptr_t)to;

	idt[n] = (struct gate){(uint16_t)at,         8, 0x8e00, (uint16_t)(at >> 16),
			       (uint32_t)(at >> 32), 0};
}

uint64_t guest_param(uint32_t index)
{
	struct xen_hvm_param p = {.domid = DOMID_SELF, .index = index};

	if (call_op(__HYPERVISOR_hvm_op, HVMOP_get_param, &p))
		triple_fault();
	return p.value;
}

uint64_t guest_option(const char *name, uint64_t otherwise)
{
	for (const char *at = options; *at; at++) {
		unsigned int i = 0;
		uint64_t n = 0;

		while (name[i] && at[i] == name[i])
			i++;
		if (name[i] || at[i] != '=')
			continue;
		for (at += i + 1; *at >= '0' && *at <= '9'; at++)
			n = n * 10 + (uint64_t)(*at - '0');
		return n;
	}
	return otherwise;
}

static void enter(unsigned int id)
{
	struct cpu *cpu = this_cpu();

	load_idt();
	cpu->id = id;
	cpu->recover = 0;
	if (!cpu->random) /* started anew it goes on */
		cpu->random = (seed + id + 1) * 0x9e3779b97f4a7c15u;
	*lapic(0xf0) = 0x1ff; /* enabled, spurious vector 255 */
}

void guest_setup(void *start_info)
{
	const struct hvm_start_info *info = start_info;

	if (info->cmdline_paddr)
		options = (const char *)(uintptr_t)info->cmdline_paddr;
	seed = guest_option("seed", 1);
	for (unsigned int i = 0; i < 256; i++)
		set_gate(i, i == 2 ? nmi : i < 32 ? trap_stubs + i * 16 : interrupt);
	console = (void *)(uintptr_t)(guest_param(HVM_PARAM_CONSOLE_PFN) << 12);
	console_port = (uint32_t)guest_param(HVM_PARAM_CONSOLE_EVTCHN);
	enter(0);
	say_number("seed", seed);
}

void ap_enter(void)
{
	void (*fn)(unsigned int id) = ap_fn;
	unsigned int id = ap_id;

	enter(id);
	__atomic_store_n(&ap_running, 1, __ATOMIC_RELEASE);
	fn(id);
}

void start_cpu(unsigned int id, void (*fn)(unsigned int id))
{
	const uint32_t to = id * 2 << 24; /* a virtual processor's APIC id is twice its number */

	ap_fn = fn;
	ap_id = id;
	ap_stack = (uint32_t)(uintptr_t)stacks[id] + STACK;
	ap_running = 0;
	memcpy((void *)(uintptr_t)AP_PAGE, ap_start, (unsigned long)(ap_end - ap_start));
	*lapic(0x310) = to;
	*lapic(0x300) = 0x4500; /* INIT */
	*lapic(0x310) = to;
	*lapic(0x300) = 0x4600 | AP_PAGE >> 12; /* start-up */
	while (!__atomic_load_n(&ap_running, __ATOMIC_ACQUIRE))
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

void start_cpus(unsigned int n, void (*fn)(unsigned int id))
{
	for (unsigned int id = 1; id < n; id++)
		start_cpu(id, fn);
}

uint64_t next_random(void)
{
	uint64_t *state = &this_cpu()->random;

	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
