/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPC_GNTTAB_PRIV_H
#define IPC_GNTTAB_PRIV_H

#include "ipc/gnttab.h"

#include "lib/spinlock.h"

#define GRANTS_PER_FRAME      ((uint32_t)(PAGE_SIZE / sizeof(struct grant_entry_v1)))
#define MAPTRACK_PER_PAGE     ((uint32_t)(PAGE_SIZE / sizeof(struct maptrack)))
#define MAPTRACK_NONE         (~0U)
#define GNTTAB_INITIAL_FRAMES 1u
/* What the interface can address at all; the toolstack's limits are cut to it. */
#define GNTTAB_MAX_FRAMES     4096u
#define GNTTAB_MAX_MAPTRACK   16384u

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
	MAPTRACK_RO,
	MAPTRACK_RW,
};

/* A mapping made by this domain. [gnttab] of the mapper; whoever made it BUSY owns the rest. */
struct maptrack {
	struct domain *granter; /* with a reference */
	uint64_t gfn;
	uint32_t ref;
	uint32_t next; /* free list */
	mfn_t mfn;
	uint8_t state;
};

/*
 * Lock [gnttab]: one domain's only, never two at once. Taken under no other lock; p2m and frame locks
 * come below it.
 */
struct gnttab {
	struct spinlock lock;
	uint32_t version;               /* [gnttab] 1; version 2 is not offered */
	uint32_t nr_frames;             /* [gnttab] grows only */
	uint32_t max_frames;            /* [c] once in use */
	struct grant_entry_v1 **shared; /* [gnttab] max_frames pages that the guest sees */
	struct grant_active **active;   /* [gnttab] one array per shared frame */
	uint32_t nr_maptrack;           /* [gnttab] pages */
	uint32_t max_maptrack;          /* [c] once in use */
	struct maptrack **maptrack;     /* [gnttab] */
	uint32_t maptrack_free;         /* [gnttab] first of the free list */
	uint32_t kill_next;             /* where the teardown goes on */
	struct gnttab_usage usage;      /* [gnttab] */
};

/** Make @d's table at least @nr frames long. Context: [gnttab] held. Return: 0, -EINVAL, -ENOMEM. */
int must_check gnttab_grow(struct domain *d, uint32_t nr);

/**
 * Use grant @ref of @rd on behalf of domain @user: checks the entry, marks it in use and holds its frame.
 * Return: 0 and *@mfn, or a GNTST_ code. Undo with gnttab_unpin().
 */
int must_check gnttab_pin(struct domain *rd, uint32_t ref, domid_t user, bool write, mfn_t *mfn);
void gnttab_unpin(struct domain *rd, uint32_t ref, bool write, mfn_t mfn);

/* The operations; all return a GNTST_ code. */
struct gnttab_map_grant_ref;
int gnttab_map(struct domain *d, struct gnttab_map_grant_ref *op);
int gnttab_unmap(struct domain *d, uint64_t host_addr, uint32_t handle);
/** Undo the mapping of handle @index if there is one. */
void gnttab_unmap_index(struct domain *d, uint32_t index);

/** Who was resolved last, so that a batch of operations looks a domain up once. */
struct gnttab_peer {
	struct domain *d;
};

/** The domain of id @id (DOMID_SELF: @self); valid until the next call and gnttab_peer_put(). */
struct domain *gnttab_peer_get(struct gnttab_peer *p, struct domain *self, domid_t id);
void gnttab_peer_put(struct gnttab_peer *p);

int gnttab_copy(struct domain *d, const struct gnttab_copy *op, struct gnttab_peer peers[2]);

/** Add a page of free handles; they stay until the domain's end. Return: false when there is no memory or
 * the domain's limit is reached. Context: [gnttab], or a domain not yet in use. */
bool gnttab_grow_maptrack(struct gnttab *gt);

#endif
