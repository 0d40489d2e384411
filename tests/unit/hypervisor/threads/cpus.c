// SPDX-License-Identifier: Apache-2.0
#include "cpus.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/irq.h"
#include "core/console.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/softirq.h"
#include "core/timer.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define RAM_PAGES (MIB(64) >> PAGE_SHIFT)

uint32_t nr_cpus = CPUS;
uint8_t *fake_ram;
struct frame *fake_frames;

static struct cpu cpus[MAX_CPUS];
static pthread_t threads[CPUS];
static __thread uint32_t self, seed;
static bool over;

/* ---- the machine ---- */

struct cpu *this_cpu(void)
{
	return &cpus[self];
}

struct cpu *cpu_by_id(uint32_t id)
{
	return &cpus[id];
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Every thread looks at its work all the time: kicks and shots need no more. */
void apic_send_kick(const struct cpu *c)
{
	(void)c;
}

void apic_timer_arm(uint64_t delta_ns)
{
	(void)delta_ns;
}

void apic_timer_stop(void)
{
}

void irq_register(uint8_t vector, void (*fn)(void))
{
	(void)vector;
	(void)fn;
}

void irq_window(void)
{
	if (!rnd(4))
		softirq_raise(self, SOFTIRQ_TIMER);
}

void irq_wait(void)
{
	if (__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		pthread_exit(NULL);
	sched_yield();
	irq_window();
}

bool cpu_stack_overflowed(void)
{
	return false;
}

void __noreturn bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

void __noreturn panic(const char *fmt, ...)
{
	bug_at("panic", 0, fmt);
}

void machine_shutdown_by_hwdom(uint8_t code)
{
	(void)code;
	bug_at(__FILE__, __LINE__, "domain 0 ended");
}

/* ---- the console, which nobody reads ---- */

bool console_write_hwdom(const char *buf, size_t len)
{
	(void)buf;
	(void)len;
	return true;
}

void console_write_guest(uint16_t domid, const char *buf, size_t len)
{
	(void)domid;
	(void)buf;
	(void)len;
}

uint32_t console_read_ring(char *buf, uint32_t size, bool incremental, uint32_t *index)
{
	(void)buf;
	(void)size;
	(void)incremental;
	(void)index;
	return 0;
}

void console_clear_ring(void)
{
}

int console_getc(void)
{
	return -1;
}

/* ---- the heap ---- */

void *xmalloc(size_t size)
{
	maybe_yield();
	return malloc(size);
}

void *xcalloc(size_t n, size_t size)
{
	maybe_yield();
	return calloc(n, size);
}

void *xzalloc(size_t size)
{
	return xcalloc(1, size);
}

void xfree(void *p)
{
	free(p);
}

void page_clear(void *p)
{
	memset(p, 0, PAGE_SIZE);
}

/* ---- the threads ---- */

/* Marsaglia's xorshift, a thread's own. */
uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

void maybe_yield(void)
{
	if (!rnd(16))
		sched_yield();
}

static void *cpu_main(void *id)
{
	self = (uint32_t)(uintptr_t)id;
	seed = self + 1;
	sched_start();
}

void machine_start(void)
{
	for (uint32_t i = 0; i < MAX_CPUS; i++)
		cpus[i] = (struct cpu){.id = i, .timer_armed = ~0ULL};
	self = SPARE_CPU; /* the test's own thread runs no guests */
	seed = SPARE_CPU;
	fake_ram = mmap(NULL, RAM_PAGES << PAGE_SHIFT, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(fake_ram, MAP_FAILED);
	fake_frames = calloc(RAM_PAGES + 1, sizeof(*fake_frames));
	frames_add_range(0, RAM_PAGES);
	buddy_init();
	buddy_add(mfn_of(16), RAM_PAGES - 16);
	timers_init();
	sched_init();
	for (uintptr_t i = 0; i < CPUS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, cpu_main, (void *)i), 0);
}

void machine_stop(void)
{
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < CPUS; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < MAX_CPUS; i++)
		ck_assert_ptr_null(cpus[i].timer_root);
	free(fake_frames);
	munmap(fake_ram, RAM_PAGES << PAGE_SHIFT);
}
