// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_xen_version: who we say we are (public version.h, features.h). */
#include "core/op.h"
#include "hypercall/hypercall.h"
#include "lib/string.h"

#define VERSION_MAJOR 4
#define VERSION_MINOR 17

static const char *own_cmdline = "";

void version_set_commandline(const char *cmdline)
{
	own_cmdline = cmdline;
}

/* Answer with a string in a zeroed field of @size bytes, at most 1024. */
static long put_string(uint64_t gva, const char *s, size_t size)
{
	char buf[1024] = {0};

	strlcpy(buf, s, size);
	return guest_write(gva, buf, size) ? -EFAULT : 0;
}

static long get_version(struct hypercall *hc __unused)
{
	return VERSION_MAJOR << 16 | VERSION_MINOR;
}

static long get_extraversion(struct hypercall *hc)
{
	return put_string(hc->gva, "-domus", XEN_EXTRAVERSION_LEN);
}

static long get_compile_info(struct hypercall *hc)
{
	struct xen_compile_info info = {
		.compiler = "gcc " __VERSION__,
		.compile_by = "domus",
		.compile_domain = "",
		.compile_date = "",
	};

	return guest_write_ptr(hc->gva, &info) ? -EFAULT : 0;
}

static long get_capabilities(struct hypercall *hc)
{
	return put_string(hc->gva, "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ",
			  XEN_CAPABILITIES_INFO_LEN);
}

static long get_changeset(struct hypercall *hc)
{
	return put_string(hc->gva, "", XEN_CHANGESET_INFO_LEN);
}

static long get_platform_parameters(struct hypercall *hc)
{
	struct xen_platform_parameters p = {.virt_start = 0}; /* nothing of ours in an HVM guest */

	return guest_write_ptr(hc->gva, &p) ? -EFAULT : 0;
}

static long get_features(struct hypercall *hc)
{
	const uint32_t hvm =
		1u << XENFEAT_writable_page_tables | 1u << XENFEAT_auto_translated_physmap |
		1u << XENFEAT_hvm_callback_vector | 1u << XENFEAT_hvm_safe_pvclock |
		1u << XENFEAT_memory_op_vnode_supported | 1u << XENFEAT_not_direct_mapped;
	struct xen_feature_info *info = hc->op;

	if (info->submap_idx >= 2)
		return -EINVAL;
	info->submap = info->submap_idx ? 0 : hvm;
	if (!info->submap_idx && hc->v->domain->is_hwdom)
		info->submap |= 1u << XENFEAT_dom0;
	return 0;
}

static long get_pagesize(struct hypercall *hc __unused)
{
	return PAGE_SIZE;
}

static long get_guest_handle(struct hypercall *hc)
{
	struct domain *d = hc->v->domain;
	uint8_t handle[sizeof(d->handle)];

	spin_lock(&d->lock);
	memcpy(handle, d->handle, sizeof(handle));
	spin_unlock(&d->lock);
	return guest_write(hc->gva, handle, sizeof(handle)) ? -EFAULT : 0;
}

static long get_commandline(struct hypercall *hc)
{
	return put_string(hc->gva, hc->v->domain->is_hwdom ? own_cmdline : "<denied>",
			  sizeof(xen_commandline_t));
}

static long get_build_id(struct hypercall *hc __unused)
{
	return -ENODATA; /* the image is linked without one */
}

static const struct op_row rows[] = {
	[XENVER_version] = {get_version},
	[XENVER_extraversion] = {get_extraversion},
	[XENVER_compile_info] = {get_compile_info},
	[XENVER_capabilities] = {get_capabilities},
	[XENVER_changeset] = {get_changeset},
	[XENVER_platform_parameters] = {get_platform_parameters},
	[XENVER_get_features] = OP(get_features, struct xen_feature_info, OP_BACK),
	[XENVER_pagesize] = {get_pagesize},
	[XENVER_guest_handle] = {get_guest_handle},
	[XENVER_commandline] = {get_commandline},
	[XENVER_build_id] = {get_build_id},
};

long hypercall_xen_version(struct hypercall *hc)
{
	return op_run(hc, rows, ARRAY_SIZE(rows), (uint32_t)hc->arg[0], hc->arg[1]);
}
