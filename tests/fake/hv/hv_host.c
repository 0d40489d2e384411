// SPDX-License-Identifier: Apache-2.0
#include "hv_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/mm/map.h"
#include "core/console.h"
#include "core/guest.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "core/watchdog.h"
#include "hvm/hvm.h"
#include "hypercall/hypercall.h"
#include "ipc/evtchn.h"
#include "ipc/gnttab.h"
#include "lib/errno.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define RAM_BYTES MIB(FAKE_RAM_MIB)
#define RAM_PAGES (RAM_BYTES >> PAGE_SHIFT)

uint8_t *fake_ram;
struct frame *fake_frames;
uint8_t fake_guest_mem[1 << 16] __attribute__((aligned(4096)));
uint64_t fake_now;
unsigned int fake_kicks, fake_upcalls, fake_restarts, fake_preempt_every;
char fake_console[4096];
size_t fake_console_len;
uint32_t fake_console_full;
int fake_machine_shutdown;
void (*fake_machine_end)(void);
const struct vcpu *fake_told_to_start;
void (*fake_falls_asleep)(void);

uint32_t nr_cpus = 2;
static struct cpu cpus[2];

/* ---- the machine ---- */

struct cpu *this_cpu(void)
{
	return &cpus[0];
}

struct cpu *cpu_by_id(uint32_t id)
{
	return &cpus[id];
}

uint64_t now_ns(void)
{
	return fake_now;
}

/* Who is kicked leaves its guest. */
void apic_send_kick(const struct cpu *c)
{
	cpus[c - cpus].in_guest = 0;
}

void __noreturn bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

void __noreturn panic(const char *fmt, ...)
{
	fprintf(stderr, "panic: %s\n", fmt);
	abort();
}

void machine_shutdown_by_hwdom(uint8_t code)
{
	fake_machine_shutdown = code;
	if (fake_machine_end)
		fake_machine_end();
	abort();
}

/* ---- console ---- */

void console_write_guest(uint16_t domid, const char *buf, size_t len)
{
	(void)domid;
	if (len > sizeof(fake_console) - fake_console_len)
		len = sizeof(fake_console) - fake_console_len;
	memcpy(fake_console + fake_console_len, buf, len);
	fake_console_len += len;
}

bool console_write_hwdom(const char *buf, size_t len)
{
	bool full = fake_console_full & 1;

	fake_console_full >>= 1;
	if (!full)
		console_write_guest(0, buf, len);
	return !full;
}

uint32_t console_read_ring(char *buf, uint32_t size, bool incremental, uint32_t *index)
{
	static const char text[] = "hello ring";
	uint32_t from = incremental ? *index : 0, n = 0;

	while (n < size && from < sizeof(text) - 1)
		buf[n++] = text[from++];
	*index = from;
	return n;
}

void console_clear_ring(void)
{
}

int console_getc(void)
{
	static const char *input = "ab";

	return *input ? *input++ : -1;
}

/* ---- softirqs, timers, scheduler ---- */

static void (*softirqs[SOFTIRQ_NR])(void);
static bool softirq_bits[SOFTIRQ_NR];

void softirq_register(enum softirq nr, void (*fn)(void))
{
	softirqs[nr] = fn;
}

void softirq_raise(uint32_t cpu, enum softirq nr)
{
	(void)cpu;
	softirq_bits[nr] = true;
}

void fake_softirqs(void)
{
	for (unsigned int i = 0; i < SOFTIRQ_NR; i++) {
		if (softirq_bits[i] && softirqs[i]) {
			softirq_bits[i] = false;
			softirqs[i]();
		}
	}
}

#define MAX_TIMERS 64
static struct timer *armed[MAX_TIMERS];

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){.fn = fn, .arg = arg};
}

void timer_cancel(struct timer *t)
{
	for (unsigned int i = 0; i < MAX_TIMERS; i++)
		if (armed[i] == t)
			armed[i] = NULL;
}

void timer_set(struct timer *t, uint64_t when)
{
	timer_cancel(t);
	t->when = when;
	for (unsigned int i = 0; i < MAX_TIMERS; i++) {
		if (!armed[i]) {
			armed[i] = t;
			return;
		}
	}
	abort();
}

