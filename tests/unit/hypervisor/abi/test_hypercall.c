// SPDX-License-Identifier: Apache-2.0
/* The dispatcher and the small calls. */
#include "tests.h"

#include <string.h>

#include "hypercall/hypercall.h"

static long version(uint32_t cmd)
{
	return fake_hypercall(__HYPERVISOR_xen_version, cmd, ARG_GVA, 0);
}

START_TEST(who_we_are)
{
	ck_assert_int_eq(version(XENVER_version), 4 << 16 | 17);
	ck_assert_int_eq(version(XENVER_extraversion), 0);
	ck_assert_str_eq((char *)fake_guest_mem, "-domus");
	ck_assert_int_eq(version(XENVER_capabilities), 0);
	ck_assert_ptr_nonnull(strstr((char *)fake_guest_mem, "hvm-3.0-x86_64"));
	ck_assert_ptr_null(strstr((char *)fake_guest_mem, "xen-3.0"));
	ck_assert_int_eq(version(XENVER_pagesize), 4096);
	ck_assert_int_eq(version(XENVER_commandline), 0);
	ck_assert_str_eq((char *)fake_guest_mem, "console=com1");
	ck_assert_int_eq(version(XENVER_build_id), -ENODATA);
	ck_assert_int_eq(version(11), -ENOSYS);
}
END_TEST

START_TEST(features_are_those_of_4_17)
{
	struct xen_feature_info *f = ARG(struct xen_feature_info);
	const uint32_t guest = 1 << 0 | 1 << 2 | 1 << 8 | 1 << 9 | 1 << 13 | 1 << 16;

	*f = (struct xen_feature_info){0, 0};
	ck_assert_int_eq(version(XENVER_get_features), 0);
	ck_assert_uint_eq(f->submap, guest | 1 << 11);
	fake_run_as(fake_domain(1, 1)->vcpus[0]);
	ck_assert_int_eq(version(XENVER_get_features), 0);
	ck_assert_uint_eq(f->submap, guest);
	f->submap_idx = 1;
	ck_assert_int_eq(version(XENVER_get_features), 0);
	ck_assert_uint_eq(f->submap, 0);
	f->submap_idx = 2;
	ck_assert_int_eq(version(XENVER_get_features), -EINVAL);
	ck_assert_int_eq(version(XENVER_commandline), 0);
	ck_assert_str_eq((char *)fake_guest_mem, "<denied>");
}
END_TEST

START_TEST(absent_calls_are_counted)
{
	const struct hypercall_count *n = &hwdom->hypercalls[__HYPERVISOR_xsm_op];

	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_xsm_op, 0, 0, 0), -ENOSYS);
	ck_assert_uint_eq(n->calls, 1);
	ck_assert_uint_eq(n->absent, 1);
	ck_assert_int_eq(fake_hypercall(64, 0, 0, 0), -ENOSYS);
	ck_assert_int_eq(fake_hypercall(~0ULL, 0, 0, 0), -ENOSYS);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_mmu_update, 0, 0, 0), -ENOSYS);
}
END_TEST

START_TEST(only_the_hardware_domain_controls)
{
	static const uint8_t privileged[] = {__HYPERVISOR_domctl, __HYPERVISOR_sysctl,
					     __HYPERVISOR_platform_op, __HYPERVISOR_physdev_op,
					     __HYPERVISOR_dm_op};

	fake_run_as(fake_domain(1, 1)->vcpus[0]);
	for (unsigned int i = 0; i < sizeof(privileged); i++)
		ck_assert_int_eq(fake_hypercall(privileged[i], 0, ARG_GVA, 0), -EPERM);
}
END_TEST

