// SPDX-License-Identifier: Apache-2.0
/* HYPERVISOR_grant_table_op: one row per operation, most of them over an array of requests. */
#include "core/vcpu.h"
#include "ipc/gnttab_priv.h"
#include "lib/errno.h"
#include "lib/string.h"

union gnttab_arg {
	struct gnttab_map_grant_ref map;
	struct gnttab_unmap_grant_ref unmap;
	struct gnttab_unmap_and_replace replace;
	struct gnttab_setup_table setup;
	struct gnttab_copy copy;
	struct gnttab_query_size query;
	struct gnttab_set_version set_version;
	struct gnttab_get_status_frames status_frames;
	struct gnttab_get_version get_version;
	struct gnttab_swap_grant_ref swap;
};

struct batch {
	struct domain *d; /* the caller */
	struct gnttab_peer peers[2];
};

/* Each puts its outcome in the request; what they return ends the batch when negative. */

static long op_map(struct batch *b, union gnttab_arg *a)
{
	a->map.status = (int16_t)gnttab_map(b->d, &a->map);
	return 0;
}

static long op_unmap(struct batch *b, union gnttab_arg *a)
{
	a->unmap.status = (int16_t)gnttab_unmap(b->d, a->unmap.host_addr, a->unmap.handle);
	return 0;
}

static long op_replace(struct batch *b, union gnttab_arg *a)
{
	/* Moving a mapping is for paravirtual page tables; with no new place it is an unmap. */
	a->replace.status = a->replace.new_addr ? GNTST_general_error :
						  (int16_t)gnttab_unmap(b->d, a->replace.host_addr,
									a->replace.handle);
	return 0;
}

static long op_copy(struct batch *b, union gnttab_arg *a)
{
	a->copy.status = (int16_t)gnttab_copy(b->d, &a->copy, b->peers);
	return 0;
}

static int16_t resolve(struct batch *b, domid_t id, struct domain **out)
{
	int rc = domain_resolve(b->d, id, out);

	if (rc == -EPERM)
		return GNTST_permission_denied;
	return rc ? GNTST_bad_domain : GNTST_okay;
}

static long op_query_size(struct batch *b, union gnttab_arg *a)
{
	struct domain *d;

	a->query.status = resolve(b, a->query.dom, &d);
	if (a->query.status)
		return 0;
	domain_guard(d);
	a->query.nr_frames = max(READ_ONCE(d->gnttab->nr_frames), GNTTAB_INITIAL_FRAMES);
	a->query.max_nr_frames = d->gnttab->max_frames;
	return 0;
}

/* Where the frames are: a translated guest places them itself. */
static int16_t list_frames(uint64_t gva, uint32_t nr)
{
	const uint64_t nowhere = ~0ULL;

	for (uint32_t i = 0; i < nr; i++)
		if (guest_write_ptr(gva + i * sizeof(nowhere), &nowhere))
			return GNTST_bad_virt_addr;
	return GNTST_okay;
}

static int16_t setup_table(struct domain *d, const struct gnttab_setup_table *op)
{
	int rc;

	if (op->nr_frames > d->gnttab->max_frames)
		return GNTST_general_error;
	spin_lock(&d->gnttab->lock);
	rc = gnttab_grow(d, op->nr_frames);
	spin_unlock(&d->gnttab->lock);
	if (rc)
		return rc == -ENOMEM ? GNTST_no_space : GNTST_general_error;
	return list_frames(handle_gva(op->frame_list), op->nr_frames);
}

static long op_setup_table(struct batch *b, union gnttab_arg *a)
{
	struct domain *d;

	a->setup.status = resolve(b, a->setup.dom, &d);
	if (a->setup.status)
		return 0;
	domain_guard(d);
	a->setup.status = setup_table(d, &a->setup);
	return 0;
}

static long op_set_version(struct batch *b, union gnttab_arg *a)
{
	int rc = gnttab_set_version(b->d, a->set_version.version);

	a->set_version.version = READ_ONCE(b->d->gnttab->version);
	return rc;
}

static long op_get_version(struct batch *b, union gnttab_arg *a)
{
	struct domain *d;
	int rc = domain_resolve(b->d, a->get_version.dom, &d);

	if (rc)
		return rc;
	domain_guard(d);
	a->get_version.version = d->gnttab->version;
	return 0;
}

