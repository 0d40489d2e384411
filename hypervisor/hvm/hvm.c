// SPDX-License-Identifier: Apache-2.0
/* Guests on virtualization hardware: set-up, the run loop, and the hooks of lower rooms. */
#include "hvm/hvm.h"

#include "arch/x86/cpu/irq.h"
#include "arch/x86/cpu/msr.h"
#include "core/console.h"
#include "core/softirq.h"
#include "hvm/exits.h"
#include "hvm/xstate.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vdev/vioapic.h"

static const struct virt_ops *const backends[] = {&svm_ops};
const struct virt_ops *virt;

/* ---- hooks of the local APIC ---- */

/* An upcall raised before the guest enabled its APIC was lost with its reset: raise it again. */
static void apic_enabled(struct vcpu *v)
{
	if (__atomic_load_n(&v->vcpu_info->evtchn_upcall_pending, __ATOMIC_SEQ_CST))
		hvm_upcall(v);
}

static void apic_eoi_level(struct domain *d, uint8_t vector)
{
	if (d->is_hwdom)
		vioapic_eoi(d, vector);
}

static const struct vlapic_hooks lapic_hooks = {
	.nmi = hvm_request_nmi,
	.init = hvm_request_init,
	.sipi = hvm_request_sipi,
	.eoi = apic_eoi_level,
	.enabled = apic_enabled,
};

/* ---- host set-up ---- */

int hvm_init(void)
{
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		rc = backends[i]->init();
		if (rc == -ENODEV)
			continue;
		if (rc)
			return rc;
		virt = backends[i];
		break;
	}
	if (!virt) {
		printk(LOG_ERR "hvm: no usable virtualization hardware\n");
		return -ENODEV;
	}
	rc = xstate_init();
	if (rc)
		return rc;
	hvm_cpuid_init();
	vlapic_set_hooks(&lapic_hooks);
	irq_set_guest_handler(vioapic_host_irq);
	return 0;
}

int hvm_cpu_init(void)
{
	return virt->cpu_init();
}

const char *hvm_backend(void)
{
	return virt ? virt->name : NULL;
}

/* ---- running ---- */

static void load(struct vcpu *v)
{
	if (v->hvm->loaded)
		return;
	xstate_load(v);
	if (v->hvm->tsc_aux)
		wrmsr(MSR_TSC_AUX, v->hvm->tsc_aux);
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
	.upcall = hvm_upcall,
	.get_paging = hvm_get_paging,
};

/* ---- domains and vCPUs ---- */

static int hvm_domain_init(struct domain *d)
{
	return d->is_hwdom ? vioapic_create_hw(d) : 0;
}

static void hvm_domain_fini(struct domain *d)
{
	if (d->is_hwdom)
		vioapic_destroy(d);
}

static void hvm_vcpu_fini(struct vcpu *v)
{
	if (!v->hvm)
		return;
	vlapic_destroy(v);
	xstate_vcpu_fini(v);
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
	rc = virt->vcpu_init(v);
	if (!rc)
		rc = xstate_vcpu_init(v);
	if (!rc)
		rc = vlapic_create(v, hvm_default_apic_id(v->domain, v->id));
	if (rc) {
		hvm_vcpu_fini(v);
		return rc;
	}
	virt->set_reg(v, HVM_PAT, HVM_PAT_RESET);
	hvm_reset_state(v);
	hvm_msr_reset(v);
	v->hvm->wait_sipi = true;
	return 0;
}

const struct domain_part hvm_part = {
	.name = "hvm",
	.domain_init = hvm_domain_init,
	.domain_fini = hvm_domain_fini,
	.vcpu_init = hvm_vcpu_init,
	.vcpu_fini = hvm_vcpu_fini,
};