void fake_timers(void)
{
	for (unsigned int i = 0; i < MAX_TIMERS; i++) {
		struct timer *t = armed[i];

		if (t && t->when <= fake_now) {
			armed[i] = NULL;
			t->fn(t->arg);
		}
	}
}

void sched_wake(struct vcpu *v, bool from_down)
{
	fake_kicks++;
	if (v->state == VCPU_BLOCKED || (from_down && v->state == VCPU_DOWN))
		v->state = VCPU_RUNNABLE;
}

void sched_sleep(struct vcpu *v, unsigned int state)
{
	if (fake_falls_asleep)
		fake_falls_asleep();
	v->state = (enum vcpu_state)state;
}

void sched_hold(struct vcpu *v)
{
	(void)v;
}

void sched_nudge(struct vcpu *v)
{
	(void)v;
}

void sched_release(struct vcpu *v)
{
	(void)v;
}

bool sched_on_cpu(struct vcpu *v)
{
	(void)v;
	return false;
}

bool sched_others_wait(void)
{
	return true;
}

int sched_set_affinity(struct vcpu *v, uint64_t hard)
{
	if (!(hard & 3))
		return -EINVAL;
	v->affinity_hard = hard;
	return 0;
}

int sched_set_weight(struct domain *d, uint32_t weight)
{
	if (!weight || weight > SCHED_MAX_WEIGHT)
		return -EINVAL;
	d->weight = weight;
	return 0;
}

int sched_set_cap(struct domain *d, uint32_t percent)
{
	d->cap.percent = percent;
	return 0;
}

void sched_get_runstate(struct vcpu *v, struct vcpu_runstate_info *info)
{
	*info = v->runstate;
	info->time[info->state] += fake_now - info->state_entry_time;
}

void sched_cap_init(struct domain *d)
{
	(void)d;
}

void sched_cap_fini(struct domain *d)
{
	(void)d;
}

uint64_t sched_idle_time(uint32_t cpu)
{
	return cpu + 1;
}

/* ---- the guest ---- */

static unsigned int preempt_calls;

bool preempt_check(void)
{
	return fake_preempt_every && ++preempt_calls % fake_preempt_every == 0;
}

static bool guest_range(uint64_t gva, size_t len)
{
	uint64_t base = FAKE_GVA(0);

	return len <= sizeof(fake_guest_mem) && gva >= base &&
	       gva - base <= sizeof(fake_guest_mem) - len;
}

int guest_read(void *dst, uint64_t gva, size_t len)
{
	if (!len)
		return 0;
	if (!guest_range(gva, len))
		return -EFAULT;
	memcpy(dst, (void *)(uintptr_t)gva, len);
	return 0;
}

int guest_write(uint64_t gva, const void *src, size_t len)
{
	if (!len)
		return 0;
	if (!guest_range(gva, len))
		return -EFAULT;
	memcpy((void *)(uintptr_t)gva, src, len);
	return 0;
}

int guest_read_arg(void *dst, uint64_t gva, size_t len, struct guest_place *place)
{
	place->at = NULL;
	return guest_read(dst, gva, len);
}

int guest_write_arg(const struct guest_place *place, uint64_t gva, const void *src, size_t len)
{
	(void)place;
	return guest_write(gva, src, len);
}

int guest_clear(uint64_t gva, size_t len)
{
	if (!len)
		return 0;
	if (!guest_range(gva, len))
		return -EFAULT;
	memset((void *)(uintptr_t)gva, 0, len);
	return 0;
}

static void ops_run(struct vcpu *v)
{
	(void)v;
}

static void ops_upcall(struct vcpu *v)
{
	(void)v;
	fake_upcalls++;
}

static bool ops_wakeup_pending(const struct vcpu *v)
{
	(void)v;
	return false;
}

static bool ops_start_pending(const struct vcpu *v)
{
	return v == fake_told_to_start;
}