static long op_status_frames(struct batch *b, union gnttab_arg *a)
{
	struct gnttab_get_status_frames *op = &a->status_frames;
	struct domain *d;
	uint32_t have;

	op->status = resolve(b, op->dom, &d);
	if (op->status)
		return 0;
	domain_guard(d);
	spin_lock(&d->gnttab->lock);
	/* Version 1 keeps status in the entries. */
	have = d->gnttab->version == 2 ? gnttab_status_frames(d->gnttab->nr_frames) : 0;
	spin_unlock(&d->gnttab->lock);
	op->status = op->nr_frames > have ? GNTST_general_error :
					    list_frames(handle_gva(op->frame_list), op->nr_frames);
	return 0;
}

static int16_t swap(struct gnttab *gt, uint32_t x, uint32_t y)
{
	const size_t size = gt->version == 1 ? sizeof(struct grant_entry_v1) :
					       sizeof(union grant_entry_v2);
	union grant_entry_v2 t;
	struct grant_entry ex, ey;

	if (!gnttab_entry_at(gt, x, &ex) || !gnttab_entry_at(gt, y, &ey))
		return GNTST_bad_gntref;
	if (ex.a->readers || ex.a->writers || ey.a->readers || ey.a->writers)
		return GNTST_eagain;
	memcpy(&t, ex.word, size);
	memcpy(ex.word, ey.word, size);
	memcpy(ey.word, &t, size);
	return GNTST_okay;
}

static long op_swap(struct batch *b, union gnttab_arg *a)
{
	spin_guard(&b->d->gnttab->lock);
	a->swap.status = swap(b->d->gnttab, a->swap.ref_a, a->swap.ref_b);
	return 0;
}

#define ROW(fn, arg, how)                            \
	{                                            \
		fn, sizeof(struct gnttab_##arg), how \
	}

/* Requests that answer with more than a status are copied back whole, like all others. */
static const struct gnttab_row {
	long (*fn)(struct batch *b, union gnttab_arg *arg);
	uint8_t size;
	bool single; /* not an array: count must be 1, or is not looked at when 0 */
} rows[] = {
	[GNTTABOP_map_grant_ref] = ROW(op_map, map_grant_ref, false),
	[GNTTABOP_unmap_grant_ref] = ROW(op_unmap, unmap_grant_ref, false),
	[GNTTABOP_setup_table] = ROW(op_setup_table, setup_table, true),
	[GNTTABOP_copy] = ROW(op_copy, copy, false),
	[GNTTABOP_query_size] = ROW(op_query_size, query_size, true),
	[GNTTABOP_unmap_and_replace] = ROW(op_replace, unmap_and_replace, false),
	[GNTTABOP_set_version] = ROW(op_set_version, set_version, true),
	[GNTTABOP_get_status_frames] = ROW(op_status_frames, get_status_frames, true),
	[GNTTABOP_get_version] = ROW(op_get_version, get_version, true),
	[GNTTABOP_swap_grant_ref] = ROW(op_swap, swap_grant_ref, false),
};

static long run_one(struct batch *b, const struct gnttab_row *row, uint64_t gva)
{
	struct guest_place place;
	union gnttab_arg arg;
	long rc;

	if (guest_read_arg(&arg, gva, row->size, &place))
		return -EFAULT;
	rc = row->fn(b, &arg);
	if (guest_write_arg(&place, gva, &arg, row->size)) {
		/* The guest will never learn the handle. */
		if (row->fn == op_map && arg.map.status == GNTST_okay)
			gnttab_unmap_index(b->d, arg.map.handle);
		return -EFAULT;
	}
	return rc;
}

long gnttab_hypercall(struct hypercall *hc)
{
	struct batch b = {.d = hc->v->domain};
	const struct gnttab_row *row;
	uint32_t count = (uint32_t)hc->arg[2], done = 0;
	long rc = 0;

	if (hc->arg[0] >= ARRAY_SIZE(rows) || !rows[hc->arg[0]].fn)
		return -ENOSYS;
	row = &rows[hc->arg[0]];
	if ((row->single && count != 1) || (int32_t)count < 0)
		return -EINVAL;
	while (done < count) {
		rc = run_one(&b, row, hc->arg[1]);
		if (rc)
			break;
		hc->arg[1] += row->size;
		done++;
		if (done < count && preempt_check()) {
			hc->arg[2] = count - done;
			rc = -ERESTART;
			break;
		}
	}
	gnttab_peer_put(&b.peers[0]);
	gnttab_peer_put(&b.peers[1]);
	return rc;
}
