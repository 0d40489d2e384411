// SPDX-License-Identifier: Apache-2.0
/*
 * Hypercalls from everywhere at once, through real domains, memory, event channels and grants: guests do what
 * they like to each other and to themselves, while domain 0 makes, feeds, pauses and destroys them. Nothing may
 * be touched that is gone, no invariant may break, and in the end every page must be free again.
 */
#include <stdlib.h>
#include <string.h>

#include "cpus.h"
#include "arch/x86/cpu/clock.h"
#include "arch/x86/cpu/irq.h"
#include "arch/x86/mm/map.h"
#include "core/softirq.h"
#include "core/watchdog.h"
#include "hvm/hvm.h"
#include "hypercall/hypercall.h"
#include "ipc/evtchn.h"
#include "ipc/gnttab.h"
#include "lib/errno.h"
#include "mm/buddy.h"

#define ACTS 60000 /* of domain 0's vCPUs in all */
#define RAM \
	40u /* pages of a guest, from frame 0 on: one for the arguments of each vCPU, then more */
#define FIRST_FREE 8u   /* the first of those that are not for arguments */
#define TABLE_GFN  100u /* where a guest has its grant table */
#define WINDOW_GFN 200u /* where it maps what others grant */
#define KNOWN      8u

static domid_t known[KNOWN]; /* domains there are, or were; 0 = none; [a] */
static domid_t newest;       /* [a] */
static uint32_t acts;        /* [a] */

/* ---- calling ---- */

/* Where @v has its arguments; paging is off, so addresses are physical. */
static uint64_t args(const struct vcpu *v)
{
	return (uint64_t)v->id << PAGE_SHIFT;
}

static void put(struct vcpu *v, uint64_t gpa, const void *data, size_t size)
{
	if (guest_write_phys(v->domain, gpa, data, size))
		return; /* it has given the page away */
}

/* Issue a call until it is done, or its vCPU must leave: then the rest never comes. */
static long call(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct hypercall hc = {.v = v, .nr = nr, .arg = {a0, a1, a2}};
	long rc;

	while ((rc = hypercall_dispatch(&hc)) == -ERESTART && !vcpu_must_leave(v))
		softirq_run();
	return rc;
}