START_TEST(multicall_runs_entries_and_goes_on_inside_one)
{
	struct multicall_entry *e = ARG(struct multicall_entry);
	uint64_t *frames = (uint64_t *)(void *)&fake_guest_mem[0x1000];
	struct xen_memory_reservation *r = (void *)&fake_guest_mem[0x800];

	for (unsigned int i = 0; i < 100; i++)
		frames[i] = 0x9000 + i;
	*r = (struct xen_memory_reservation){.nr_extents = 100, .domid = DOMID_SELF};
	r->extent_start.p = (xen_pfn_t *)frames;
	e[0] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
	e[1] = (struct multicall_entry){.op = __HYPERVISOR_memory_op,
					.args = {XENMEM_populate_physmap, FAKE_GVA(0x800)}};
	e[2] = (struct multicall_entry){.op = __HYPERVISOR_multicall};
	e[3] = (struct multicall_entry){.op = 12345};
	fake_preempt_every = 2;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_multicall, ARG_GVA, 4, 0), 0);
	ck_assert_uint_gt(fake_restarts, 2);
	ck_assert_int_eq((long)e[0].result, 4 << 16 | 17);
	ck_assert_int_eq((long)e[1].result, 100);
	ck_assert_int_eq((long)e[2].result, -EINVAL);
	ck_assert_int_eq((long)e[3].result, -ENOSYS);
	ck_assert_uint_eq(hwdom->tot_pages, 100);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_multicall, 16, 1, 0), -EFAULT);
}
END_TEST

START_TEST(console_carries_domain_0_and_guests)
{
	memcpy(fake_guest_mem, "hello", 5);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 5, ARG_GVA), 0);
	ck_assert_uint_eq(fake_console_len, 5);
	ck_assert_mem_eq(fake_console, "hello", 5);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_console_io, CONSOLEIO_read, 16, ARG_GVA), 2);
	ck_assert_mem_eq(fake_guest_mem, "ab", 2);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_console_io, CONSOLEIO_read, 16, ARG_GVA), 0);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, ~0u, ARG_GVA),
			 -EINVAL);

	fake_run_as(fake_domain(1, 1)->vcpus[0]);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_console_io, CONSOLEIO_read, 16, ARG_GVA),
			 -EPERM);
	fake_console_len = 0;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 5, ARG_GVA), 0);
	ck_assert_uint_eq(fake_console_len, 5);
}
END_TEST

/* A full port has domain 0 come back with the same bytes, or waits with the rest: none is lost, none twice. */
START_TEST(console_waits_for_room)
{
	memcpy(fake_guest_mem, "0123456789abcdef", 16);
	fake_console_full = 1;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 16, ARG_GVA),
			 -EAGAIN);
	ck_assert_uint_eq(fake_console_len, 0);
	fake_console_full = 6;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 16, ARG_GVA), 0);
	ck_assert_uint_eq(fake_restarts, 2);
	ck_assert_uint_eq(fake_console_len, 16);
	ck_assert_mem_eq(fake_console, "0123456789abcdef", 16);
	fake_preempt_every = 1;
	fake_console_len = 0;
	fake_console_full = 2;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 16, ARG_GVA), 0);
	ck_assert_mem_eq(fake_console, "0123456789abcdef", 16);
	ck_assert_uint_eq(fake_console_len, 16);
}
END_TEST

static long vcpu_op(uint32_t cmd, uint32_t vcpu)
{
	return fake_hypercall(__HYPERVISOR_vcpu_op, cmd, vcpu, ARG_GVA);
}

START_TEST(vcpu_info_moves_once)
{
	struct domain *d = fake_domain(3, 8);
	struct vcpu_register_vcpu_info *r = ARG(struct vcpu_register_vcpu_info);

	fake_run_as(d->vcpus[0]);
	*r = (struct vcpu_register_vcpu_info){.mfn = 3, .offset = PAGE_SIZE - 63};
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0), -EINVAL);
	r->offset = 4;
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0), -EINVAL);
	*r = (struct vcpu_register_vcpu_info){.mfn = 99, .offset = 64};
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0), -EINVAL);
	r->mfn = 3;
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 3), -ENOENT);
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 0), -EINVAL);
	/* Everything is to be looked at again. */
	ck_assert_uint_eq(d->vcpus[0]->vcpu_info->evtchn_upcall_pending, 1);
	ck_assert_uint_eq(d->vcpus[0]->vcpu_info->evtchn_pending_sel, ~0UL);
	/* An offline one may be prepared, one that runs may not. */
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 1), 0);
	d->vcpus[2]->state = VCPU_RUNNING;
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 2), -EINVAL);
}
END_TEST

/* What another vCPU does just when this one has found its frame. */
static void (*meanwhile)(void);

