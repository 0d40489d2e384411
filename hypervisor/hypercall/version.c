// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_xen_version: who we say we are (public version.h, features.h). */
#include "core/op.h"
#include "hypercall/hypercall.h"
#include "lib/string.h"

#define VERSION_MAJOR 4
#define VERSION_MINOR 17

/* Answers that are strings, each in a zeroed field of @size bytes. */
static const struct {
	const char *text;
	size_t size;
} strings[] = {
	[XENVER_extraversion] = {"-domus", XEN_EXTRAVERSION_LEN},
	[XENVER_capabilities] = {"hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ",
				 XEN_CAPABILITIES_INFO_LEN},
	[XENVER_changeset] = {"", XEN_CHANGESET_INFO_LEN},
	[XENVER_commandline] = {"<denied>", sizeof(xen_commandline_t)},
};

static long get_string(struct hypercall *hc)
{
	const uint32_t cmd = (uint32_t)hc->arg[0];
	const bool ours = cmd == XENVER_commandline && hc->d->is_hwdom;
	char buf[1024] = {0}; /* the longest */

	strlcpy(buf, ours ? boot_info.cmdline : strings[cmd].text, strings[cmd].size);
	return guest_write(hc->gva, buf, strings[cmd].size);
}

static long get_compile_info(struct hypercall *hc)
{
	struct xen_compile_info info = {.compiler = "gcc " __VERSION__, .compile_by = "domus"};

	return guest_write_ptr(hc->gva, &info);
}

static long get_platform_parameters(struct hypercall *hc)
{
	struct xen_platform_parameters p = {.virt_start = 0}; /* nothing of ours in an HVM guest */

	return guest_write_ptr(hc->gva, &p);
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
	if (!info->submap_idx && hc->d->is_hwdom)
		info->submap |= 1u << XENFEAT_dom0;
	return 0;
}

static long get_guest_handle(struct hypercall *hc)
{
	spin_guard(&hc->d->lock);
	return guest_write(hc->gva, hc->d->handle, sizeof(hc->d->handle));
}

static const struct op_row rows[] = {
	[XENVER_version] = OP_ANSWER(VERSION_MAJOR << 16 | VERSION_MINOR),
	[XENVER_extraversion] = {get_string},
	[XENVER_compile_info] = {get_compile_info},
	[XENVER_capabilities] = {get_string},
	[XENVER_changeset] = {get_string},
	[XENVER_platform_parameters] = {get_platform_parameters},
	[XENVER_get_features] = OP(get_features, struct xen_feature_info, OP_BACK),
	[XENVER_pagesize] = OP_ANSWER(PAGE_SIZE),
	[XENVER_guest_handle] = {get_guest_handle},
	[XENVER_commandline] = {get_string},
	[XENVER_build_id] = OP_ANSWER(-ENODATA), /* the image is linked without one */
};

long hypercall_xen_version(struct hypercall *hc)
{
	return op_run(hc, rows, ARRAY_SIZE(rows), (uint32_t)hc->arg[0], hc->arg[1]);
}
