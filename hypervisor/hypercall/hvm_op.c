// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_hvm_op: parameters, the event vector, and odds and ends (public hvm/hvm_op.h). */
#include "arch/x86/cpu/clock.h"
#include "core/console.h"
#include "core/guest.h"
#include "hypercall/hypercall.h"
#include "ipc/evtchn.h"
#include "lib/errno.h"

#define FIRST_USABLE_VECTOR 0x10

/* ---- parameters ---- */

enum {
	GET = 1,      /* the domain itself may read it */
	SET = 2,      /* and write it */
	ONCE = 4,     /* once non-zero it stays */
	TOOLS = 8,    /* the toolstack may read and write it */
	NOTHING = 16, /* only zero may be written: what it would turn on isn't here */
};

/* Parameters that have no row do not exist: -EINVAL. */
static const uint8_t params[HVM_NR_PARAMS] = {
	[HVM_PARAM_CALLBACK_IRQ] = TOOLS | GET | SET,
	[HVM_PARAM_STORE_PFN] = TOOLS | GET,
	[HVM_PARAM_STORE_EVTCHN] = TOOLS | GET | SET,
	[HVM_PARAM_IOREQ_PFN] = TOOLS,
	[HVM_PARAM_BUFIOREQ_PFN] = TOOLS,
	[HVM_PARAM_VIRIDIAN] = TOOLS | NOTHING,
	[HVM_PARAM_TIMER_MODE] = TOOLS,
	[HVM_PARAM_HPET_ENABLED] = TOOLS,
	[HVM_PARAM_IDENT_PT] = TOOLS,
	[HVM_PARAM_ACPI_S_STATE] = TOOLS | NOTHING,
	[HVM_PARAM_VM86_TSS] = TOOLS | GET | SET,
	[HVM_PARAM_VPT_ALIGN] = TOOLS,
	[HVM_PARAM_CONSOLE_PFN] = TOOLS | GET,
	[HVM_PARAM_CONSOLE_EVTCHN] = TOOLS | GET | SET,
	[HVM_PARAM_ACPI_IOPORTS_LOCATION] = TOOLS | GET | SET,
	[HVM_PARAM_NESTEDHVM] = TOOLS | NOTHING,
	[HVM_PARAM_PAGING_RING_PFN] = TOOLS,
	[HVM_PARAM_MONITOR_RING_PFN] = TOOLS,
	[HVM_PARAM_SHARING_RING_PFN] = TOOLS,
	[HVM_PARAM_TRIPLE_FAULT_REASON] = TOOLS,
	[HVM_PARAM_IOREQ_SERVER_PFN] = TOOLS | ONCE,
	[HVM_PARAM_NR_IOREQ_SERVER_PAGES] = TOOLS | ONCE,
	[HVM_PARAM_VM_GENERATION_ID_ADDR] = TOOLS | GET | SET,
	[HVM_PARAM_ALTP2M] = TOOLS | GET | NOTHING,
	[HVM_PARAM_X87_FIP_WIDTH] = TOOLS | GET,
	[HVM_PARAM_VM86_TSS_SIZED] = TOOLS | GET | SET,
	[HVM_PARAM_MCA_CAP] = TOOLS | NOTHING,
};

/* Find the domain of a parameter and see that the caller may do @right with it. */
static int param_decode(struct domain *caller, const struct xen_hvm_param *op, uint8_t right,
			struct domain **d)
{
	int rc;

	if (op->index >= HVM_NR_PARAMS || !params[op->index])
		return -EINVAL;
	rc = domain_resolve(caller, op->domid, d);
	if (rc)
		return rc;
	if (*d == caller && !(params[op->index] & right)) {
		domain_put(*d);
		return -EPERM;
	}
	return 0;
}

/* The way of telling events has changed: tell again what is pending. */
static void retell_events(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu(d, v) {
		if (evtchn_upcall_due(v)) {
			d->ops->upcall(v);
			vcpu_kick(v);
		}
	}
}

static int param_store(struct domain *d, uint32_t index, uint64_t value)
{
	uint64_t old;
	int rc = 0;

	if ((params[index] & NOTHING) && value)
		return -EOPNOTSUPP;
	spin_lock(&d->lock);
	old = d->hvm_params[index];
	if ((params[index] & ONCE) && old && old != value)
		rc = -EEXIST;
	else
		WRITE_ONCE(d->hvm_params[index], value);
	spin_unlock(&d->lock);
	return rc;
}

