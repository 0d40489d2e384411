// SPDX-License-Identifier: Apache-2.0
/* Grant tables: the shared table, its growth, and the use of single entries (public grant_table.h). */
#include "ipc/gnttab_priv.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/heap.h"

/* ---- the table ---- */

static int grow_status(struct domain *d, uint32_t nr_frames)
{
	struct gnttab *gt = d->gnttab;

	while (gt->nr_status < gnttab_status_frames(nr_frames)) {
		void *page = domain_alloc_special(d);

		if (!page)
			return -ENOMEM;
		gt->status[gt->nr_status++] = page;
	}
	return 0;
}

int gnttab_grow(struct domain *d, uint32_t nr)
{
	struct gnttab *gt = d->gnttab;

	if (nr > gt->max_frames)
		return -EINVAL;
	if (gt->version == 2 && grow_status(d, nr))
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

static void free_arrays(struct gnttab *gt)
{
	for (uint32_t i = 0; i < gt->nr_frames; i++) {
		domain_free_special(gt->shared[i]);
		xfree(gt->active[i]);
	}
	for (uint32_t i = 0; i < gt->nr_status; i++)
		domain_free_special(gt->status[i]);
	for (uint32_t i = 0; i < gt->nr_maptrack; i++)
		xfree(gt->maptrack[i]);
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
	new.shared = xcalloc(new.max_frames, sizeof(new.shared[0]));
	new.active = xcalloc(new.max_frames, sizeof(new.active[0]));
	new.status = xcalloc(gnttab_status_frames(new.max_frames), sizeof(new.status[0]));
	new.maptrack = xcalloc(new.max_maptrack, sizeof(new.maptrack[0]));
	if (!new.shared || !new.active || !new.status || !new.maptrack) {
		free_arrays(&new);
		return -ENOMEM;
	}
	free_arrays(old);
	*old = new;
	return 0;
}

uint32_t gnttab_max_frames(struct domain *d, bool status)
{
	const struct gnttab *gt = d->gnttab;

	if (!status)
		return gt->max_frames;
	return gt->version == 2 ? gnttab_status_frames(gt->max_frames) : 0;
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
	if (READ_ONCE(d->dying) || idx >= gnttab_max_frames(d, status))
		return -EINVAL;
	rc = gnttab_grow(d, idx * per_frame + 1);
	if (rc)
		return rc;
	*mfn = virt_to_mfn(status ? (void *)gt->status[idx] : gt->shared[idx]);
	frame_get_held(*mfn);
	return 0;
}

/* ---- one entry ---- */

/* Tell the guest that its entry is used no more than it is. */
static void release_entry(const struct grant_entry *e)
{
	uint16_t idle = gnttab_idle_flags(e->a);

	if (idle)
		__atomic_fetch_and(e->status, (uint16_t)~idle, __ATOMIC_ACQ_REL);
}

/* Mark the entry as being read (and written), if it grants that to @user. Return: whether it does. */
static bool claim_entry(const struct gnttab *gt, const struct grant_entry *e, domid_t user,
			bool write)
{
	const uint16_t use = GTF_reading | (write ? GTF_writing : 0);
	const uint32_t good = GTF_permit_access | (uint32_t)user << 16;
	uint32_t mask = GTF_type_mask | 0xffffu << 16 | (write ? GTF_readonly : 0);
	uint32_t word = __atomic_load_n(e->word, __ATOMIC_ACQUIRE);

	if (gt->version == 1) {
		/* The guest may withdraw it at any moment: flags and domid are exchanged together. */
		while ((word & mask) == good)
			if (__atomic_compare_exchange_n(e->word, &word, word | use, false,
							__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
				return true;
		return false;
	}
	/*
	 * Version 2 (public grant_table.h): the use is told first, then the entry is looked at again;
	 * who withdraws one clears it first and then looks for users. Parts of pages are not granted here.
	 */
	mask |= GTF_sub_page;
	if ((word & mask) != good)
		return false;
	__atomic_fetch_or(e->status, use, __ATOMIC_SEQ_CST);
	if ((__atomic_load_n(e->word, __ATOMIC_SEQ_CST) & mask) == good)
		return true;
	release_entry(e);
	return false;
}

int gnttab_pin(struct grant_use *u, domid_t user)
{
	struct domain *rd = u->granter;
	struct gnttab *gt = rd->gnttab;
	struct grant_active *a;
	struct grant_entry e;
	bool used;

	spin_guard(&gt->lock);
	if (READ_ONCE(rd->dying) || !gnttab_entry_at(gt, u->ref, &e))
		return GNTST_bad_gntref;
	a = e.a;
	used = gnttab_in_use(a);
	if (used && (a->domid != user || a->readers == UINT16_MAX || a->writers == UINT16_MAX))
		return GNTST_bad_gntref;
	if (!claim_entry(gt, &e, user, u->write))
		return GNTST_bad_gntref;
	if (used) {
		/* The frame is the one held, whatever the guest has put in the entry since. */
		frame_get_held(a->mfn);
	} else {
		/* Of the granter's own memory, not something it was granted or lent itself. */
		if (p2m_get_own_frame(rd, gfn_of(gnttab_entry_frame(gt, &e)), u->write, &a->mfn)) {
			release_entry(&e);
			return GNTST_bad_page;
		}
		a->domid = user;
		gt->usage.used++;
	}
	*(u->write ? &a->writers : &a->readers) += 1;
	u->mfn = a->mfn;
	return 0;
}

void gnttab_unpin(const struct grant_use *u)
{
	struct gnttab *gt = u->granter->gnttab;
	struct grant_entry e;

	spin_lock(&gt->lock);
	/* What is pinned is there: a table only grows, and keeps its version while entries are in use. */
	BUG_ON(!gnttab_entry_at(gt, u->ref, &e));
	*(u->write ? &e.a->writers : &e.a->readers) -= 1;
	gt->usage.used -= !gnttab_in_use(e.a);
	release_entry(&e);
	spin_unlock(&gt->lock);
	frame_put(u->mfn);
}

/*
 * ---- versions ----
 * Version 2 has wider entries, and keeps who uses them in pages of their own; of what it can say beyond
 * version 1, transitive grants and parts of pages are refused to their users.
 */

/* The entries that live through a change, for the builder may have made them: console, xenstore. */
struct reserved {
	uint32_t word[GNTTAB_NR_RESERVED_ENTRIES];
	uint64_t frame[GNTTAB_NR_RESERVED_ENTRIES];
};

/* Return: 0, -EBUSY when others than these are in use, -EINVAL when one says what both versions cannot. */
static int save_reserved(const struct gnttab *gt, struct reserved *r)
{
	uint32_t in_use = 0;
	struct grant_entry e;
	bool alien = false;

	for (uint32_t i = 0; i < GNTTAB_NR_RESERVED_ENTRIES && gnttab_entry_at(gt, i, &e); i++) {
		r->word[i] = READ_ONCE(*e.word) & ~(uint32_t)(GTF_reading | GTF_writing);
		r->frame[i] = gnttab_entry_frame(gt, &e);
		in_use += gnttab_in_use(e.a);
		alien |= (r->word[i] & GTF_type_mask) > GTF_permit_access ||
			 (r->word[i] & GTF_sub_page) || r->frame[i] > UINT32_MAX;
	}
	if (gt->usage.used > in_use)
		return -EBUSY;
	return alien ? -EINVAL : 0;
}

static void put_reserved(const struct gnttab *gt, const struct reserved *r)
{
	struct grant_entry e;

	for (uint32_t i = 0; i < GNTTAB_NR_RESERVED_ENTRIES && gnttab_entry_at(gt, i, &e); i++) {
		if (gt->version == 1)
			((struct grant_entry_v1 *)(void *)e.word)->frame = (uint32_t)r->frame[i];
		else
			((union grant_entry_v2 *)(void *)e.word)->full_page.frame = r->frame[i];
		__atomic_store_n(e.word, r->word[i], __ATOMIC_RELEASE);
		/* Those in use stay marked so. */
		__atomic_fetch_or(e.status,
				  (GTF_reading | GTF_writing) & (uint16_t)~gnttab_idle_flags(e.a),
				  __ATOMIC_RELEASE);
	}
}

int gnttab_set_version(struct domain *d, uint32_t version)
{
	struct gnttab *gt = d->gnttab;
	struct reserved r;
	int rc;

	if (version != 1 && version != 2)
		return -EINVAL;
	if (version > gt->max_version)
		return -ENOSYS;
	spin_guard(&gt->lock);
	if (version == gt->version)
		return 0;
	rc = save_reserved(gt, &r);
	if (!rc && version == 2)
		rc = grow_status(d, gt->nr_frames);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < gt->nr_frames; i++)
		memset(gt->shared[i], 0, PAGE_SIZE);
	for (uint32_t i = 0; i < gt->nr_status; i++)
		memset(gt->status[i], 0, PAGE_SIZE);
	gt->version = version;
	put_reserved(gt, &r);
	return 0;
}

/* ---- the part of a domain ---- */

static void part_domain_fini(struct domain *d)
{
	if (!d->gnttab)
		return;
	free_arrays(d->gnttab);
	xfree(d->gnttab);
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
	return ok ? 0 : -ENOMEM;
}

/* Give back what @d has mapped of others. What others have mapped of it stays until they unmap it. */
static int part_domain_kill(struct domain *d)
{
	struct gnttab *gt = d->gnttab;
	uint32_t end = gt->nr_maptrack * MAPTRACK_PER_PAGE;

	while (gt->kill_next < end) {
		gnttab_unmap(d, 0, gt->kill_next++);
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