/* Paging off: what a walk is given is guest-physical. */
static void ops_get_paging(const struct vcpu *v, struct guest_paging *paging)
{
	(void)v;
	memset(paging, 0, sizeof(*paging));
}

const struct guest_ops hvm_guest_ops = {
	.get_paging = ops_get_paging,
	.run = ops_run,
	.switch_out = ops_run,
	.upcall = ops_upcall,
	.wakeup_pending = ops_wakeup_pending,
	.start_pending = ops_start_pending,
};

/* ---- bringing it up and down ---- */

static const struct domain_part *const parts[] = {&evtchn_part, &gnttab_part, &watchdog_part};
static uint64_t free_before;

static void give_vcpus(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v;

		BUG_ON(vcpu_create(d, i, &v));
	}
}

void fake_host_init(void)
{
	fake_ram =
		mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fake_frames = calloc(RAM_PAGES, sizeof(*fake_frames));
	fake_now = 1000000;
	fake_kicks = fake_upcalls = fake_restarts = fake_preempt_every = 0;
	fake_console_len = 0;
	fake_console_full = 0;
	preempt_calls = 0;
	fake_machine_shutdown = -1;
	memset(fake_guest_mem, 0, sizeof(fake_guest_mem));
	for (unsigned int i = 0; i < 2; i++)
		cpus[i] = (struct cpu){.id = i, .apic_id = i, .acpi_id = i, .online = 1};
	if (!frames_total())
		frames_add_range(0, RAM_PAGES);
	buddy_init();
	buddy_add(mfn_of(16), RAM_PAGES - 16);
	domain_init();
	domain_set_parts(parts, ARRAY_SIZE(parts));
	hypercall_init();
	free_before = buddy_free_pages();
	BUG_ON(domain_create(0, 2, &hvm_guest_ops, true, &hwdom));
	domain_publish(hwdom);
	hwdom->max_pages = 1u << 20;
	give_vcpus(hwdom);
	fake_run_as(hwdom->vcpus[0]);
}

int64_t fake_host_fini(void)
{
	struct domain *d;
	int64_t missing;

	/* Once each: what domain 0 still maps keeps them until it goes itself. */
	for (domid_t id = 1; (d = domain_get_next(id)) != NULL; id = (domid_t)(d->id + 1)) {
		while (domain_kill(d) == -ERESTART)
			;
		domain_put(d);
	}
	/* Domain 0 never dies on a real host. */
	d = hwdom;
	hwdom = NULL;
	d->is_hwdom = false;
	while (domain_kill(d) == -ERESTART)
		;
	fake_softirqs();
	fake_softirqs(); /* and those that the first round let go */
	missing = (int64_t)(free_before - buddy_free_pages());
	munmap(fake_ram, RAM_BYTES);
	free(fake_frames);
	return missing;
}

struct domain *fake_domain(unsigned int vcpus, uint64_t pages)
{
	return fake_domain_id(DOMID_NONE, vcpus, pages);
}

struct domain *fake_domain_id(domid_t id, unsigned int vcpus, uint64_t pages)
{
	struct domain *d;

	BUG_ON(domain_create(id, vcpus, &hvm_guest_ops, false, &d));
	domain_publish(d);
	d->max_pages = pages + 1024;
	give_vcpus(d);
	for (uint64_t i = 0; i < pages; i++) {
		mfn_t mfn;

		BUG_ON(domain_alloc_frames(d, 0, &mfn));
		BUG_ON(p2m_map(d, gfn_of(i), mfn, 0, P2M_RAM));
	}
	return d;
}

void fake_domain_kill(struct domain *d)
{
	while (domain_kill(d) == -ERESTART)
		;
	fake_softirqs();
}

void fake_run_as(struct vcpu *v)
{
	cpus[0].current = v;
	v->state = VCPU_RUNNING;
}

long fake_hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct hypercall hc = {.v = cpus[0].current, .nr = nr, .arg = {a0, a1, a2}};
	long rc;

	fake_restarts = 0;
	while ((rc = hypercall_dispatch(&hc)) == -ERESTART)
		fake_restarts++;
	return rc;
}
