// SPDX-License-Identifier: Apache-2.0
#include "fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu/apic.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/cpu.h"
#include "arch/x86/cpu/ioapic.h"
#include "arch/x86/cpu/msr.h"
#include "arch/x86/cpu/regs.h"
#include "core/console.h"
#include "core/guest.h"
#include "core/hypercall.h"
#include "core/timer.h"
#include "hvm/exits.h"
#include "hvm/hvm.h"
#include "mm/frames.h"
#include "mm/heap.h"
#include "vdev/vioapic.h"
#include "vdev/vlapic.h"

uint8_t fake_mem[FAKE_MEM_SIZE];
uint64_t fake_now;
void (*fake_meanwhile)(struct vcpu *v);
unsigned int fake_kicks, fake_crashes, fake_mapped, fake_host_eois;
uint64_t fake_rte[24];
uint8_t fake_last_eoi;
struct domain fake_domain;
struct domain *hwdom;
long fake_hypercall_result;

static struct vcpu *vcpus[FAKE_VCPUS];
static struct vcpu_info infos[FAKE_VCPUS];
static struct cpu cpus[FAKE_VCPUS];
uint32_t nr_cpus = FAKE_VCPUS;
uint32_t nr_ioapics = 1;
struct ioapic ioapics[MAX_IOAPICS] = {{.id = 9, .nr_pins = 24, .base = 0xfec00000}};
struct clock_scale clock_scale = {.mul_frac = 1U << 31, .shift = 1};
uint64_t clock_tsc_khz = 2000000;

/* ---- the host ---- */

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
void apic_eoi(void)
{
	fake_host_eois++;
}
void *xmalloc(size_t size)
{
	return malloc(size);
}
void *xzalloc(size_t size)
{
	return calloc(1, size);
}
void *xcalloc(size_t n, size_t size)
{
	return calloc(n, size);
}
void xfree(void *p)
{
	free(p);
}
void console_write_guest(uint16_t domid, const char *buf, size_t len)
{
	(void)domid;
	(void)buf;
	(void)len;
}

void printk(const char *fmt, ...)
{
	(void)fmt;
}

int rdmsr_safe(uint32_t msr, uint64_t *val)
{
	(void)msr;
	*val = 0x1234;
	return 0;
}

int wrmsr_safe(uint32_t msr, uint64_t val)
{
	(void)msr;
	(void)val;
	return 0;
}

int ioapic_read_rte(uint32_t gsi, uint64_t *rte)
{
	if (gsi >= 24)
		return -ENOENT;
	*rte = fake_rte[gsi];
	return 0;
}

int ioapic_write_rte(uint32_t gsi, uint64_t rte)
{
	ck_assert_uint_lt(gsi, 24);
	fake_rte[gsi] = rte;
	return 0;
}

void ioapic_mask(uint32_t gsi)
{
	fake_rte[gsi] |= IOAPIC_RTE_MASKED;
}

void __noreturn bug_at(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

/* ---- timers ---- */

static struct timer *armed[16];

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg)
{
	*t = (struct timer){.fn = fn, .arg = arg};
}

void timer_cancel(struct timer *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(armed); i++)
		if (armed[i] == t)
			armed[i] = NULL;
}

void timer_set(struct timer *t, uint64_t when)
{
	timer_cancel(t);
	t->when = when;
	for (size_t i = 0; i < ARRAY_SIZE(armed); i++) {
		if (!armed[i]) {
			armed[i] = t;
			return;
		}
	}
	abort();
}

void fake_timers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(armed); i++) {
		struct timer *t = armed[i];

		if (t && t->when <= fake_now) {
			armed[i] = NULL;
			t->fn(t->arg);
		}
	}
}

/* ---- core ---- */

void vcpu_kick(struct vcpu *v)
{
	fake_kicks++;
	if (v->state == VCPU_BLOCKED)
		v->state = VCPU_RUNNABLE;
}

void vcpu_up(struct vcpu *v)
{
	if (v->state == VCPU_DOWN || v->state == VCPU_BLOCKED)
		v->state = VCPU_RUNNABLE;
}

void vcpu_down(struct vcpu *v)
{
	if (!hvm_start_pending(v))
		v->state = VCPU_DOWN;
}
void vcpu_block(struct vcpu *v)
{
	v->state = VCPU_BLOCKED;
}
void vcpu_yield(struct vcpu *v)
{
	(void)v;
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	(void)d;
	(void)fmt;
	fake_crashes++;
}

long hypercall_dispatch(struct hypercall *hc)
{
	if (fake_hypercall_result == -ERESTART)
		hc->arg[0] += 1;
	return fake_hypercall_result;
}

