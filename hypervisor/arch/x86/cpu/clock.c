/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86/cpu/clock.h"

#include "arch/x86/cpu/acpi.h"
#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/asm.h"
#include "arch/x86/cpu/io.h"
#include "lib/printf.h"

#define PM_TIMER_HZ  3579545u
#define PIT_HZ       1193182u
#define CALIBRATE_MS 10u
#define SAMPLE_TRIES 8
/* A reference clock that stands still is given up after this many reads. */
#define MAX_READS    10000000u

struct clock_scale clock_scale;
uint64_t clock_tsc_khz;
uint64_t clock_boot_seconds;
static uint64_t start_tsc;

/* A free-running counter to measure against. */
struct reference {
	const char *name;
	bool (*start)(void);
	uint32_t (*read)(void);
	uint32_t hz, mask;
};

struct sample {
	uint64_t tsc;
	uint32_t ref, apic;
};

static bool pm_start(void)
{
	uint32_t first, reads;

	if (!acpi.pm_timer)
		return false;
	first = inl(acpi.pm_timer);
	for (reads = 0; reads < 100000; reads++)
		if (inl(acpi.pm_timer) != first)
			return true;
	return false;
}

static uint32_t pm_read(void)
{
	return inl(acpi.pm_timer) & 0xffffff;
}

/* Channel 2 counts down from 65535 with its gate open and the speaker off (mode 0). */
static bool pit_start(void)
{
	outb(0x61, (uint8_t)((inb(0x61) & ~2) | 1));
	outb(0x43, 0xb0);
	outb(0x42, 0xff);
	outb(0x42, 0xff);
	return true;
}

static uint32_t pit_read(void)
{
	uint32_t lo;

	outb(0x43, 0x80); /* latch channel 2 */
	lo = inb(0x42);
	return 0xffff - (lo | (uint32_t)inb(0x42) << 8);
}

static const struct reference references[] = {
	{"ACPI PM timer", pm_start, pm_read, PM_TIMER_HZ, 0xffffff},
	{"PIT", pit_start, pit_read, PIT_HZ, 0xffff},
};

/* Read all three clocks as nearly at once as can be: of several tries the quickest. */
static struct sample take_sample(const struct reference *r)
{
	struct sample best = {0};
	uint64_t best_cost = ~0ULL;

	for (int i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = read_tsc();
		uint32_t apic = apic_timer_calibrate_elapsed();
		uint32_t ref = r->read();
		uint64_t cost = read_tsc() - before;

		if (cost < best_cost) {
			best = (struct sample){before + cost / 2, ref, apic};
			best_cost = cost;
		}
	}
	return best;
}

static bool calibrate(const struct reference *r, uint64_t *tsc_khz, uint32_t *apic_khz)
{
	uint32_t want = r->hz / 1000 * CALIBRATE_MS, reads = 0;
	struct sample a, b;
	uint64_t ticks;

	if (!r->start())
		return false;
	apic_timer_calibrate_start();
	a = take_sample(r);
	while (((r->read() - a.ref) & r->mask) < want)
		if (++reads > MAX_READS)
			return false;
	b = take_sample(r);
	ticks = (b.ref - a.ref) & r->mask;
	*tsc_khz = (b.tsc - a.tsc) * r->hz / ticks / 1000;
	*apic_khz = (uint32_t)((uint64_t)(b.apic - a.apic) * r->hz / ticks / 1000);
	return *tsc_khz && *apic_khz;
}

void clock_start(void)
{
	start_tsc = read_tsc();
}

void clock_init(void)
{
	const struct reference *r = NULL;
	uint32_t apic_khz = 0;

	for (size_t i = 0; i < ARRAY_SIZE(references) && !r; i++)
		if (calibrate(&references[i], &clock_tsc_khz, &apic_khz))
			r = &references[i];
	BUG_ON(!r);
	apic_timer_set_khz(apic_khz);
	clock_scale_of_khz(clock_tsc_khz, &clock_scale.mul_frac, &clock_scale.shift);
	clock_scale.tsc_base = start_tsc;
	clock_boot_seconds = rtc_read_seconds() - now_ns() / NS_PER_S;
	printk("clock: TSC %lu.%03lu MHz, APIC timer %u.%03u MHz (by %s)\n", clock_tsc_khz / 1000,
	       clock_tsc_khz % 1000, apic_khz / 1000, apic_khz % 1000, r->name);
}

uint64_t now_ns(void)
{
	uint64_t tsc = read_tsc();

	/* A CPU's TSC may lag the boot CPU's by a little at the very start. */
	if (!clock_scale.mul_frac || tsc < clock_scale.tsc_base)
		return 0;
	return clock_scale_ticks(tsc - clock_scale.tsc_base, clock_scale.mul_frac,
				 clock_scale.shift);
}

void delay_ns(uint64_t ns)
{
	uint64_t end = now_ns() + ns;

	while (now_ns() < end)
		cpu_relax();
}
