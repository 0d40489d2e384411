// SPDX-License-Identifier: Apache-2.0
/* The 2-level event channel ABI: pending and mask bitmaps in shared_info (public xen.h). */
#include "ipc/evtchn_priv.h"

static void select_port(struct vcpu *v, uint32_t port)
{
	if (!v)
		return;
	if (!bitmap_test_and_set(&v->vcpu_info->evtchn_pending_sel, port / BITS_PER_LONG))
		evtchn_mark_upcall(v);
}

static void set_pending(struct domain *d, struct vcpu *v, struct evtchn *ch, uint32_t port)
{
	struct shared_info *s = d->shared_info;

	if (bitmap_test_and_set(s->evtchn_pending, port))
		return;
	if (!bitmap_test(s->evtchn_mask, port))
		select_port(v, port);
	evtchn_wake_pollers(d, port);
	/* The guest turned to another ABI meanwhile, and may have missed the bit. */
	if (READ_ONCE(d->evtchn->abi) != &evtchn_abi_2l)
		evtchn_raise(d, ch, port);
}

static void clear_pending(struct domain *d, struct evtchn *ch __unused, uint32_t port)
{
	bitmap_clear(d->shared_info->evtchn_pending, port);
}

static void unmask(struct domain *d, struct vcpu *v, struct evtchn *ch __unused, uint32_t port)
{
	struct shared_info *s = d->shared_info;

	if (bitmap_test_and_clear(s->evtchn_mask, port) && bitmap_test(s->evtchn_pending, port))
		select_port(v, port);
}

static bool is_pending(const struct domain *d, uint32_t port)
{
	return bitmap_test(d->shared_info->evtchn_pending, port);
}

const struct evtchn_abi evtchn_abi_2l = {
	.nr_ports = EVTCHN_2L_NR_CHANNELS,
	.set_pending = set_pending,
	.clear_pending = clear_pending,
	.unmask = unmask,
	.is_pending = is_pending,
};
