// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_hvm_op: parameters, the event vector, and odds and ends (public hvm/hvm_op.h). */
#include "arch/x86/cpu/clock.h"
#include "core/op.h"
#include "hypercall/hypercall.h"

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

/* May the caller do @right with the parameter? */
static int param_check(const struct hypercall *hc, uint32_t index, uint8_t right)
{
	if (index >= HVM_NR_PARAMS || !params[index])
		return -EINVAL;
	return hc->d == hc->v->domain && !(params[index] & right) ? -EPERM : 0;
}

/* The way of telling events has changed: tell again what is pending. */
static void retell_events(struct vcpu *v)
{
	if (!READ_ONCE(v->vcpu_info->evtchn_upcall_pending))
		return;
	v->domain->ops->upcall(v);
	vcpu_kick(v);
}

static int param_store(struct domain *d, uint32_t index, uint64_t value)
{
	uint64_t *param = &d->hvm_params[index];

	if ((params[index] & NOTHING) && value)
		return -EOPNOTSUPP;
	spin_guard(&d->lock);
	if ((params[index] & ONCE) && *param && *param != value)
		return -EEXIST;
	WRITE_ONCE(*param, value);
	return 0;
}

static long op_set_param(struct hypercall *hc)
{
	const struct xen_hvm_param *op = hc->op;
	int rc = param_check(hc, op->index, SET);

	if (!rc)
		rc = param_store(hc->d, op->index, op->value);
	if (rc || op->index != HVM_PARAM_CALLBACK_IRQ)
		return rc;
	for_each_vcpu(hc->d, v)
		retell_events(v);
	return 0;
}

static long op_get_param(struct hypercall *hc)
{
	struct xen_hvm_param *op = hc->op;
	int rc = param_check(hc, op->index, GET);

	if (!rc)
		op->value = READ_ONCE(hc->d->hvm_params[op->index]);
	return rc;
}

/* ---- events ---- */

/* Also for vCPUs that are not up yet: the boot CPU prepares them. */
static long op_set_evtchn_upcall_vector(struct hypercall *hc)
{
	const struct xen_hvm_evtchn_upcall_vector *op = hc->op;
	struct vcpu *v;

	if (op->vector < FIRST_USABLE_VECTOR)
		return -EINVAL;
	v = domain_vcpu(hc->d, op->vcpu);
	if (!v)
		return -ENOENT;
	WRITE_ONCE(v->upcall_vector, op->vector);
	retell_events(v);
	return 0;
}

/* ---- the rest ---- */

static long op_flush_tlbs(struct hypercall *hc)
{
	if (hc->gva)
		return -EINVAL;
	spin_lock(&hc->d->p2m.lock);
	hc->d->p2m.tlb_gen++;
	spin_unlock(&hc->d->p2m.lock);
	p2m_flush(hc->d);
	return 0;
}

static long op_get_time(struct hypercall *hc)
{
	struct xen_hvm_get_time op = {.now = now_ns()};

	return guest_write_ptr(hc->gva, &op);
}

static long op_get_mem_type(struct hypercall *hc)
{
	static const uint8_t words[] = {
		[P2M_NONE] = HVMMEM_mmio_dm,    [P2M_RAM] = HVMMEM_ram_rw,
		[P2M_MMIO] = HVMMEM_mmio_dm,    [P2M_FOREIGN] = HVMMEM_ram_rw,
		[P2M_GRANT_RW] = HVMMEM_ram_rw, [P2M_GRANT_RO] = HVMMEM_ram_ro,
		[P2M_SPECIAL] = HVMMEM_ram_rw,
	};
	struct xen_hvm_get_mem_type *op = hc->op;
	enum p2m_type type;

	(void)p2m_lookup(hc->d, gfn_of(op->pfn), &type, NULL);
	op->mem_type = words[type];
	return 0;
}

static const struct op_row rows[] = {
	[HVMOP_set_param] = OP_ON(op_set_param, struct xen_hvm_param, domid, 0),
	[HVMOP_get_param] = OP_ON(op_get_param, struct xen_hvm_param, domid, OP_BACK),
	[HVMOP_flush_tlbs] = {op_flush_tlbs},
	[HVMOP_pagetable_dying] = OP_ANSWER(-EINVAL), /* for shadow page tables */
	[HVMOP_get_time] = {op_get_time},
	[HVMOP_get_mem_type] = OP_ON(op_get_mem_type, struct xen_hvm_get_mem_type, domid, OP_BACK),
	[HVMOP_set_evtchn_upcall_vector] =
		OP(op_set_evtchn_upcall_vector, struct xen_hvm_evtchn_upcall_vector, 0),
	[HVMOP_altp2m] = OP_ANSWER(-EOPNOTSUPP),
};

long hypercall_hvm_op(struct hypercall *hc)
{
	return op_run(hc, rows, ARRAY_SIZE(rows), (uint32_t)hc->arg[0], hc->arg[1]);
}
