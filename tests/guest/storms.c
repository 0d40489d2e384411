/*
 * Storms on every processor: IPIs and NMIs to all, timers in the past, event channels opened, sent and
 * closed, the console flooded through ring, hypercall and port.
 */
#include "lib/lib.h"

static unsigned int cpus, rounds;
static volatile unsigned int begun, finished;
static uint64_t sent;

static void channels(void)
{
	struct evtchn_alloc_unbound make = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
	struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
	struct evtchn_bind_ipi ipi = {.vcpu = this_cpu()->id};
	struct evtchn_send send;
	struct evtchn_close end;

	if (call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &make))
		return;
	bind.remote_port = make.port;
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &bind);
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &ipi);
	send.port = bind.local_port;
	for (unsigned int i = 0; i < 4; i++)
		call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
	__atomic_fetch_add(&sent, 4, __ATOMIC_RELAXED);
	end.port = bind.local_port;
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &end);
	end.port = make.port;
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &end);
	end.port = ipi.port;
	call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &end);
	for (bind.remote_dom = 0; bind.remote_dom < 8; bind.remote_dom++)
		call_op(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, &bind);
}

static void timers(void)
{
	struct vcpu_set_singleshot_timer past = {.timeout_abs_ns = next_random() & 1};
	struct vcpu_set_periodic_timer fast = {.period_ns = next_random() & 0xfffff};

	call3(__HYPERVISOR_set_timer_op, next_random() & 0xff, 0, 0);
	call3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, this_cpu()->id, (uintptr_t)&past);
	call3(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, this_cpu()->id, (uintptr_t)&fast);
	*lapic(0x320) = 0x20000 | 0x60; /* periodic */
	*lapic(0x3e0) = 0xb;
	*lapic(0x380) = 1;
}

static void storm(unsigned int id)
{
	(void)id;
	__asm__ volatile("sti");
	for (unsigned int i = 0; i < rounds; i++) {
		*lapic(0x310) = 0;
		*lapic(0x300) = 0x80000 | (0x40 + (i & 0x7f)); /* all, this one too */
		*lapic(0x300) = 0xc0400;                       /* NMI to the others */
		*lapic(0x310) = (uint32_t)next_random();
		*lapic(0x300) = 0x40 | (i & 1) << 11; /* whoever that is */
		timers();
		channels();
		if (!(i & 15))
			call3(__HYPERVISOR_console_io, CONSOLEIO_write, 64, (uintptr_t) "flood\n");
		__asm__ volatile("outb %%al, $0xe9" : : "a"('x'));
	}
	__asm__ volatile("cli");
	*lapic(0x380) = 0;
	call3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, this_cpu()->id, 0);
	__atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
}

/* Waits until all have started: an NMI to one that has no descriptor table yet would end it. */
static void worker(unsigned int id)
{
	while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	storm(id);
	for (;;)
		call3(__HYPERVISOR_vcpu_op, VCPUOP_down, id, 0);
}

void guest_main(void *start_info)
{
	guest_setup(start_info);
	cpus = (unsigned int)guest_option("vcpus", 1);
	rounds = (unsigned int)guest_option("rounds", 1000);
	start_cpus(cpus, worker);
	say("begun\n");
	__atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
	storm(0);
	while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) != cpus)
		call_op(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	for (unsigned int i = 0; i < 4096; i++)
		say("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
	say_number("interrupts", this_cpu()->interrupts);
	say_number("events", sent);
	finish();
}