/* A call with the structure @op as its argument. */
#define CALL(v, nr, cmd, ...)                                    \
	({                                                       \
		__typeof__(__VA_ARGS__) op_ = __VA_ARGS__;       \
		put((v), args(v), &op_, sizeof(op_));            \
		call((v), __HYPERVISOR_##nr, (cmd), args(v), 1); \
	})

static domid_t anybody(void)
{
	uint32_t n = rnd(KNOWN + 3);

	if (n == KNOWN)
		return DOMID_SELF;
	if (n == KNOWN + 1) /* one that is being made just now, perhaps */
		return (domid_t)(__atomic_load_n(&newest, __ATOMIC_RELAXED) + 1);
	return n < KNOWN ? __atomic_load_n(&known[n], __ATOMIC_RELAXED) : 0;
}

static uint32_t page(void)
{
	return FIRST_FREE + rnd(RAM - FIRST_FREE);
}

/* ---- what any domain does ---- */

static void events(struct vcpu *v)
{
	uint32_t port = rnd(10), vcpu = rnd(3);

	switch (rnd(15)) {
	case 0:
		CALL(v, event_channel_op, EVTCHNOP_alloc_unbound,
		     (struct evtchn_alloc_unbound){DOMID_SELF, anybody(), 0});
		break;
	case 1 ... 2:
		CALL(v, event_channel_op, EVTCHNOP_bind_interdomain,
		     (struct evtchn_bind_interdomain){anybody(), port, 0});
		break;
	case 3:
		CALL(v, event_channel_op, EVTCHNOP_bind_ipi, (struct evtchn_bind_ipi){vcpu, 0});
		break;
	case 4:
		CALL(v, event_channel_op, EVTCHNOP_bind_virq,
		     (struct evtchn_bind_virq){VIRQ_TIMER, vcpu, 0});
		break;
	case 5:
		CALL(v, event_channel_op, EVTCHNOP_bind_vcpu,
		     (struct evtchn_bind_vcpu){port, vcpu});
		break;
	case 6: CALL(v, event_channel_op, EVTCHNOP_close, (struct evtchn_close){port}); break;
	case 7: CALL(v, event_channel_op, EVTCHNOP_unmask, (struct evtchn_unmask){port}); break;
	case 8:
		CALL(v, event_channel_op, EVTCHNOP_init_control,
		     (struct evtchn_init_control){page(), 0, vcpu, 0, {0}});
		break;
	case 9:
		CALL(v, event_channel_op, EVTCHNOP_expand_array,
		     (struct evtchn_expand_array){page()});
		break;
	case 10:
		CALL(v, event_channel_op, EVTCHNOP_set_priority,
		     (struct evtchn_set_priority){port, rnd(16)});
		break;
	case 11:
		if (!rnd(20))
			CALL(v, event_channel_op, EVTCHNOP_reset,
			     (struct evtchn_reset){DOMID_SELF});
		break;
	case 12:
		CALL(v, event_channel_op, EVTCHNOP_status,
		     (struct evtchn_status){.dom = anybody(), .port = port});
		break;
	default: CALL(v, event_channel_op, EVTCHNOP_send, (struct evtchn_send){port}); break;
	}
}

static void grant(struct vcpu *v)
{
	struct grant_entry_v1 e = {GTF_permit_access | (rnd(2) ? GTF_readonly : 0), anybody(),
				   page()};

	CALL(v, memory_op, XENMEM_add_to_physmap,
	     (struct xen_add_to_physmap){
		     .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .gpfn = TABLE_GFN});
	put(v, (TABLE_GFN << PAGE_SHIFT) + rnd(8) * sizeof(e), &e, sizeof(e));
}

static void grants(struct vcpu *v)
{
	uint64_t at = (uint64_t)(WINDOW_GFN + rnd(8)) << PAGE_SHIFT;
	struct gnttab_copy copy = {
		.source = {{.ref = rnd(8)}, anybody(), 0},
		.dest = {{.gmfn = page()}, DOMID_SELF, 0},
		.len = 64,
		.flags = GNTCOPY_source_gref,
	};

	switch (rnd(14)) {
	case 0 ... 2: grant(v); break;
	case 3 ... 5:
		CALL(v, grant_table_op, GNTTABOP_map_grant_ref,
		     (struct gnttab_map_grant_ref){.host_addr = at,
						   .flags = GNTMAP_host_map |
							    (rnd(2) ? GNTMAP_readonly : 0),
						   .ref = rnd(8),
						   .dom = anybody()});
		break;
	case 6 ... 7:
		CALL(v, grant_table_op, GNTTABOP_unmap_grant_ref,
		     (struct gnttab_unmap_grant_ref){.handle = rnd(16)});
		break;
	case 8:
		if (rnd(2)) { /* from its own, or what it was granted */
			copy.flags = rnd(2) ? GNTCOPY_dest_gref : 0;
			copy.dest = copy.source;
			copy.source.u.gmfn = rnd(2) ? page() : WINDOW_GFN + rnd(8);
			copy.source.domid = DOMID_SELF;
		}
		CALL(v, grant_table_op, GNTTABOP_copy, copy);
		break;
	case 9:
		CALL(v, grant_table_op, GNTTABOP_unmap_and_replace,
		     (struct gnttab_unmap_and_replace){.handle = rnd(16)});
		break;
	case 10:
		CALL(v, grant_table_op, GNTTABOP_swap_grant_ref,
		     (struct gnttab_swap_grant_ref){rnd(8), rnd(8), 0});
		break;
	case 11:
		CALL(v, grant_table_op, GNTTABOP_query_size,
		     (struct gnttab_query_size){.dom = anybody()});
		break;
	case 12:
		CALL(v, grant_table_op, GNTTABOP_setup_table,
		     (struct gnttab_setup_table){.dom = anybody(), .nr_frames = rnd(3)});
		break;
	default:
		CALL(v, grant_table_op, GNTTABOP_set_version,
		     (struct gnttab_set_version){1 + rnd(2)});
		break;
	}
}

/* Two calls in one, which the others may change meanwhile. */
static void several(struct vcpu *v, uint64_t reservation_list)
{
	const struct xen_memory_reservation r = {
		.extent_start.p = (xen_pfn_t *)(uintptr_t)reservation_list,
		.nr_extents = 3,
		.domid = DOMID_SELF,
	};
	const uint64_t list = args(v) + 2048, op = args(v) + 3072;
	const struct multicall_entry calls[] = {
		{.op = __HYPERVISOR_memory_op, .args = {XENMEM_decrease_reservation, op}},
		{.op = __HYPERVISOR_sched_op, .args = {rnd(2) ? SCHEDOP_block : SCHEDOP_yield}},
		{.op = __HYPERVISOR_memory_op, .args = {XENMEM_populate_physmap, op}},
	};

	put(v, op, &r, sizeof(r));
	put(v, list, calls, sizeof(calls));
	if (!v->domain->is_hwdom)
		call(v, __HYPERVISOR_multicall, list, 3, 0);
}

static void memory(struct vcpu *v)
{
	struct xen_memory_reservation r = {.nr_extents = 1 + rnd(4), .domid = DOMID_SELF};
	xen_pfn_t frames[4] = {page(), page(), page(), page()};
	uint64_t list = args(v) + 512;

	r.extent_start.p = (xen_pfn_t *)(uintptr_t)list;
	put(v, list, frames, sizeof(frames));
	switch (rnd(7)) {
	case 0: CALL(v, memory_op, XENMEM_decrease_reservation, r); break;
	case 1 ... 2: CALL(v, memory_op, XENMEM_populate_physmap, r); break;
	case 3:
		CALL(v, memory_op, XENMEM_add_to_physmap,
		     (struct xen_add_to_physmap){.domid = DOMID_SELF,
						 .space = XENMAPSPACE_gmfn,
						 .idx = page(),
						 .gpfn = page()});
		break;
	case 4:
		CALL(v, memory_op, XENMEM_add_to_physmap,
		     (struct xen_add_to_physmap){.domid = DOMID_SELF,
						 .space = XENMAPSPACE_shared_info,
						 .gpfn = page()});
		break;
	case 5: several(v, list); break;
	default:
		CALL(v, memory_op, XENMEM_remove_from_physmap,
		     (struct xen_remove_from_physmap){DOMID_SELF,
						      rnd(4) ? page() : WINDOW_GFN + rnd(8)});
		break;
	}
}

static long vcpu_op(struct vcpu *v, uint32_t cmd, const void *op, size_t size)
{
	put(v, args(v), op, size);
	return call(v, __HYPERVISOR_vcpu_op, cmd, rnd(3), args(v));
}

static void vcpus(struct vcpu *v)
{
	const struct vcpu_register_vcpu_info info = {.mfn = page(), .offset = 64 * rnd(8)};
	const struct vcpu_set_periodic_timer periodic = {VTIMER_MIN_PERIOD_NS};
	const struct vcpu_set_singleshot_timer single = {now_ns() + rnd(100000), 0};
	const uint64_t area = args(v) + 1024;

	switch (rnd(10)) {
	case 0 ... 2: vcpu_op(v, VCPUOP_up, &area, 0); break;
	case 3: vcpu_op(v, VCPUOP_register_vcpu_info, &info, sizeof(info)); break;
	case 4: vcpu_op(v, VCPUOP_set_periodic_timer, &periodic, sizeof(periodic)); break;
	case 5: vcpu_op(v, VCPUOP_stop_periodic_timer, &area, 0); break;
	case 6: vcpu_op(v, VCPUOP_set_singleshot_timer, &single, sizeof(single)); break;
	case 7: vcpu_op(v, VCPUOP_register_runstate_memory_area, &area, sizeof(area)); break;
	case 8: vcpu_op(v, VCPUOP_register_vcpu_time_memory_area, &area, sizeof(area)); break;
	default:
		if (!v->domain->is_hwdom)
			call(v, __HYPERVISOR_vcpu_op, VCPUOP_down, v->id, 0);
	}
}

static void sleeps(struct vcpu *v)
{
	struct sched_poll poll = {.nr_ports = 1, .timeout = now_ns() + rnd(5000)};
	evtchn_port_t port = 1 + rnd(9);
	uint64_t list = args(v) + 512;

	switch (rnd(4)) {
	case 0: call(v, __HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0); break;
	case 1:
		CALL(v, sched_op, SCHEDOP_watchdog,
		     (struct sched_watchdog){rnd(3), v->domain->is_hwdom ? 0 : rnd(3)});
		break;
	default:
		poll.ports.p = (evtchn_port_t *)(uintptr_t)list;
		put(v, list, &port, sizeof(port));
		CALL(v, sched_op, SCHEDOP_poll, poll);
	}
}

static void odds(struct vcpu *v)
{
	switch (rnd(5)) {
	case 0:
		CALL(v, hvm_op, HVMOP_set_param,
		     (struct xen_hvm_param){.domid = DOMID_SELF,
					    .index = HVM_PARAM_CALLBACK_IRQ,
					    .value = 2ULL << 56 | 0xf3});
		break;
	case 1: call(v, __HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0, 0); break;
	case 2:
		CALL(v, hvm_op, HVMOP_set_evtchn_upcall_vector,
		     (struct xen_hvm_evtchn_upcall_vector){rnd(3), 0xf3});
		break;
	case 3: call(v, __HYPERVISOR_vm_assist, rnd(2), VMASST_TYPE_runstate_update_flag, 0); break;
	default:
		if (!v->domain->is_hwdom && !rnd(50))
			CALL(v, sched_op, SCHEDOP_shutdown,
			     (struct sched_shutdown){SHUTDOWN_poweroff});
	}
}

/* ---- what domain 0 does ---- */

static long domctl(struct vcpu *v, uint32_t cmd, domid_t id, struct xen_domctl *op)
{
	long rc;

	op->cmd = cmd;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = id;
	put(v, args(v), op, sizeof(*op));
	rc = call(v, __HYPERVISOR_domctl, args(v), 0, 0);
	if (guest_read_phys(v->domain, op, args(v), sizeof(*op)))
		return -EFAULT;
	return rc;
}

static void feed(struct vcpu *v, domid_t id)
{
	struct xen_memory_reservation r = {.nr_extents = RAM, .domid = id};
	xen_pfn_t frames[RAM];
	uint64_t list = args(v) + 512;

	for (uint32_t i = 0; i < RAM; i++)
		frames[i] = i;
	r.extent_start.p = (xen_pfn_t *)(uintptr_t)list;
	put(v, list, frames, sizeof(frames));
	CALL(v, memory_op, XENMEM_populate_physmap, r);
}

static void make(struct vcpu *v)
{
	struct xen_domctl op = {
		.u.createdomain = {.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
				   .max_vcpus = 1 + rnd(3),
				   .max_evtchn_port = 1023,
				   .max_grant_frames = 2,
				   .max_maptrack_frames = 1,
				   .grant_opts = 2,
				   .arch.emulation_flags = XEN_X86_EMU_LAPIC},
	};
	uint32_t vcpus = op.u.createdomain.max_vcpus, slot = rnd(KNOWN);
	domid_t id;

	if (__atomic_load_n(&known[slot], __ATOMIC_RELAXED) ||
	    domctl(v, XEN_DOMCTL_createdomain, 0, &op))
		return;
	id = op.domain;
	__atomic_store_n(&newest, id, __ATOMIC_RELAXED);
	__atomic_store_n(&known[slot], id, __ATOMIC_RELAXED);
	op.u.max_mem.max_memkb = (RAM + 8) * 4;
	domctl(v, XEN_DOMCTL_max_mem, id, &op);
	op.u.max_vcpus.max = vcpus;
	domctl(v, XEN_DOMCTL_max_vcpus, id, &op);
	feed(v, id);
	if (rnd(8))
		domctl(v, XEN_DOMCTL_unpausedomain, id, &op);
}

static void destroy(struct vcpu *v)
{
	domid_t *slot = &known[rnd(KNOWN)], id = __atomic_load_n(slot, __ATOMIC_RELAXED);
	struct xen_domctl op = {0};

	if (id && !domctl(v, XEN_DOMCTL_destroydomain, id, &op))
		__atomic_compare_exchange_n(slot, &id, 0, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
}

static void show_foreign(struct vcpu *v)
{
	struct xen_add_to_physmap_batch b = {.domid = DOMID_SELF,
					     .space = XENMAPSPACE_gmfn_foreign,
					     .size = 2,
					     .u.foreign_domid = anybody()};
	uint64_t lists = args(v) + 512;
	const uint64_t idxs[2] = {rnd(RAM), TABLE_GFN},
		       gfns[2] = {WINDOW_GFN + rnd(8), WINDOW_GFN + rnd(8)};

	b.idxs.p = (xen_ulong_t *)(uintptr_t)lists;
	b.gpfns.p = (xen_pfn_t *)(uintptr_t)(lists + 64);
	b.errs.p = (int *)(uintptr_t)(lists + 128);
	put(v, lists, idxs, sizeof(idxs));
	put(v, lists + 64, gfns, sizeof(gfns));
	CALL(v, memory_op, XENMEM_add_to_physmap_batch, b);
}

static void affinity(struct vcpu *v, struct xen_domctl *op)
{
	const uint8_t cpus = (uint8_t)(1 + rnd((1 << CPUS) - 1));
	struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;

	a->vcpu = rnd(3);
	a->flags = XEN_VCPUAFFINITY_HARD;
	a->cpumap_hard.nr_bits = 8;
	a->cpumap_hard.bitmap.p = (uint8_t *)(uintptr_t)(args(v) + 512);
	put(v, args(v) + 512, &cpus, sizeof(cpus));
	domctl(v, XEN_DOMCTL_setvcpuaffinity, anybody(), op);
}

static void list(struct vcpu *v)
{
	struct xen_sysctl op = {.cmd = XEN_SYSCTL_getdomaininfolist,
				.interface_version = XEN_SYSCTL_INTERFACE_VERSION};

	op.u.getdomaininfolist.max_domains = 8;
	op.u.getdomaininfolist.buffer.p = (void *)(uintptr_t)(args(v) + 1024);
	put(v, args(v), &op, sizeof(op));
	call(v, __HYPERVISOR_sysctl, args(v), 0, 0);
}

/* What tools ask of a domain's memory. */
static void arrange(struct vcpu *v)
{
	const domid_t id = anybody();
	struct xen_domctl op = {0};

	switch (rnd(5)) {
	case 0: feed(v, id); break;
	case 1:
		CALL(v, memory_op, XENMEM_add_to_physmap,
		     (struct xen_add_to_physmap){
			     .domid = id, .space = XENMAPSPACE_shared_info, .gpfn = page()});
		break;
	case 2:
		CALL(v, memory_op, XENMEM_claim_pages,
		     (struct xen_memory_reservation){.nr_extents = rnd(RAM), .domid = id});
		break;
	case 3:
		op.u.max_mem.max_memkb = (RAM + rnd(8)) * 4;
		domctl(v, XEN_DOMCTL_max_mem, id, &op);
		break;
	default:
		op.u.paging_mempool.size = (8 + rnd(32)) << PAGE_SHIFT;
		domctl(v, XEN_DOMCTL_set_paging_mempool_size, id, &op);
	}
}

/* A look at a guest's memory and its grant table, and what it would rather not be told. */
static void pry(struct vcpu *v)
{
	struct xen_mem_acquire_resource r = {.domid = anybody(),
					     .type = XENMEM_resource_grant_table,
					     .id = rnd(2),
					     .nr_frames = 1};
	const uint64_t gfn = WINDOW_GFN + rnd(8), list = args(v) + 1024;
	struct xen_domctl op = {0};

	switch (rnd(7)) {
	case 0:
		r.frame_list.p = (xen_pfn_t *)(uintptr_t)list;
		put(v, list, &gfn, sizeof(gfn));
		CALL(v, memory_op, XENMEM_acquire_resource, r);
		break;
	case 1:
		op.u.gdbsx_guest_memio =
			(struct xen_domctl_gdbsx_memio){.gva = page() << PAGE_SHIFT,
							.uva = list,
							.len = 2048,
							.gwr = (uint8_t)rnd(2)};
		domctl(v, XEN_DOMCTL_gdbsx_guestmemio, anybody(), &op);
		break;
	case 2: domctl(v, XEN_DOMCTL_settimeoffset, anybody(), &op); break;
	case 3:
		CALL(v, memory_op, XENMEM_set_memory_map,
		     (struct xen_foreign_memory_map){.domid = anybody(),
						     .map = {.nr_entries = rnd(4),
							     .buffer.p = (void *)(uintptr_t)list}});
		break;
	case 4: domctl(v, XEN_DOMCTL_getdomaininfo, anybody(), &op); break;
	case 5:
		CALL(v, sched_op, SCHEDOP_remote_shutdown,
		     (struct sched_remote_shutdown){.domain_id = anybody(),
						    .reason = SHUTDOWN_suspend});
		break;
	default: CALL(v, event_channel_op, EVTCHNOP_reset, (struct evtchn_reset){anybody()}); break;
	}
}

static void control(struct vcpu *v)
{
	struct xen_domctl op = {0};

	switch (rnd(15)) {
	case 0 ... 2: make(v); break;
	case 3: destroy(v); break;
	case 4: domctl(v, XEN_DOMCTL_pausedomain, anybody(), &op); break;
	case 5: domctl(v, XEN_DOMCTL_unpausedomain, anybody(), &op); break;
	case 6: affinity(v, &op); break;
	case 7:
		op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
		op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
		op.u.scheduler_op.u.credit2.weight = (uint16_t)(1 + rnd(512));
		op.u.scheduler_op.u.credit2.cap = (uint16_t)(rnd(3) * 50);
		domctl(v, XEN_DOMCTL_scheduler_op, anybody(), &op);
		break;
	case 8: list(v); break;
	case 9: domctl(v, XEN_DOMCTL_gethvmcontext_partial, anybody(), &op); break;
	case 10: domctl(v, XEN_DOMCTL_resumedomain, anybody(), &op); break;
	case 11:
		op.u.max_vcpus.max = 1 + rnd(3);
		domctl(v, XEN_DOMCTL_max_vcpus, anybody(), &op);
		break;
	case 12: arrange(v); break;
	case 13: pry(v); break;
	default: show_foreign(v); break;
	}
}

/* ---- running ---- */

static void act(struct vcpu *v)
{
	static void (*const all[])(struct vcpu * v) = {events, events, events, grants,
						       grants, grants, memory, memory,
						       vcpus,  vcpus,  sleeps, odds};

	if (v->domain->is_hwdom && rnd(2)) {
		__atomic_fetch_add(&acts, 1, __ATOMIC_RELAXED);
		control(v);
	} else {
		all[rnd(ARRAY_SIZE(all))](v);
	}
}

static void run(struct vcpu *v)
{
	BUG_ON(this_cpu()->current != v || v->cpu != cpu_id());
	for (;;) {
		irq_window();
		softirq_run();
		if (vcpu_must_leave(v))
			return;
		__atomic_store_n(&v->vcpu_info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
		act(v);
	}
}

static void switch_out(struct vcpu *v)
{
	(void)v;
}

static bool wakeup_pending(const struct vcpu *v)
{
	return __atomic_load_n(&v->vcpu_info->evtchn_upcall_pending, __ATOMIC_SEQ_CST);
}

static bool start_pending(const struct vcpu *v)
{
	(void)v;
	return false;
}

static void upcall(struct vcpu *v)
{
	(void)v;
}

static void get_paging(const struct vcpu *v, struct guest_paging *paging)
{
	(void)v;
	memset(paging, 0, sizeof(*paging));
}

const struct guest_ops hvm_guest_ops = {
	.run = run,
	.switch_out = switch_out,
	.wakeup_pending = wakeup_pending,
	.start_pending = start_pending,
	.upcall = upcall,
	.get_paging = get_paging,
};

static const struct domain_part *const parts[] = {&evtchn_part, &gnttab_part, &watchdog_part};

static void start_domain_0(void)
{
	struct domain *d;

	ck_assert_int_eq(domain_create(0, 2, &hvm_guest_ops, true, &d), 0);
	domain_publish(d);
	d->max_pages = RAM + 64;
	for (uint32_t i = 0; i < RAM; i++) {
		mfn_t mfn;

		ck_assert_int_eq(domain_alloc_frames(d, 0, &mfn), 0);
		ck_assert_int_eq(p2m_map(d, gfn_of(i), mfn, ORDER_4K, P2M_RAM), 0);
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct vcpu *v;

		ck_assert_int_eq(vcpu_create(d, i, &v), 0);
	}
	hwdom = d;
	vcpu_up(d->vcpus[1]);
	ck_assert_int_eq(domain_controller_unpause(d), 0);
}

static void kill(struct domain *d)
{
	while (domain_kill(d) == -ERESTART)
		softirq_run();
}

static void end_all(void)
{
	struct domain *d = hwdom;

	/* First who could make more of them. */
	domain_pause(d);
	for (domid_t id = 1; (d = domain_get_next(id)) != NULL; id = (domid_t)(d->id + 1)) {
		kill(d);
		domain_put(d);
	}
	d = hwdom;
	hwdom = NULL;
	d->is_hwdom = false;
	kill(d);
}

/* What the last reference let go is freed by softirqs of the CPU that dropped it. */
static void await_free(uint64_t pages)
{
	while (buddy_free_pages() != pages) {
		softirq_run();
		sched_yield();
	}
}

START_TEST(everybody_calls)
{
	uint64_t pages;

	machine_start();
	domain_init();
	domain_set_parts(parts, ARRAY_SIZE(parts));
	pages = buddy_free_pages();
	start_domain_0();
	while (__atomic_load_n(&acts, __ATOMIC_RELAXED) < ACTS) {
		softirq_run();
		sched_yield();
	}
	end_all();
	await_free(pages);
	machine_stop();
}
END_TEST

TCase *storm_case(void)
{
	TCase *t = tcase_create("hypercalls");

	tcase_set_timeout(t, 240);
	tcase_add_test(t, everybody_calls);
	return t;
}
