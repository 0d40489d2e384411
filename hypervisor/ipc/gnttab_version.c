// SPDX-License-Identifier: Apache-2.0
/*
 * Versions of a grant table. Version 2 has wider entries, and keeps who uses them in pages of their own;
 * of what it can say beyond version 1, transitive grants and parts of pages are refused to their users.
 */
#include "ipc/gnttab_priv.h"

#include "lib/errno.h"
#include "lib/string.h"

int gnttab_grow_status(struct domain *d, uint32_t nr_frames)
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

/* The entries that live through a change, for the builder may have made them: console, xenstore. */
struct reserved {
	uint32_t word[GNTTAB_NR_RESERVED_ENTRIES];
	uint64_t frame[GNTTAB_NR_RESERVED_ENTRIES];
};

static int save_reserved(const struct gnttab *gt, struct reserved *r)
{
	struct grant_entry e;

	for (uint32_t i = 0; i < GNTTAB_NR_RESERVED_ENTRIES && gnttab_entry_at(gt, i, &e); i++) {
		r->word[i] = READ_ONCE(*e.word) & ~(uint32_t)(GTF_reading | GTF_writing);
		r->frame[i] = gnttab_entry_frame(gt, &e);
		if ((r->word[i] & GTF_type_mask) > GTF_permit_access ||
		    (r->word[i] & GTF_sub_page) || r->frame[i] > UINT32_MAX)
			return -EINVAL;
	}
	return 0;
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

static bool in_use(const struct gnttab *gt)
{
	uint32_t reserved = 0;
	struct grant_entry e;

	for (uint32_t i = 0; i < GNTTAB_NR_RESERVED_ENTRIES && gnttab_entry_at(gt, i, &e); i++)
		reserved += e.a->readers || e.a->writers;
	return gt->usage.used > reserved;
}

static int change(struct domain *d, uint32_t version)
{
	struct gnttab *gt = d->gnttab;
	struct reserved r;
	int rc;

	if (in_use(gt))
		return -EBUSY;
	rc = save_reserved(gt, &r);
	if (!rc && version == 2)
		rc = gnttab_grow_status(d, gt->nr_frames);
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

int gnttab_set_version(struct domain *d, uint32_t version)
{
	if (version != 1 && version != 2)
		return -EINVAL;
	if (version > d->gnttab->max_version)
		return -ENOSYS;
	spin_guard(&d->gnttab->lock);
	return version == d->gnttab->version ? 0 : change(d, version);
}