static long op_set_param(struct vcpu *v, uint64_t gva)
{
	struct xen_hvm_param op;
	struct domain *d;
	int rc;

	if (guest_read_ptr(&op, gva))
		return -EFAULT;
	rc = param_decode(v->domain, &op, SET, &d);
	if (rc)
		return rc;
	rc = param_store(d, op.index, op.value);
	if (!rc && op.index == HVM_PARAM_CALLBACK_IRQ)
		retell_events(d);
	domain_put(d);
	return rc;
}

static long op_get_param(struct vcpu *v, uint64_t gva)
{
	struct xen_hvm_param op;
	struct domain *d;
	int rc;

	if (guest_read_ptr(&op, gva))
		return -EFAULT;
	rc = param_decode(v->domain, &op, GET, &d);
	if (rc)
		return rc;
	op.value = READ_ONCE(d->hvm_params[op.index]);
	domain_put(d);
	return guest_write_ptr(gva, &op) ? -EFAULT : 0;
}

/* ---- events ---- */

/* Also for vCPUs that are not up yet: the boot CPU prepares them. */
static long op_set_evtchn_upcall_vector(struct vcpu *self, uint64_t gva)
{
	struct domain *d = self->domain;
	struct xen_hvm_evtchn_upcall_vector op;
	struct vcpu *v;

	if (guest_read_ptr(&op, gva))
		return -EFAULT;
	if (op.vector < FIRST_USABLE_VECTOR)
		return -EINVAL;
	v = op.vcpu < d->max_vcpus ? __atomic_load_n(&d->vcpus[op.vcpu], __ATOMIC_ACQUIRE) : NULL;
	if (!v)
		return -ENOENT;
	printk(LOG_DEBUG "d%uv%u upcall vector %02x\n", d->id, v->id, op.vector);
	WRITE_ONCE(v->upcall_vector, op.vector);
	if (evtchn_upcall_due(v)) {
		d->ops->upcall(v);
		vcpu_kick(v);
	}
	return 0;
}

/* ---- the rest ---- */

static long op_flush_tlbs(struct vcpu *v, uint64_t gva)
{
	if (gva)
		return -EINVAL;
	spin_lock(&v->domain->p2m.lock);
	v->domain->p2m.tlb_gen++;
	spin_unlock(&v->domain->p2m.lock);
	p2m_flush(v->domain);
	return 0;
}

/* A hint for shadow page tables, which nobody has here. */
static long op_pagetable_dying(struct vcpu *v, uint64_t gva)
{
	(void)v;
	(void)gva;
	return -EINVAL;
}

static long op_get_time(struct vcpu *v, uint64_t gva)
{
	struct xen_hvm_get_time op = {.now = now_ns()};

	(void)v;
	return guest_write_ptr(gva, &op) ? -EFAULT : 0;
}

static long op_get_mem_type(struct vcpu *v, uint64_t gva)
{
	static const uint8_t words[] = {
		[P2M_NONE] = HVMMEM_mmio_dm,    [P2M_RAM] = HVMMEM_ram_rw,
		[P2M_MMIO] = HVMMEM_mmio_dm,    [P2M_FOREIGN] = HVMMEM_ram_rw,
		[P2M_GRANT_RW] = HVMMEM_ram_rw, [P2M_GRANT_RO] = HVMMEM_ram_ro,
		[P2M_SPECIAL] = HVMMEM_ram_rw,
	};
	struct xen_hvm_get_mem_type op;
	enum p2m_type type;
	struct domain *d;
	int rc;

	if (guest_read_ptr(&op, gva))
		return -EFAULT;
	rc = domain_resolve(v->domain, op.domid, &d);
	if (rc)
		return rc;
	(void)p2m_lookup(d, gfn_of(op.pfn), &type, NULL);
	domain_put(d);
	op.mem_type = words[type];
	return guest_write_ptr(gva, &op) ? -EFAULT : 0;
}

static long op_altp2m(struct vcpu *v, uint64_t gva)
{
	(void)v;
	(void)gva;
	return -EOPNOTSUPP;
}

static long (*const rows[])(struct vcpu *v, uint64_t gva) = {
	[HVMOP_set_param] = op_set_param,
	[HVMOP_get_param] = op_get_param,
	[HVMOP_flush_tlbs] = op_flush_tlbs,
	[HVMOP_pagetable_dying] = op_pagetable_dying,
	[HVMOP_get_time] = op_get_time,
	[HVMOP_get_mem_type] = op_get_mem_type,
	[HVMOP_set_evtchn_upcall_vector] = op_set_evtchn_upcall_vector,
	[HVMOP_altp2m] = op_altp2m,
};

long hypercall_hvm_op(struct hypercall *hc)
{
	uint32_t cmd = (uint32_t)hc->arg[0];

	if (cmd >= ARRAY_SIZE(rows) || !rows[cmd])
		return -ENOSYS;
	return rows[cmd](hc->v, hc->arg[1]);
}