static bool ram(uint64_t gpa, size_t len)
{
	return gpa <= FAKE_MEM_SIZE && len <= FAKE_MEM_SIZE - gpa;
}

int guest_walk(struct vcpu *v, const struct guest_paging *paging, uint64_t gva,
	       enum guest_access access, uint64_t *gpa, struct guest_fault *fault)
{
	(void)v;
	(void)paging;
	(void)access;
	if (gva >= 0xdead0000 && gva < 0xdeae0000) {
		*fault = (struct guest_fault){.gva = gva, .error_code = 4};
		return -EFAULT;
	}
	*gpa = gva;
	return 0;
}

int guest_fetch(struct vcpu *v, const struct guest_paging *paging, void *dst, uint64_t gva,
		size_t len)
{
	struct guest_fault fault;
	uint64_t gpa;

	if (guest_walk(v, paging, gva, GUEST_EXEC, &gpa, &fault))
		return -EFAULT;
	return guest_read_phys(v->domain, dst, gpa, len);
}

int guest_read_phys(struct domain *d, void *dst, uint64_t gpa, size_t len)
{
	(void)d;
	if (!ram(gpa, len))
		return -EFAULT;
	memcpy(dst, fake_mem + gpa, len);
	return 0;
}

int guest_write_phys(struct domain *d, uint64_t gpa, const void *src, size_t len)
{
	(void)d;
	if (!ram(gpa, len))
		return -EFAULT;
	memcpy(fake_mem + gpa, src, len);
	return 0;
}

mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order)
{
	(void)d;
	(void)order;
	*type = gfn.n < FAKE_MEM_SIZE >> PAGE_SHIFT ? P2M_RAM : P2M_NONE;
	return *type == P2M_RAM ? mfn_of(gfn.n) : INVALID_MFN;
}

int p2m_map(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
	(void)d;
	(void)order;
	ck_assert_uint_eq(gfn.n, mfn.n);
	ck_assert_int_eq(type, P2M_MMIO);
	fake_mapped++;
	return 0;
}

bool mfn_valid(mfn_t mfn)
{
	return mfn.n < 0x80000;
}

/* ---- the backend ---- */

struct fake_control *fake_control(struct vcpu *v)
{
	return v->hvm->control;
}

static void get_segment(const struct vcpu *v, enum hvm_seg seg, struct hvm_segment *out)
{
	*out = ((struct fake_control *)v->hvm->control)->seg[seg];
}

static void set_segment(struct vcpu *v, enum hvm_seg seg, const struct hvm_segment *in)
{
	fake_control(v)->seg[seg] = *in;
}

static uint64_t get_reg(const struct vcpu *v, enum hvm_reg reg)
{
	return ((struct fake_control *)v->hvm->control)->reg[reg];
}

static void set_reg(struct vcpu *v, enum hvm_reg reg, uint64_t value)
{
	void (*meanwhile)(struct vcpu *) = fake_meanwhile;

	fake_meanwhile = NULL;
	if (meanwhile)
		meanwhile(v);
	fake_control(v)->reg[reg] = value;
}

static struct hvm_mode get_mode(const struct vcpu *v)
{
	struct hvm_segment cs;

	get_segment(v, HVM_CS, &cs);
	return (struct hvm_mode){
		.cpl = ((struct fake_control *)v->hvm->control)->cpl,
		.code64 = (cs.attr & HVM_SEG_L) && (get_reg(v, HVM_EFER) & X86_EFER_LMA),
	};
}

static void inject(struct vcpu *v, const struct hvm_event *event)
{
	fake_control(v)->injected = *event;
}

static void set_window(struct vcpu *v, enum hvm_window window, bool on)
{
	fake_control(v)->window[window] = on;
	if (window == HVM_WINDOW_INTR)
		fake_control(v)->offered = 0;
}

static void offer(struct vcpu *v, uint8_t vector)
{
	fake_control(v)->offered = vector;
}

static bool offers(const struct vcpu *v)
{
	return ((struct fake_control *)v->hvm->control)->offered;
}

static void trap_debug_regs(struct vcpu *v, bool trap)
{
	(void)v;
	(void)trap;
}

static size_t insn_bytes(const struct vcpu *v, uint8_t *buf, size_t size)
{
	(void)v;
	(void)buf;
	(void)size;
	return 0;
}

static void get_paging(const struct vcpu *v, struct guest_paging *paging)
{
	(void)v;
	memset(paging, 0, sizeof(*paging));
}