int __real_p2m_get_own_frame(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn);
int __wrap_p2m_get_own_frame(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
	int rc = __real_p2m_get_own_frame(d, gfn, write, mfn);
	void (*other)(void) = meanwhile;

	meanwhile = NULL;
	if (other)
		other();
	return rc;
}

static struct vcpu *moved;

static void move_it_elsewhere(void)
{
	ck_assert_int_eq(vcpu_register_info(moved, gfn_of(2), 64), 0);
}

/* Of two at once the second is refused, and its frame let go. */
START_TEST(vcpu_info_is_moved_by_one)
{
	struct domain *d = fake_domain(2, 8);
	enum p2m_type type;
	mfn_t there = p2m_lookup(d, gfn_of(2), &type, NULL);

	fake_run_as(d->vcpus[0]);
	moved = d->vcpus[1];
	meanwhile = move_it_elsewhere;
	*ARG(struct vcpu_register_vcpu_info) = (struct vcpu_register_vcpu_info){.mfn = 3};
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, 1), -EINVAL);
	ck_assert(mfn_eq(moved->vcpu_info_mfn, there));
}
END_TEST

START_TEST(vcpus_beyond_the_shared_page_share_nothing)
{
	struct domain *d = fake_domain(128, 8), *other = fake_domain(64, 1);
	struct vcpu_register_vcpu_info *r = ARG(struct vcpu_register_vcpu_info);
	struct vcpu *v = d->vcpus[127];

	fake_run_as(d->vcpus[0]);
	ck_assert_ptr_eq(d->vcpus[31]->vcpu_info, &d->shared_info->vcpu_info[31]);
	v->vcpu_info->evtchn_upcall_pending = 1;
	v->vcpu_info->arch.cr2 = 0x5ec7e7;
	ck_assert_uint_eq(d->vcpus[126]->vcpu_info->evtchn_upcall_pending, 0);
	ck_assert_uint_eq(other->vcpus[63]->vcpu_info->evtchn_upcall_pending, 0);
	for (unsigned int i = 32; i < 128; i++) {
		*r = (struct vcpu_register_vcpu_info){.mfn = i / 64, .offset = i % 64 * 64};
		ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_info, i), 0);
	}
	ck_assert_uint_eq(v->vcpu_info->arch.cr2, 0x5ec7e7); /* it came along */
	ck_assert_uint_eq(v->vcpu_info->evtchn_upcall_pending, 1);
	ck_assert_uint_ne(v->vcpu_info->time.tsc_to_system_mul, 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 127), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 128), -ENOENT);
}
END_TEST

START_TEST(vcpu_calls_that_linux_makes)
{
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 0), 1);
	ck_assert_int_eq(vcpu_op(VCPUOP_is_up, 1), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_stop_periodic_timer, 0), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_stop_singleshot_timer, 0), 0);
	ck_assert_int_eq(vcpu_op(VCPUOP_stop_singleshot_timer, 1), -EINVAL);
	*ARG(struct vcpu_set_singleshot_timer) = (struct vcpu_set_singleshot_timer){1, 0};
	ck_assert_int_eq(vcpu_op(VCPUOP_set_singleshot_timer, 0), 0);
	*ARG(struct vcpu_set_periodic_timer) = (struct vcpu_set_periodic_timer){999999};
	ck_assert_int_eq(vcpu_op(VCPUOP_set_periodic_timer, 0), -EINVAL);
	ck_assert_int_eq(vcpu_op(VCPUOP_get_runstate_info, 0), 0);
	ARG(struct vcpu_register_time_memory_area)->addr.p = FAKE_GVA(1024);
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0), 0);
	ck_assert_mem_eq(fake_guest_mem + 1024, &hwdom->vcpus[0]->vcpu_info->time,
			 sizeof(struct vcpu_time_info));
	/* Of another vCPU: when it runs. */
	memset(fake_guest_mem + 1024, 0x55, sizeof(struct vcpu_time_info));
	ARG(struct vcpu_register_time_memory_area)->addr.p = FAKE_GVA(1024);
	ck_assert_int_eq(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 1), 0);
	ck_assert_uint_eq(fake_guest_mem[1024], 0x55);
	vcpu_update_areas(hwdom->vcpus[1]);
	ck_assert_mem_eq(fake_guest_mem + 1024, &hwdom->vcpus[1]->vcpu_info->time,
			 sizeof(struct vcpu_time_info));
	ck_assert_uint_eq(hwdom->vcpus[1]->time_gva, 0);
	ARG(struct vcpu_register_runstate_memory_area)->addr.p = FAKE_GVA(512);
	ck_assert_int_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0), 0);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable,
					VMASST_TYPE_runstate_update_flag, 0),
			 0);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, 2, 0), -EINVAL);
}
END_TEST

