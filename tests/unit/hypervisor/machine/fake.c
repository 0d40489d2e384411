// SPDX-License-Identifier: Apache-2.0
/* The machine under the machine room: one CPU, an arena for RAM, a clock that tests turn. */
#include "tests.h"

#include <stdio.h>
#include <sys/mman.h>

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/irq.h"
#include "arch/x86/mm/map.h"
#include "core/softirq.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define RAM_BYTES    MIB(ARENA_MIB)
/* Some records more than RAM: the allocator computes, but never reads, a buddy beyond the end. */
#define FRAMES_BYTES (((RAM_BYTES >> PAGE_SHIFT) + 1) * sizeof(struct frame))

uint8_t *fake_ram;
struct frame *fake_frames;
uint64_t fake_now, fake_armed = ~0ULL, fake_armed_at = ~0ULL;
uint32_t fake_softirqs;
uint32_t nr_cpus = 1;

static struct cpu cpu = {.timer_armed = ~0ULL};
static void (*handlers[SOFTIRQ_NR])(void);
static uint32_t seed = 1;

struct cpu *this_cpu(void)
{
	return &cpu;
}

struct cpu *cpu_by_id(uint32_t id)
{
	ck_assert_uint_eq(id, 0);
	return &cpu;
}

uint64_t now_ns(void)
{
	return fake_now;
}

void apic_timer_arm(uint64_t delta_ns)
{
	fake_armed = delta_ns;
	fake_armed_at = fake_now + delta_ns;
}

void apic_timer_stop(void)
{
	fake_armed = fake_armed_at = ~0ULL;
}

void apic_eoi(void)
{
}

void irq_register(uint8_t vector, void (*fn)(void))
{
	(void)vector;
	(void)fn;
}

void softirq_register(enum softirq nr, void (*fn)(void))
{
	handlers[nr] = fn;
}

void softirq_raise(uint32_t id, enum softirq nr)
{
	(void)id;
	fake_softirqs |= 1u << nr;
}

void fake_softirq(int nr)
{
	handlers[nr]();
}

void __noreturn bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

static void *fresh(void *old, size_t size)
{
	void *p;

	if (old)
		munmap(old, size);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

void arena_reset(void)
{
	fake_ram = fresh(fake_ram, RAM_BYTES);
	fake_frames = fresh(fake_frames, FRAMES_BYTES);
	buddy_init();
}

uint32_t rnd(void)
{
	/* Marsaglia's xorshift. */
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

void rnd_seed(uint32_t s)
{
	seed = s ? s : 1;
}