static const struct virt_ops fake_ops = {
	.get_segment = get_segment,
	.set_segment = set_segment,
	.get_reg = get_reg,
	.set_reg = set_reg,
	.get_mode = get_mode,
	.get_paging = get_paging,
	.inject = inject,
	.set_window = set_window,
	.offer = offer,
	.offers = offers,
	.trap_debug_regs = trap_debug_regs,
	.insn_bytes = insn_bytes,
};
const struct virt_ops *virt = &fake_ops;

static const struct guest_ops ops = {.get_paging = get_paging};

/* ---- FPU: only what others ask of it ---- */

uint64_t xstate_mask = 7;
int xstate_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
	v->hvm->xcr0 = xcr0;
	return xcr0 & 1 ? 0 : -EINVAL;
}
void xstate_set_legacy(struct vcpu *v, const uint8_t image[512])
{
	memcpy(v->hvm->xstate, image, 512);
}
void hvm_exit_debug_reg(struct vcpu *v)
{
	(void)v;
}

/* ---- life ---- */

/* What the APIC tells the IO-APICs is noted on the way. */
void __real_vioapic_eoi(struct domain *d, uint8_t vector);

void __wrap_vioapic_eoi(struct domain *d, uint8_t vector)
{
	fake_last_eoi = vector;
	__real_vioapic_eoi(d, vector);
}

struct vcpu *fake_vcpu(unsigned int id)
{
	return vcpus[id];
}

static void create_vcpu(unsigned int id, bool x2apic)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	vcpus[id] = v;
	v->domain = &fake_domain;
	v->id = id;
	v->state = VCPU_RUNNING;
	v->vcpu_info = &infos[id];
	v->hvm = calloc(1, sizeof(*v->hvm));
	v->hvm->control = calloc(1, sizeof(struct fake_control));
	v->hvm->xstate = calloc(1, PAGE_SIZE);
	ck_assert_int_eq(vlapic_create(v, hvm_default_apic_id(&fake_domain, id)), 0);
	hvm_reset_state(v);
	hvm_msr_reset(v);
	if (x2apic) {
		ck_assert_int_eq(vlapic_wrmsr(v, MSR_APIC_BASE, VLAPIC_DEFAULT_BASE | 0xc00), 0);
		ck_assert_int_eq(vlapic_wrmsr(v, 0x80f, 0x1ff), 0);
	} else {
		vlapic_write(v, 0xf0, 0x1ff);
	}
	fake_control(v)->reg[HVM_EFER] = X86_EFER_LMA | X86_EFER_LME;
	fake_control(v)->reg[HVM_CR0] = X86_CR0_PE | X86_CR0_PG;
	fake_control(v)->reg[HVM_CR4] = X86_CR4_PAE;
	fake_control(v)->seg[HVM_CS].attr = 0xa9b;
	fake_control(v)->seg[HVM_CS].base = 0;
	v->regs.rip = 0x1000;
	v->regs.rflags = RFLAGS_FIXED | RFLAGS_IF;
}

void fake_setup(bool is_hwdom, bool x2apic)
{
	memset(fake_mem, 0, sizeof(fake_mem));
	memset(infos, 0, sizeof(infos));
	memset(fake_rte, 0, sizeof(fake_rte));
	memset(armed, 0, sizeof(armed));
	for (size_t i = 0; i < ARRAY_SIZE(fake_rte); i++)
		fake_rte[i] = IOAPIC_RTE_MASKED;
	for (uint32_t i = 0; i < FAKE_VCPUS; i++)
		cpus[i] = (struct cpu){.id = i, .apic_id = i};
	fake_meanwhile = NULL;
	fake_now = 1000000;
	fake_kicks = fake_crashes = fake_mapped = fake_host_eois = 0;
	fake_last_eoi = 0;
	fake_hypercall_result = 0;
	fake_domain = (struct domain){
		.id = is_hwdom ? 0 : 7,
		.is_hwdom = is_hwdom,
		.max_vcpus = FAKE_VCPUS,
		.vcpus = vcpus,
		.ops = &ops,
	};
	hwdom = is_hwdom ? &fake_domain : NULL;
	hvm_cpuid_init();
	for (unsigned int i = 0; i < FAKE_VCPUS; i++)
		create_vcpu(i, x2apic);
}

void fake_teardown(void)
{
	for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
		struct vcpu *v = vcpus[i];

		vlapic_destroy(v);
		free(v->hvm->xstate);
		free(v->hvm->control);
		free(v->hvm);
		free(v);
		vcpus[i] = NULL;
	}
}

void fake_code(const char *bytes, size_t len)
{
	memcpy(fake_mem + fake_vcpu(0)->regs.rip, bytes, len);
}