static long param(uint32_t cmd, domid_t dom, uint32_t index, uint64_t value)
{
	*ARG(struct xen_hvm_param) =
		(struct xen_hvm_param){.domid = dom, .index = index, .value = value};
	return fake_hypercall(__HYPERVISOR_hvm_op, cmd, ARG_GVA, 0);
}

START_TEST(hvm_params_have_owners)
{
	struct domain *d = fake_domain(1, 1);

	ck_assert_int_eq(param(HVMOP_get_param, DOMID_SELF, HVM_PARAM_STORE_EVTCHN, 9), 0);
	ck_assert_uint_eq(ARG(struct xen_hvm_param)->value, 0);
	ck_assert_int_eq(param(HVMOP_set_param, d->id, HVM_PARAM_STORE_PFN, 0xfeffc), 0);
	ck_assert_int_eq(param(HVMOP_set_param, d->id, HVM_PARAM_ALTP2M, 0), 0);
	ck_assert_int_eq(param(HVMOP_set_param, d->id, HVM_PARAM_ALTP2M, 1), -EOPNOTSUPP);
	ck_assert_int_eq(param(HVMOP_set_param, d->id, HVM_PARAM_IOREQ_SERVER_PFN, 5), 0);
	ck_assert_int_eq(param(HVMOP_set_param, d->id, HVM_PARAM_IOREQ_SERVER_PFN, 6), -EEXIST);
	ck_assert_int_eq(param(HVMOP_set_param, d->id, HVM_NR_PARAMS, 0), -EINVAL);
	ck_assert_int_eq(param(HVMOP_set_param, d->id, ~0u, 0), -EINVAL);
	ck_assert_int_eq(param(HVMOP_set_param, 99, HVM_PARAM_STORE_PFN, 0), -ESRCH);

	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(param(HVMOP_get_param, DOMID_SELF, HVM_PARAM_STORE_PFN, 0), 0);
	ck_assert_uint_eq(ARG(struct xen_hvm_param)->value, 0xfeffc);
	ck_assert_int_eq(param(HVMOP_set_param, DOMID_SELF, HVM_PARAM_STORE_PFN, 1), -EPERM);
	ck_assert_int_eq(param(HVMOP_set_param, DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 1), 0);
	ck_assert_int_eq(param(HVMOP_set_param, 0, HVM_PARAM_STORE_PFN, 1), -EPERM);
}
END_TEST

START_TEST(upcall_vectors_find_offline_vcpus)
{
	struct xen_hvm_evtchn_upcall_vector *u = ARG(struct xen_hvm_evtchn_upcall_vector);
	const uint64_t cmd = HVMOP_set_evtchn_upcall_vector;

	*u = (struct xen_hvm_evtchn_upcall_vector){1, 0xf3};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_hvm_op, cmd, ARG_GVA, 0), 0);
	ck_assert_uint_eq(hwdom->vcpus[1]->upcall_vector, 0xf3);
	u->vcpu = 2;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_hvm_op, cmd, ARG_GVA, 0), -ENOENT);
	*u = (struct xen_hvm_evtchn_upcall_vector){0, 0xf};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_hvm_op, cmd, ARG_GVA, 0), -EINVAL);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_hvm_op, HVMOP_pagetable_dying, ARG_GVA, 0),
			 -EINVAL);
}
END_TEST

