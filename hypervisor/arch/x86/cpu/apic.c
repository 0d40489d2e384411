/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC; registers as in SDM vol. 3, chapter 11 (xAPIC and x2APIC). */
#include "arch/x86/cpu/apic.h"

#include "arch/x86/cpu/apic_regs.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/cpuid.h"
#include "arch/x86/cpu/io.h"
#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/mm/map.h"
#include "lib/printf.h"

#define TIMER_DIVIDE_BY_1 0xbu
#define ICR_MODE(m)       ((uint32_t)(m) << 8)
#define ICR_PENDING       (1u << 12)
#define ICR_ASSERT        (1u << 14)
#define ICR_ALL_BUT_SELF  (3u << 18)

static volatile uint8_t *regs; /* NULL in x2APIC mode */
static uint32_t timer_khz;

static uint32_t apic_read(uint32_t reg)
{
	if (regs)
		return mmio_read32(regs + (reg << 4));
	return (uint32_t)rdmsr(MSR_X2APIC_FIRST + reg);
}

static void apic_write(uint32_t reg, uint32_t v)
{
	if (regs)
		mmio_write32(regs + (reg << 4), v);
	else
		wrmsr(MSR_X2APIC_FIRST + reg, v);
}

static void write_icr(uint32_t dest, uint32_t low)
{
	if (!regs) {
		/* Unlike a store, WRMSR to the x2APIC does not wait for earlier stores. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		wrmsr(MSR_X2APIC_FIRST + APIC_ICR, (uint64_t)dest << 32 | low);
		return;
	}
	while (apic_read(APIC_ICR) & ICR_PENDING)
		__builtin_ia32_pause();
	apic_write(APIC_ICR2, dest << 24);
	apic_write(APIC_ICR, low);
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

static void kick_handler(void)
{
	this_cpu()->nr_kicks++;
}

static void error_handler(void)
{
	apic_write(APIC_ESR, 0);
}

void apic_init_cpu(void)
{
	uint64_t msr = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, msr);
	if (!regs)
		wrmsr(MSR_APIC_BASE, msr | APIC_BASE_EXTD);
	irq_register(IRQ_KICK, kick_handler);
	irq_register(IRQ_APIC_ERROR, error_handler);
	apic_write(APIC_SVR, APIC_SVR_ENABLE | IRQ_SPURIOUS);
	if (regs) {
		apic_write(APIC_DFR, 0xffffffff);
		apic_write(APIC_LDR, 0);
	}
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVTT, APIC_LVT_MASKED);
	apic_write(APIC_LVT(LVT_LINT0), APIC_LVT_MASKED);
	apic_write(APIC_LVT(LVT_LINT1), APIC_LVT_MASKED);
	if ((apic_read(APIC_VERSION) >> 16 & 0xff) >= 4)
		apic_write(APIC_LVT(LVT_PERF), APIC_LVT_MASKED);
	if ((apic_read(APIC_VERSION) >> 16 & 0xff) >= 5)
		apic_write(APIC_LVT(LVT_THERMAL), APIC_LVT_MASKED);
	apic_write(APIC_TDCR, TIMER_DIVIDE_BY_1);
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVTT, IRQ_TIMER);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_LVTERR, IRQ_APIC_ERROR);
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

void apic_signal_again(void)
{
	apic_write(APIC_TPR, 0);
}

void apic_send_kick(const struct cpu *c)
{
	write_icr(c->apic_id, ICR_ASSERT | IRQ_KICK);
}

void apic_send_nmi_others(void)
{
	write_icr(0, ICR_ALL_BUT_SELF | ICR_ASSERT | ICR_MODE(APIC_NMI));
}

void apic_send_init(uint32_t apic_id)
{
	write_icr(apic_id, ICR_ASSERT | ICR_MODE(APIC_INIT));
	delay_ns(10 * 1000);
}

void apic_send_startup(uint32_t apic_id, uint8_t vector)
{
	write_icr(apic_id, ICR_ASSERT | ICR_MODE(APIC_SIPI) | vector);
	delay_ns(10 * 1000);
}

bool apic_in_service(uint8_t vector)
{
	return apic_read(APIC_ISR + vector / 32u) >> (vector % 32) & 1;
}

void apic_timer_arm(uint64_t delta_ns)
{
	/* 2^32 ns at 1 GHz already fill the counter: cap first, so that the product can't wrap. */
	uint64_t ticks = min(delta_ns, 0xffffffffULL) * timer_khz / 1000000 + 1;

	apic_write(APIC_TMICT, (uint32_t)min(ticks, 0xffffffffULL));
}

void apic_timer_stop(void)
{
	apic_write(APIC_TMICT, 0);
}

void apic_timer_calibrate_start(void)
{
	apic_write(APIC_LVTT, APIC_LVT_MASKED | IRQ_TIMER);
	apic_write(APIC_TMICT, 0xffffffff);
}

uint32_t apic_timer_calibrate_elapsed(void)
{
	return 0xffffffff - apic_read(APIC_TMCCT);
}

void apic_timer_set_khz(uint32_t khz)
{
	apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVTT, IRQ_TIMER);
	timer_khz = khz;
}
