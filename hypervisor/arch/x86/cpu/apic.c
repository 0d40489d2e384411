/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC; registers as in SDM vol. 3, chapter 11 (xAPIC and x2APIC). */
#include "arch/x86/cpu/apic.h"

#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/cpuid.h"
#include "arch/x86/cpu/io.h"
#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/mm/map.h"
#include "lib/printf.h"

#define APIC_ID          0x020u
#define APIC_VERSION     0x030u
#define APIC_TPR         0x080u
#define APIC_EOI         0x0b0u
#define APIC_LDR         0x0d0u
#define APIC_DFR         0x0e0u
#define APIC_SPURIOUS    0x0f0u
#define APIC_ISR         0x100u
#define APIC_ESR         0x280u
#define APIC_ICR_LOW     0x300u
#define APIC_ICR_HIGH    0x310u
#define APIC_LVT_TIMER   0x320u
#define APIC_LVT_THERMAL 0x330u
#define APIC_LVT_PERF    0x340u
#define APIC_LVT_LINT0   0x350u
#define APIC_LVT_LINT1   0x360u
#define APIC_LVT_ERROR   0x370u
#define APIC_TIMER_INIT  0x380u
#define APIC_TIMER_COUNT 0x390u
#define APIC_TIMER_DIV   0x3e0u

#define LVT_MASKED        (1u << 16)
#define SPURIOUS_ENABLE   (1u << 8)
#define TIMER_DIVIDE_BY_1 0xbu
#define ICR_NMI           (4u << 8)
#define ICR_INIT          (5u << 8)
#define ICR_STARTUP       (6u << 8)
#define ICR_PENDING       (1u << 12)
#define ICR_ASSERT        (1u << 14)
#define ICR_ALL_BUT_SELF  (3u << 18)

static volatile uint8_t *regs; /* NULL in x2APIC mode */
static uint32_t timer_khz;

static uint32_t apic_read(uint32_t reg)
{
	if (regs)
		return mmio_read32(regs + reg);
	return (uint32_t)rdmsr(MSR_X2APIC_FIRST + (reg >> 4));
}

static void apic_write(uint32_t reg, uint32_t v)
{
	if (regs)
		mmio_write32(regs + reg, v);
	else
		wrmsr(MSR_X2APIC_FIRST + (reg >> 4), v);
}

static void write_icr(uint32_t dest, uint32_t low)
{
	if (!regs) {
		/* Unlike a store, WRMSR to the x2APIC does not wait for earlier stores. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		wrmsr(MSR_X2APIC_FIRST + (APIC_ICR_LOW >> 4), (uint64_t)dest << 32 | low);
		return;
	}
	while (mmio_read32(regs + APIC_ICR_LOW) & ICR_PENDING)
		__builtin_ia32_pause();
	mmio_write32(regs + APIC_ICR_HIGH, dest << 24);
	mmio_write32(regs + APIC_ICR_LOW, low);
}

void apic_init(paddr_t base)
{
	uint64_t msr = rdmsr(MSR_APIC_BASE);

	if (!(msr & APIC_BASE_EXTD) && !(cpuid_raw(1, 0).ecx & BIT(21))) {
		regs = mmio_map(base, PAGE_SIZE);
		BUG_ON(!regs);
	}
	apic_init_cpu();
	printk("APIC: %s, boot CPU has id %u\n", regs ? "xAPIC" : "x2APIC", apic_read_id());
}

static void kick_handler(uint8_t vector)
{
	(void)vector;
	this_cpu()->nr_kicks++;
	apic_eoi();
}

static void error_handler(uint8_t vector)
{
	(void)vector;
	apic_write(APIC_ESR, 0);
	apic_eoi();
}

static void spurious_handler(uint8_t vector)
{
	(void)vector;
}

void apic_init_cpu(void)
{
	uint64_t msr = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, msr);
	if (!regs)
		wrmsr(MSR_APIC_BASE, msr | APIC_BASE_EXTD);
	irq_register(IRQ_KICK, kick_handler);
	irq_register(IRQ_APIC_ERROR, error_handler);
	irq_register(IRQ_SPURIOUS, spurious_handler);
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | IRQ_SPURIOUS);
	if (regs) {
		apic_write(APIC_DFR, 0xffffffff);
		apic_write(APIC_LDR, 0);
	}
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_MASKED);
	if ((apic_read(APIC_VERSION) >> 16 & 0xff) >= 4)
		apic_write(APIC_LVT_PERF, LVT_MASKED);
	if ((apic_read(APIC_VERSION) >> 16 & 0xff) >= 5)
		apic_write(APIC_LVT_THERMAL, LVT_MASKED);
	apic_write(APIC_TIMER_DIV, TIMER_DIVIDE_BY_1);
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, IRQ_TIMER);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_LVT_ERROR, IRQ_APIC_ERROR);
}

uint32_t apic_read_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return regs ? id >> 24 : id;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_send_kick(const struct cpu *c)
{
	write_icr(c->apic_id, ICR_ASSERT | IRQ_KICK);
}

void apic_send_nmi_others(void)
{
	write_icr(0, ICR_ALL_BUT_SELF | ICR_ASSERT | ICR_NMI);
}

void apic_send_init(uint32_t apic_id)
{
	write_icr(apic_id, ICR_ASSERT | ICR_INIT);
	delay_ns(10 * 1000);
}

void apic_send_startup(uint32_t apic_id, uint8_t vector)
{
	write_icr(apic_id, ICR_ASSERT | ICR_STARTUP | vector);
	delay_ns(10 * 1000);
}

bool apic_in_service(uint8_t vector)
{
	return apic_read(APIC_ISR + (vector / 32u) * 0x10) >> (vector % 32) & 1;
}

void apic_timer_arm(uint64_t delta_ns)
{
	/* 2^32 ns at 1 GHz already fill the counter: cap first, so that the product can't wrap. */
	uint64_t ticks = min(delta_ns, 0xffffffffULL) * timer_khz / 1000000 + 1;

	apic_write(APIC_TIMER_INIT, (uint32_t)min(ticks, 0xffffffffULL));
}

void apic_timer_stop(void)
{
	apic_write(APIC_TIMER_INIT, 0);
}

void apic_timer_calibrate_start(void)
{
	apic_write(APIC_LVT_TIMER, LVT_MASKED | IRQ_TIMER);
	apic_write(APIC_TIMER_INIT, 0xffffffff);
}

uint32_t apic_timer_calibrate_elapsed(void)
{
	return 0xffffffff - apic_read(APIC_TIMER_COUNT);
}

void apic_timer_set_khz(uint32_t khz)
{
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, IRQ_TIMER);
	timer_khz = khz;
}