START_TEST(linux_dom0_probes_get_what_they_expect)
{
	struct xen_platform_op *p = ARG(struct xen_platform_op);

	*p = (struct xen_platform_op){.cmd = XENPF_firmware_info,
				      .interface_version = XENPF_INTERFACE_VERSION};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_platform_op, ARG_GVA, 0, 0), -ENOSYS);
	p->cmd = XENPF_settime64;
	p->u.settime64.nsecs = 1000000000;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_platform_op, ARG_GVA, 0, 0), -EINVAL);
	p->u.settime64.nsecs = 1;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_platform_op, ARG_GVA, 0, 0), 0);
	p->interface_version++;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_platform_op, ARG_GVA, 0, 0), -EACCES);
	*p = (struct xen_platform_op){.cmd = XENPF_get_cpuinfo,
				      .interface_version = XENPF_INTERFACE_VERSION};
	p->u.pcpu_info.xen_cpuid = 1;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_platform_op, ARG_GVA, 0, 0), 0);
	ck_assert_uint_eq(p->u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
	p->u.pcpu_info.xen_cpuid = 9;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_platform_op, ARG_GVA, 0, 0), 0);
	ck_assert_uint_eq(p->u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);

	ck_assert_int_eq(
		fake_hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_pci_device_add, ARG_GVA, 0), 0);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, ARG_GVA, 0),
			 -ENOSYS);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_dm_op, DOMID_INVALID, 0, 0), 0);
}
END_TEST

START_TEST(device_models_are_held_to_other_domains)
{
	struct domain *d = fake_domain(3, 1);
	struct xen_dm_op_buf *buf = ARG(struct xen_dm_op_buf);
	struct xen_dm_op *op = (void *)&fake_guest_mem[256];

	*op = (struct xen_dm_op){.op = XEN_DMOP_nr_vcpus};
	buf->h.p = op;
	buf->size = sizeof(*op);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_dm_op, d->id, 1, ARG_GVA), 0);
	ck_assert_uint_eq(op->u.nr_vcpus.vcpus, 3);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_dm_op, 0, 1, ARG_GVA), -EINVAL);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_dm_op, 99, 1, ARG_GVA), -ESRCH);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_dm_op, d->id, 5, ARG_GVA), -E2BIG);
	/* The answer must find room. */
	buf->size = offsetof(struct xen_dm_op, u);
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_dm_op, d->id, 1, ARG_GVA), -EFAULT);
	buf->size = sizeof(*op);
	op->op = XEN_DMOP_map_mem_type_to_ioreq_server;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_dm_op, d->id, 1, ARG_GVA), -EOPNOTSUPP);
	*op = (struct xen_dm_op){.op = XEN_DMOP_remote_shutdown};
	op->u.remote_shutdown.reason = SHUTDOWN_MAX + 1;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_dm_op, d->id, 1, ARG_GVA), -EINVAL);
	op->u.remote_shutdown.reason = SHUTDOWN_crash;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_dm_op, d->id, 1, ARG_GVA), 0);
	ck_assert(d->shut_down);
	fake_domain_kill(d);
}
END_TEST

START_TEST(a_guest_stops_itself)
{
	struct domain *d = fake_domain(1, 1);

	fake_run_as(d->vcpus[0]);
	ARG(struct sched_shutdown)->reason = SHUTDOWN_MAX + 1;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, ARG_GVA, 0),
			 -EINVAL);
	ARG(struct sched_shutdown)->reason = SHUTDOWN_reboot;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, ARG_GVA, 0), 0);
	ck_assert(d->shut_down);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_reboot);
	*ARG(struct sched_remote_shutdown) = (struct sched_remote_shutdown){0, SHUTDOWN_crash};
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, ARG_GVA, 0),
			 -EPERM);
}
END_TEST

/* Public sched.h, SCHEDOP_shutdown_code: what the domain will be said to have stopped with, however it does. */
START_TEST(a_guest_says_what_its_end_will_mean)
{
	struct domain *d = fake_domain(1, 1);

	fake_run_as(d->vcpus[0]);
	ARG(struct sched_shutdown)->reason = SHUTDOWN_crash;
	ck_assert_int_eq(fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, ARG_GVA, 0),
			 0);
	ck_assert(!d->shut_down);
	vcpu_down(d->vcpus[0]);
	ck_assert(d->shut_down);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_crash);
	/* It does not outlive a resumption. */
	domain_resume(d);
	ck_assert_int_eq(domain_shutdown(d, SHUTDOWN_suspend), 0);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_suspend);
}
END_TEST

