// SPDX-License-Identifier: Apache-2.0
/* Grant tables: the shared table, its growth, and the use of single entries (public grant_table.h). */
#include "ipc/gnttab.h"

#include "arch/x86/mm/map.h"
#include "core/hypercall.h"
#include "ipc/gnttab_priv.h"
#include "lib/errno.h"
#include "mm/frames.h"
#include "mm/heap.h"

/* ---- the table ---- */

int gnttab_grow(struct domain *d, uint32_t nr)
{
	struct gnttab *gt = d->gnttab;

	if (nr > gt->max_frames)
		return -EINVAL;
	while (gt->nr_frames < nr) {
		struct grant_active *active = xcalloc(GRANTS_PER_FRAME, sizeof(*active));
		void *page = domain_alloc_special(d);

		if (!active || !page) {
			xfree(active);
			domain_free_special(page);
			return -ENOMEM;
		}
		gt->active[gt->nr_frames] = active;
		gt->shared[gt->nr_frames] = page;
		gt->nr_frames++;
	}
	return 0;
}

static int alloc_arrays(struct gnttab *gt)
{
	gt->shared = xcalloc(gt->max_frames, sizeof(gt->shared[0]));
	gt->active = xcalloc(gt->max_frames, sizeof(gt->active[0]));
	gt->maptrack = xcalloc(gt->max_maptrack, sizeof(gt->maptrack[0]));
	return gt->shared && gt->active && gt->maptrack ? 0 : -ENOMEM;
}

static void free_arrays(struct gnttab *gt)
{
	for (uint32_t i = 0; i < gt->nr_frames; i++) {
		domain_free_special(gt->shared[i]);
		xfree(gt->active[i]);
	}
	for (uint32_t i = 0; i < gt->nr_maptrack; i++)
		page_free(gt->maptrack[i]);
	xfree(gt->shared);
	xfree(gt->active);
	xfree(gt->maptrack);
}

int gnttab_set_limits(struct domain *d, uint32_t max_frames, uint32_t max_maptrack_frames)
{
	struct gnttab *old = d->gnttab, new = {.version = 1, .maptrack_free = MAPTRACK_NONE};

	new.max_frames = max_frames ? min(max_frames, GNTTAB_MAX_FRAMES) : GNTTAB_DEFAULT_FRAMES;
	new.max_maptrack = max_maptrack_frames ? min(max_maptrack_frames, GNTTAB_MAX_MAPTRACK) :
						 GNTTAB_DEFAULT_MAPTRACK;
	if (alloc_arrays(&new)) {
		free_arrays(&new);
		return -ENOMEM;
	}
	free_arrays(old);
	*old = new;
	return 0;
}

uint32_t gnttab_max_frames(struct domain *d)
{
	return d->gnttab->max_frames;
}

struct gnttab_usage gnttab_usage(struct domain *d)
{
	struct gnttab_usage usage;

	spin_lock(&d->gnttab->lock);
	usage = d->gnttab->usage;
	spin_unlock(&d->gnttab->lock);
	return usage;
}

int gnttab_get_frame(struct domain *d, bool status, uint32_t idx, mfn_t *mfn)
{
	struct gnttab *gt = d->gnttab;
	mfn_t m = INVALID_MFN;
	int rc;

	if (status || idx >= gt->max_frames)
		return -EINVAL;
	spin_lock(&gt->lock);
	rc = READ_ONCE(d->dying) ? -EINVAL : gnttab_grow(d, idx + 1);
	if (!rc) {
		m = virt_to_mfn(gt->shared[idx]);
		frame_get_held(m);
	}
	spin_unlock(&gt->lock);
	if (!rc)
		*mfn = m;
	return rc;
}

/* ---- one entry ---- */

/*
 * Mark the entry as being read (and written). The guest may withdraw it at any moment, hence the
 * compare-and-exchange on flags and domid together. Return: 0 and the frame it grants, or GNTST_.
 */
