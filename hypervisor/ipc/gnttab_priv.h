/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ipc/gnttab.h"

#include "lib/spinlock.h"

#define GRANTS_PER_FRAME      ((uint32_t)(PAGE_SIZE / sizeof(struct grant_entry_v1)))
#define GRANTS_PER_FRAME_V2   ((uint32_t)(PAGE_SIZE / sizeof(union grant_entry_v2)))
#define STATUS_PER_FRAME      ((uint32_t)(PAGE_SIZE / sizeof(grant_status_t)))
#define MAPTRACK_PER_PAGE     ((uint32_t)(PAGE_SIZE / sizeof(struct maptrack)))
#define MAPTRACK_NONE         (~0U)
#define GNTTAB_INITIAL_FRAMES 1u
/* What the interface can address at all; the toolstack's limits are cut to it. */
#define GNTTAB_MAX_FRAMES     4096u
#define GNTTAB_MAX_MAPTRACK   16384u
#define HWDOM_MAPTRACK        8u /* pages of handles that domain 0 has from the start */

/* Uses of one grant entry. All [gnttab] of the granter. The frame is held while any count is non-zero. */
struct grant_active {
	mfn_t mfn;
	uint16_t readers;
	uint16_t writers;
	domid_t domid; /* who uses it */
	uint16_t pad;
};

enum maptrack_state {
	MAPTRACK_FREE = 0,
	MAPTRACK_BUSY, /* being mapped or unmapped */
	MAPTRACK_MAPPED,
};

/* A grant of @granter's in use, and its frame: from gnttab_pin() to gnttab_unpin(). */
struct grant_use {
	struct domain *granter;
	uint32_t ref;
	bool write;
	mfn_t mfn;
};

/* A mapping made by this domain. [gnttab] of the mapper; whoever made it BUSY owns it all until it no longer is. */
struct maptrack {
	struct grant_use use; /* with a reference of the granter: its table outlives the mapping */
	uint64_t gfn;
	uint32_t next; /* free list */
	uint8_t state;
};

/*
 * Lock [gnttab]: one domain's only, never two at once. Taken under no other lock; p2m and frame locks
 * come below it.
 */
struct gnttab {
	struct spinlock lock;
	uint32_t version;             /* [gnttab] 1 or 2 */
	uint32_t max_version;         /* [c] once in use */
	uint32_t nr_frames;           /* [gnttab] grows only */
	uint32_t max_frames;          /* [c] once in use */
	void **shared;                /* [gnttab] max_frames pages that the guest sees */
	struct grant_active **active; /* [gnttab] GRANTS_PER_FRAME per shared frame */
	grant_status_t **status;      /* [gnttab] pages of version 2; they stay when it is left */
	uint32_t nr_status;           /* [gnttab] of them there */
	uint32_t nr_maptrack;         /* [gnttab] pages */
	uint32_t max_maptrack;        /* [c] once in use */
	struct maptrack **maptrack;   /* [gnttab] */
	uint32_t maptrack_free;       /* [gnttab] first of the free list */
	uint32_t kill_next;           /* where the teardown goes on */
	struct gnttab_usage usage;    /* [gnttab] */
};

/* An entry, wherever its version has its parts. */
struct grant_entry {
	uint32_t *word;         /* flags below, domid above */
	grant_status_t *status; /* who reads and writes; in version 1 the flags themselves */
	struct grant_active *a;
};

/** Find entry @ref. Context: [gnttab]. Return: false when the table doesn't reach that far. */
static inline bool gnttab_entry_at(const struct gnttab *gt, uint32_t ref, struct grant_entry *e)
{
	const bool v2 = gt->version == 2;
	const uint32_t frame = ref / (v2 ? GRANTS_PER_FRAME_V2 : GRANTS_PER_FRAME);

	if (frame >= gt->nr_frames)
		return false;
	if (v2) {
		union grant_entry_v2 *page = gt->shared[frame];

		e->word = (uint32_t *)(void *)&page[ref % GRANTS_PER_FRAME_V2];
		e->status = &gt->status[ref / STATUS_PER_FRAME][ref % STATUS_PER_FRAME];
	} else {
		struct grant_entry_v1 *page = gt->shared[frame];

		e->word = (uint32_t *)(void *)&page[ref % GRANTS_PER_FRAME];
		e->status = (grant_status_t *)(void *)e->word;
	}
	e->a = &gt->active[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
	return true;
}

/** The frame that @e grants. */
static inline uint64_t gnttab_entry_frame(const struct gnttab *gt, const struct grant_entry *e)
{
	if (gt->version == 1)
		return READ_ONCE(((struct grant_entry_v1 *)(void *)e->word)->frame);
	return READ_ONCE(((union grant_entry_v2 *)(void *)e->word)->full_page.frame);
}

/** What of GTF_reading and GTF_writing is not true of @a. */
static inline uint16_t gnttab_idle_flags(const struct grant_active *a)
{
	if (a->writers)
		return 0;
	return a->readers ? GTF_writing : GTF_writing | GTF_reading;
}

static inline bool gnttab_in_use(const struct grant_active *a)
{
	return a->readers || a->writers;
}

/** How many status frames a version 2 table of @nr_frames has. */
static inline uint32_t gnttab_status_frames(uint32_t nr_frames)
{
	return (nr_frames * GRANTS_PER_FRAME_V2 + STATUS_PER_FRAME - 1) / STATUS_PER_FRAME;
}

/**
 * Turn the table of @d to @version: entries beyond the reserved ones are cleared.
 * Return: 0, -EBUSY (entries are in use), -EINVAL (no such version, or a reserved entry that the other
 * version cannot say), -ENOMEM, -ENOSYS (the domain may not). Nothing has changed then.
 */
int must_check gnttab_set_version(struct domain *d, uint32_t version);

/** Make @d's table at least @nr frames long. Context: [gnttab] held. Return: 0, -EINVAL, -ENOMEM. */
int must_check gnttab_grow(struct domain *d, uint32_t nr);

/**
 * Begin the use @u on behalf of domain @user: checks the entry, marks it in use and holds its frame.
 * Return: 0 and @u->mfn, or a GNTST_ code. Undo with gnttab_unpin().
 */
int must_check gnttab_pin(struct grant_use *u, domid_t user);
void gnttab_unpin(const struct grant_use *u);

/** Undo the mapping of @handle, at @host_addr unless that is 0. Return: a GNTST_ code. */
int gnttab_unmap(struct domain *d, uint64_t host_addr, uint32_t handle);
/** Add a page of free handles; they stay until the domain's end. Return: false when there is no memory or
 * the domain's limit is reached. Context: [gnttab], or a domain not yet in use. */
bool gnttab_grow_maptrack(struct gnttab *gt);
