// SPDX-License-Identifier: Apache-2.0
/* Grant tables: the shared table, its growth, and the use of single entries (public grant_table.h). */
#include "ipc/gnttab.h"

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
	if (gt->version == 2 && gnttab_grow_status(d, nr))
		return -ENOMEM;
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
	gt->status = xcalloc(gnttab_status_frames(gt->max_frames), sizeof(gt->status[0]));
	gt->maptrack = xcalloc(gt->max_maptrack, sizeof(gt->maptrack[0]));
	return gt->shared && gt->active && gt->status && gt->maptrack ? 0 : -ENOMEM;
}

static void free_arrays(struct gnttab *gt)
{
	for (uint32_t i = 0; i < gt->nr_frames; i++) {
		domain_free_special(gt->shared[i]);
		xfree(gt->active[i]);
	}
	for (uint32_t i = 0; i < gt->nr_status; i++)
		domain_free_special(gt->status[i]);
	for (uint32_t i = 0; i < gt->nr_maptrack; i++)
		page_free(gt->maptrack[i]);
	xfree(gt->shared);
	xfree(gt->status);
	xfree(gt->active);
	xfree(gt->maptrack);
}

int gnttab_set_limits(struct domain *d, uint32_t max_frames, uint32_t max_maptrack_frames,
		      uint32_t max_version)
{
	struct gnttab *old = d->gnttab, new = {.version = 1, .maptrack_free = MAPTRACK_NONE};

	new.max_frames = max_frames ? min(max_frames, GNTTAB_MAX_FRAMES) : GNTTAB_DEFAULT_FRAMES;
	new.max_maptrack = max_maptrack_frames ? min(max_maptrack_frames, GNTTAB_MAX_MAPTRACK) :
						 GNTTAB_DEFAULT_MAPTRACK;
	new.max_version = max_version ? max_version : 2;
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

uint32_t gnttab_max_status_frames(struct domain *d)
{
	return d->gnttab->version == 2 ? gnttab_status_frames(d->gnttab->max_frames) : 0;
}

struct gnttab_usage gnttab_usage(struct domain *d)
{
	const struct gnttab_usage *u = &d->gnttab->usage;

	return (struct gnttab_usage){READ_ONCE(u->used), READ_ONCE(u->mapped)};
}

int gnttab_get_frame(struct domain *d, bool status, uint32_t idx, mfn_t *mfn)
{
	const uint32_t per_frame = status ? STATUS_PER_FRAME / GRANTS_PER_FRAME_V2 : 1;
	struct gnttab *gt = d->gnttab;
	int rc;

	if (idx >= gt->max_frames)
		return -EINVAL;
	spin_guard(&gt->lock);
	if (READ_ONCE(d->dying) || (status && idx >= gnttab_max_status_frames(d)))
		return -EINVAL;
	rc = gnttab_grow(d, idx * per_frame + 1);
	if (rc)
		return rc;
	*mfn = virt_to_mfn(status ? (void *)gt->status[idx] : gt->shared[idx]);
	frame_get_held(*mfn);
	return 0;
}

/* ---- one entry ---- */

static bool grants(uint32_t word, domid_t user, bool write)
{
	return (word & GTF_type_mask) == GTF_permit_access && word >> 16 == user &&
	       !(write && (word & GTF_readonly));
}

/* The guest may withdraw the entry at any moment, hence the exchange of flags and domid together. */
static int claim_v1(const struct grant_entry *e, domid_t user, bool write, uint32_t want)
{
	uint32_t old = __atomic_load_n(e->word, __ATOMIC_ACQUIRE);

	do {
		if (!grants(old, user, write))
			return GNTST_bad_gntref;
	} while (!__atomic_compare_exchange_n(e->word, &old, old | want, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	return 0;
}

static void release_entry(const struct grant_entry *e, uint16_t flags)
{
	__atomic_fetch_and(e->status, (uint16_t)~flags, __ATOMIC_ACQ_REL);
}

/*
 * Version 2 (public grant_table.h): the use is told first, then the entry is looked at again; who
 * withdraws an entry clears it first and then looks for users. Parts of pages are not granted here.
 */
static int claim_v2(const struct grant_entry *e, domid_t user, bool write, uint16_t want)
{
	uint32_t word = __atomic_load_n(e->word, __ATOMIC_ACQUIRE);

	if (!grants(word, user, write) || (word & GTF_sub_page))
		return GNTST_bad_gntref;
	__atomic_fetch_or(e->status, want, __ATOMIC_SEQ_CST);
	word = __atomic_load_n(e->word, __ATOMIC_SEQ_CST);
	if (grants(word, user, write) && !(word & GTF_sub_page))
		return 0;
	release_entry(e, gnttab_idle_flags(e->a));
	return GNTST_bad_gntref;
}

/* Mark the entry as being read (and written). Return: 0 and the frame it grants, or GNTST_. */
static int claim_entry(const struct gnttab *gt, const struct grant_entry *e, domid_t user,
		       bool write, uint64_t *frame)
{
	const uint16_t want = GTF_reading | (write ? GTF_writing : 0);
	int rc = gt->version == 1 ? claim_v1(e, user, write, want) : claim_v2(e, user, write, want);

	*frame = gnttab_entry_frame(gt, e);
	return rc;
}

/* The granted page must be the granter's own memory, not something it was granted or lent itself. */
static int hold_frame(struct domain *rd, uint64_t frame, bool write, mfn_t *mfn)
{
	if (p2m_get_frame(rd, gfn_of(frame), write, mfn))
		return GNTST_bad_page;
	if (frame_owner(*mfn) == rd->id)
		return 0;
	frame_put(*mfn);
	return GNTST_bad_page;
}

static int pin_first(struct domain *rd, const struct grant_entry *e, domid_t user, bool write,
		     mfn_t *mfn)
{
	uint64_t frame;
	int rc = claim_entry(rd->gnttab, e, user, write, &frame);

	if (rc)
		return rc;
	rc = hold_frame(rd, frame, write, mfn);
	if (rc) {
		release_entry(e, gnttab_idle_flags(e->a));
		return rc;
	}
	e->a->mfn = *mfn;
	e->a->domid = user;
	rd->gnttab->usage.used++;
	return 0;
}

/* In use already: the frame is the one held, whatever the guest has put in the entry since. */
static int pin_again(struct domain *rd, const struct grant_entry *e, domid_t user, bool write,
		     mfn_t *mfn)
{
	uint64_t frame;
	int rc;

	if (e->a->domid != user || e->a->readers == UINT16_MAX || e->a->writers == UINT16_MAX)
		return GNTST_bad_gntref;
	rc = claim_entry(rd->gnttab, e, user, write, &frame);
	if (rc)
		return rc;
	frame_get_held(e->a->mfn);
	*mfn = e->a->mfn;
	return 0;
}

int gnttab_pin(struct domain *rd, uint32_t ref, domid_t user, bool write, mfn_t *mfn)
{
	struct gnttab *gt = rd->gnttab;
	struct grant_entry e;
	int rc;

	spin_guard(&gt->lock);
	if (READ_ONCE(rd->dying) || !gnttab_entry_at(gt, ref, &e))
		return GNTST_bad_gntref;
	rc = e.a->readers || e.a->writers ? pin_again(rd, &e, user, write, mfn) :
					    pin_first(rd, &e, user, write, mfn);
	if (rc)
		return rc;
	if (write)
		e.a->writers++;
	else
		e.a->readers++;
	return 0;
}

void gnttab_unpin(struct domain *rd, uint32_t ref, bool write, mfn_t mfn)
{
	struct gnttab *gt = rd->gnttab;
	struct grant_entry e;
	uint16_t idle;

	spin_lock(&gt->lock);
	/* What is pinned is there: a table only grows, and keeps its version while entries are in use. */
	BUG_ON(!gnttab_entry_at(gt, ref, &e));
	if (write)
		e.a->writers--;
	else
		e.a->readers--;
	gt->usage.used -= !e.a->readers && !e.a->writers;
	idle = gnttab_idle_flags(e.a);
	if (idle)
		release_entry(&e, idle);
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

static void part_domain_fini(struct domain *d)
{
	free_arrays(d->gnttab);
	xfree(d->gnttab);
	d->gnttab = NULL;
}

static int part_domain_init(struct domain *d)
{
	struct gnttab *gt = xzalloc(sizeof(*gt));
	bool ok;

	if (!gt)
		return -ENOMEM;
	d->gnttab = gt;
	ok = !gnttab_set_limits(d, 0, 0, 0);
	/* Domain 0 maps grants of every guest: handles for the usual devices are no cost of the first guests. */
	while (ok && d->is_hwdom && gt->nr_maptrack < HWDOM_MAPTRACK)
		ok = gnttab_grow_maptrack(gt);
	if (ok)
		return 0;
	part_domain_fini(d);
	return -ENOMEM;
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

const struct domain_part gnttab_part = {
	.domain_init = part_domain_init,
	.domain_kill = part_domain_kill,
	.domain_fini = part_domain_fini,
};