START_TEST(the_last_vcpu_down_ends_the_domain)
{
	struct domain *d = fake_domain(2, 1);

	d->vcpus[0]->state = VCPU_RUNNING;
	d->vcpus[1]->state = VCPU_RUNNING;
	vcpu_down(d->vcpus[0]);
	ck_assert(!d->shut_down);
	/* It has been told to start, and has not looked yet. */
	fake_told_to_start = d->vcpus[1];
	vcpu_down(d->vcpus[1]);
	ck_assert_int_eq(d->vcpus[1]->state, VCPU_RUNNING);
	ck_assert(!d->shut_down);
	fake_told_to_start = NULL;
	vcpu_down(d->vcpus[1]);
	ck_assert(d->shut_down);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_poweroff);
}
END_TEST

static long watchdog(uint32_t id, uint32_t seconds)
{
	*ARG(struct sched_watchdog) = (struct sched_watchdog){id, seconds};
	return fake_hypercall(__HYPERVISOR_sched_op, SCHEDOP_watchdog, ARG_GVA, 0);
}

START_TEST(a_watchdog_that_is_not_fed_stops_its_domain)
{
	struct domain *d = fake_domain(1, 1);

	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(watchdog(0, 0), -EINVAL);
	ck_assert_int_eq(watchdog(1, 5), -EINVAL);
	ck_assert_int_eq(watchdog(3, 5), -EINVAL);
	ck_assert_int_eq(watchdog(0, 5), 1);
	ck_assert_int_eq(watchdog(0, 9), 2);
	ck_assert_int_eq(watchdog(0, 5), -ENOSPC);
	fake_now += 4000000000ULL;
	fake_timers();
	ck_assert_int_eq(watchdog(1, 5), 0);
	fake_now += 4000000000ULL;
	fake_timers();
	ck_assert(!d->shut_down);
	ck_assert_int_eq(watchdog(2, 0), 0);
	ck_assert_int_eq(watchdog(2, 0), -EINVAL);
	fake_now += 1000000000ULL;
	fake_timers();
	ck_assert(d->shut_down);
	ck_assert_uint_eq(d->shutdown_code, SHUTDOWN_watchdog);
}
END_TEST

START_TEST(a_dead_domain_has_no_watchdog)
{
	struct domain *d = fake_domain(1, 1);

	fake_run_as(d->vcpus[0]);
	ck_assert_int_eq(watchdog(0, 5), 1);
	fake_run_as(hwdom->vcpus[0]);
	ck_assert_int_eq(domain_kill(d), 0);
	fake_now += 9000000000ULL;
	fake_timers();
}
END_TEST

Suite *hypercall_suite(void)
{
	Suite *s = suite_create("hypercalls");
	TCase *tc = host_case("calls");

	tcase_add_test(tc, who_we_are);
	tcase_add_test(tc, features_are_those_of_4_17);
	tcase_add_test(tc, absent_calls_are_counted);
	tcase_add_test(tc, only_the_hardware_domain_controls);
	tcase_add_test(tc, multicall_runs_entries_and_goes_on_inside_one);
	tcase_add_test(tc, console_carries_domain_0_and_guests);
	tcase_add_test(tc, console_waits_for_room);
	tcase_add_test(tc, vcpu_info_moves_once);
	tcase_add_test(tc, vcpu_info_is_moved_by_one);
	tcase_add_test(tc, vcpus_beyond_the_shared_page_share_nothing);
	tcase_add_test(tc, vcpu_calls_that_linux_makes);
	tcase_add_test(tc, hvm_params_have_owners);
	tcase_add_test(tc, upcall_vectors_find_offline_vcpus);
	tcase_add_test(tc, linux_dom0_probes_get_what_they_expect);
	tcase_add_test(tc, device_models_are_held_to_other_domains);
	tcase_add_test(tc, a_guest_stops_itself);
	tcase_add_test(tc, a_guest_says_what_its_end_will_mean);
	tcase_add_test(tc, the_last_vcpu_down_ends_the_domain);
	tcase_add_test(tc, a_watchdog_that_is_not_fed_stops_its_domain);
	tcase_add_test(tc, a_dead_domain_has_no_watchdog);
	suite_add_tcase(s, tc);
	return s;
}
