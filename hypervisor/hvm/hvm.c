// SPDX-License-Identifier: Apache-2.0
/* Guests on virtualization hardware: set-up, the run loop, what lower rooms call, and what is told of them. */
#include "hvm/hvm.h"

#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/msr.h"
#include "core/console.h"
#include "core/softirq.h"
#include "hvm/exits.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vdev/vioapic.h"

const struct virt_ops *virt = &svm_ops;

/* ---- host set-up ---- */

int hvm_init(void)
{
	int rc = virt->init();

	if (rc == -ENODEV)
		printk(LOG_ERR "hvm: no usable virtualization hardware\n");
	if (!rc)
		rc = xstate_init();
	if (rc)
		return rc;
	hvm_cpuid_init();
	irq_set_guest_handler(vioapic_host_irq);
	return 0;
}

int hvm_cpu_init(void)
{
	return virt->cpu_init();
}

/* ---- running ---- */

static void load(struct vcpu *v)
{
	if (v->hvm->loaded)
		return;
	xstate_load(v);
	/* A saved record may have one that this CPU has not. */
	if (v->hvm->tsc_aux && wrmsr_safe(MSR_TSC_AUX, v->hvm->tsc_aux))
		v->hvm->tsc_aux = 0;
	if (virt->get_reg(v, HVM_DR7) & 0xff) /* breakpoints that are on need their addresses */
		hvm_exit_debug_reg(v);
	v->hvm->loaded = true;
}

static void hvm_run(struct vcpu *v)
{
	load(v);
	for (;;) {
		if (unlikely(softirq_pending()))
			softirq_run();
		if (unlikely(vcpu_must_leave(v)))
			return;
		if (unlikely(__atomic_load_n(&v->hvm->requests, __ATOMIC_RELAXED)) &&
		    (!hvm_handle_requests(v) || vcpu_must_leave(v)))
			return;
		if (!hvm_events_quiet(v))
			hvm_deliver_events(v);
		virt->enter(v);
		v->exits++;
		virt->handle_exit(v);
	}
}

/* DR0-DR3, which no control block holds. The hypervisor has no use for them. */

static void debug_regs_read(uint64_t dr[4])
{
	__asm__ volatile("mov %%db0, %0" : "=r"(dr[0]));
	__asm__ volatile("mov %%db1, %0" : "=r"(dr[1]));
	__asm__ volatile("mov %%db2, %0" : "=r"(dr[2]));
	__asm__ volatile("mov %%db3, %0" : "=r"(dr[3]));
}

static void debug_regs_write(const uint64_t dr[4])
{
	__asm__ volatile("mov %0, %%db0" ::"r"(dr[0]));
	__asm__ volatile("mov %0, %%db1" ::"r"(dr[1]));
	__asm__ volatile("mov %0, %%db2" ::"r"(dr[2]));
	__asm__ volatile("mov %0, %%db3" ::"r"(dr[3]));
}

static void hvm_switch_out(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	if (!h->loaded)
		return;
	xstate_save(v);
	if (h->debug_loaded) {
		debug_regs_read(h->dr);
		h->debug_loaded = false;
		virt->trap_debug_regs(v, true);
	}
	if (h->tsc_aux)
		wrmsr(MSR_TSC_AUX, 0); /* what the next vCPU relies on */
	h->loaded = false;
}

void hvm_exit_debug_reg(struct vcpu *v)
{
	debug_regs_write(v->hvm->dr);
	v->hvm->debug_loaded = true;
	virt->trap_debug_regs(v, false);
}

static void hvm_get_paging(const struct vcpu *v, struct guest_paging *paging)
{
	virt->get_paging(v, paging);
}

const struct guest_ops hvm_guest_ops = {
	.run = hvm_run,
	.switch_out = hvm_switch_out,
	.wakeup_pending = hvm_wakeup_pending,
	.start_pending = hvm_start_pending,
	.upcall = hvm_upcall,
	.get_paging = hvm_get_paging,
};

/* ---- what a person wants to know ---- */

static unsigned long creg(const struct vcpu *v, enum hvm_reg reg)
{
	return (unsigned long)virt->get_reg(v, reg);
}

void hvm_log_state(const struct vcpu *v)
{
	const struct guest_regs *r = &v->regs;
	struct hvm_segment cs, ss;
	char why[96];

	virt->describe_exit(v, why, sizeof(why));
	virt->get_segment(v, HVM_CS, &cs);
	virt->get_segment(v, HVM_SS, &ss);
	printk(LOG_WARN "d%uv%u: %s\n", v->domain->id, v->id, why);
	printk(LOG_WARN " cs:rip %04x:%016lx ss:rsp %04x:%016lx rflags %08lx\n", cs.sel, r->rip,
	       ss.sel, r->rsp, r->rflags);
	printk(LOG_WARN " cr0 %08lx cr2 %016lx cr3 %016lx cr4 %08lx efer %04lx\n", creg(v, HVM_CR0),
	       creg(v, HVM_CR2), creg(v, HVM_CR3), creg(v, HVM_CR4), creg(v, HVM_EFER));
	printk(LOG_WARN " rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx,
	       r->rdx);
	printk(LOG_WARN " rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", r->rsi, r->rdi, r->rbp,
	       r->r8);
	printk(LOG_WARN " r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", r->r9, r->r10, r->r11,
	       r->r12);
	printk(LOG_WARN " r13 %016lx r14 %016lx r15 %016lx\n", r->r13, r->r14, r->r15);
}

const char *hvm_exit_count(const struct vcpu *v, unsigned int why, uint64_t *count)
{
#define NAME(number, name) [number] = name
	static const char *const names[] = {HVM_FOR_EACH_EXIT(NAME)};
#undef NAME

	if (why >= HVM_EXIT_NR)
		return NULL;
	*count = READ_ONCE(v->hvm->exits[why]);
	return names[why];
}

/* ---- domains and vCPUs ---- */

static void hvm_vcpu_fini(struct vcpu *v)
{
	if (!v->hvm)
		return;
	vlapic_destroy(v);
	xfree(v->hvm->xstate);
	virt->vcpu_fini(v);
	xfree(v->hvm);
	v->hvm = NULL;
}

static int hvm_vcpu_init(struct vcpu *v)
{
	int rc;

	v->hvm = xzalloc(sizeof(*v->hvm));
	if (!v->hvm)
		return -ENOMEM;
	v->hvm->xstate = xzalloc(PAGE_SIZE);
	rc = v->hvm->xstate ? virt->vcpu_init(v) : -ENOMEM;
	if (!rc)
		rc = vlapic_create(v, hvm_default_apic_id(v->domain, v->id));
	if (rc)
		return rc;
	xstate_reset(v);
	virt->set_reg(v, HVM_PAT, HVM_PAT_RESET);
	hvm_reset_state(v);
	hvm_msr_reset(v);
	v->hvm->wait_sipi = true;
	return 0;
}

const struct domain_part hvm_part = {
	.domain_init = vioapic_create,
	.domain_fini = vioapic_destroy,
	.vcpu_init = hvm_vcpu_init,
	.vcpu_fini = hvm_vcpu_fini,
};