static int claim_entry(struct grant_entry_v1 *entry, domid_t user, bool write, uint32_t *frame)
{
	uint32_t want = GTF_reading | (write ? GTF_writing : 0);
	uint32_t *word = (uint32_t *)(void *)entry; /* flags below, domid above */
	uint32_t old = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	do {
		if ((old & GTF_type_mask) != GTF_permit_access || old >> 16 != user)
			return GNTST_bad_gntref;
		if (write && (old & GTF_readonly))
			return GNTST_bad_gntref;
	} while (!__atomic_compare_exchange_n(word, &old, old | want, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	*frame = READ_ONCE(entry->frame);
	return 0;
}

static void release_entry(struct grant_entry_v1 *entry, uint16_t flags)
{
	__atomic_fetch_and(&entry->flags, (uint16_t)~flags, __ATOMIC_ACQ_REL);
}

/* The granted page must be the granter's own memory, not something it was granted or lent itself. */
static int hold_frame(struct domain *rd, uint32_t frame, bool write, mfn_t *mfn)
{
	mfn_t m;

	if (p2m_get_frame(rd, gfn_of(frame), write, &m))
		return GNTST_bad_page;
	if (frame_owner(m) != rd->id) {
		frame_put(m);
		return GNTST_bad_page;
	}
	*mfn = m;
	return 0;
}

/* What of GTF_reading and GTF_writing is no longer true of @a. */
static uint16_t idle_flags(const struct grant_active *a)
{
	if (a->writers)
		return 0;
	return a->readers ? GTF_writing : GTF_writing | GTF_reading;
}

static int pin_first(struct domain *rd, struct grant_active *a, struct grant_entry_v1 *entry,
		     domid_t user, bool write, mfn_t *mfn)
{
	uint32_t frame;
	int rc;

	rc = claim_entry(entry, user, write, &frame);
	if (rc)
		return rc;
	rc = hold_frame(rd, frame, write, mfn);
	if (rc) {
		release_entry(entry, idle_flags(a));
		return rc;
	}
	a->mfn = *mfn;
	a->domid = user;
	rd->gnttab->usage.used++;
	return 0;
}

/* In use already: the frame is the one held, whatever the guest has put in the entry since. */
static int pin_again(struct grant_active *a, struct grant_entry_v1 *entry, domid_t user, bool write,
		     mfn_t *mfn)
{
	uint32_t frame;
	int rc;

	if (a->domid != user || a->readers == UINT16_MAX || a->writers == UINT16_MAX)
		return GNTST_bad_gntref;
	rc = claim_entry(entry, user, write, &frame);
	if (rc)
		return rc;
	frame_get_held(a->mfn);
	*mfn = a->mfn;
	return 0;
}

int gnttab_pin(struct domain *rd, uint32_t ref, domid_t user, bool write, mfn_t *mfn)
{
	struct gnttab *gt = rd->gnttab;
	struct grant_entry_v1 *entry;
	struct grant_active *a;
	int rc = GNTST_bad_gntref;

	spin_lock(&gt->lock);
	if (ref / GRANTS_PER_FRAME >= gt->nr_frames || READ_ONCE(rd->dying))
		goto out;
	entry = &gt->shared[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
	a = &gt->active[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
	rc = a->readers || a->writers ? pin_again(a, entry, user, write, mfn) :
					pin_first(rd, a, entry, user, write, mfn);
	if (rc)
		goto out;
	if (write)
		a->writers++;
	else
		a->readers++;
out:
	spin_unlock(&gt->lock);
	return rc;
}

void gnttab_unpin(struct domain *rd, uint32_t ref, bool write, mfn_t mfn)
{
	struct gnttab *gt = rd->gnttab;
	struct grant_active *a;

	spin_lock(&gt->lock);
	a = &gt->active[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
	if (write)
		a->writers--;
	else
		a->readers--;
	gt->usage.used -= !a->readers && !a->writers;
	if (idle_flags(a))
		release_entry(&gt->shared[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME],
			      idle_flags(a));
	spin_unlock(&gt->lock);
	frame_put(mfn);
}

/* ---- peers ---- */

struct domain *gnttab_peer_get(struct gnttab_peer *p, struct domain *self, domid_t id)
{
	if (id == DOMID_SELF)
		id = self->id;
	if (p->d && p->d->id == id)
		return p->d;
	gnttab_peer_put(p);
	p->d = domain_get(id);
	return p->d;
}

void gnttab_peer_put(struct gnttab_peer *p)
{
	if (p->d)
		domain_put(p->d);
	p->d = NULL;
}

/* ---- the part of a domain ---- */

static int part_domain_init(struct domain *d)
{
	struct gnttab *gt = xzalloc(sizeof(*gt));

	if (!gt)
		return -ENOMEM;
	d->gnttab = gt;
	if (gnttab_set_limits(d, 0, 0)) {
		xfree(gt);
		d->gnttab = NULL;
		return -ENOMEM;
	}
	/* Domain 0 maps grants of every guest: its first page of handles is no cost of the first guest. */
	if (d->is_hwdom && !gnttab_grow_maptrack(gt)) {
		free_arrays(gt);
		xfree(gt);
		d->gnttab = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* Give back what @d has mapped of others. What others have mapped of it stays until they unmap it. */
static int part_domain_kill(struct domain *d)
{
	struct gnttab *gt = d->gnttab;
	uint32_t end = gt->nr_maptrack * MAPTRACK_PER_PAGE;

	while (gt->kill_next < end) {
		gnttab_unmap_index(d, gt->kill_next++);
		if (gt->kill_next % 64 == 0 && preempt_check())
			return -ERESTART;
	}
	return 0;
}

static void part_domain_fini(struct domain *d)
{
	free_arrays(d->gnttab);
	xfree(d->gnttab);
	d->gnttab = NULL;
}

const struct domain_part gnttab_part = {
	.name = "grant table",
	.domain_init = part_domain_init,
	.domain_kill = part_domain_kill,
	.domain_fini = part_domain_fini,
};
