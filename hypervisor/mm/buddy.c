/* SPDX-License-Identifier: Apache-2.0 */
#include "mm/buddy.h"

#include "lib/errno.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/frames.h"
#include "mm/heap.h"

/*
 * Free memory below 16 MiB is the last that is taken, so that domain 0 finds it: blocks of the two
 * zones never merge.
 */
#define LOW_ZONE_END 4096u
#define NR_ZONES     2u
#define SCRUB_ORDER  7u /* what is cleared without a look at interrupts: 512 KiB */

enum zone { ZONE_NORMAL, ZONE_LOW };

/* Lives in the first bytes of a free block. */
struct free_block {
	struct list link;
};

static struct {
	struct spinlock lock; /* a leaf lock; guards all below and the records of free frames */
	struct list free[NR_ZONES][2][BUDDY_MAX_ORDER + 1]; /* [zone][dirty][order] */
	bool may_scrub;
	unsigned int scrubbing; /* blocks being cleared: free, but on no list for the moment */
	uint64_t free_pages;
} buddy;

void buddy_init(void)
{
	memset(&buddy, 0, sizeof(buddy));
	for (unsigned int z = 0; z < NR_ZONES; z++)
		for (unsigned int dirty = 0; dirty < 2; dirty++)
			for (unsigned int o = 0; o <= BUDDY_MAX_ORDER; o++)
				list_init(&buddy.free[z][dirty][o]);
}

static enum zone zone_of(uint64_t n)
{
	return n < LOW_ZONE_END ? ZONE_LOW : ZONE_NORMAL;
}

static bool is_head(const struct frame *f)
{
	return f->kind == FRAME_FREE_HEAD || f->kind == FRAME_FREE_DIRTY;
}

/* Put the block on its list; its frames are marked free already. */
static void block_insert(uint64_t n, unsigned int order, bool dirty)
{
	struct frame *f = mfn_to_frame(mfn_of(n));
	struct free_block *b = mfn_to_virt(mfn_of(n));

	f->kind = dirty ? FRAME_FREE_DIRTY : FRAME_FREE_HEAD;
	f->order = (uint8_t)order;
	list_add(&buddy.free[zone_of(n)][dirty][order], &b->link);
}

/* Take the block off its list. A clean block is clean to its first byte again. Return: dirty. */
static bool block_remove(uint64_t n)
{
	struct frame *f = mfn_to_frame(mfn_of(n));
	struct free_block *b = mfn_to_virt(mfn_of(n));
	bool dirty = f->kind == FRAME_FREE_DIRTY;

	list_del(&b->link);
	memset(b, 0, sizeof(*b));
	f->kind = FRAME_FREE;
	f->order = 0;
	return dirty;
}

/*
 * Insert a free block, merged with its buddies as far as they are free, whole, and as dirty as it is: no
 * scrubbing is lost, and once all is scrubbed all is merged.
 */
static void block_free(uint64_t n, unsigned int order, bool dirty)
{
	while (order < BUDDY_MAX_ORDER) {
		uint64_t other = n ^ (1ULL << order);
		struct frame *f = mfn_to_frame(mfn_of(other));

		if (!mfn_valid(mfn_of(other)) || zone_of(other) != zone_of(n))
			break;
		if (!is_head(f) || f->order != order || dirty != (f->kind == FRAME_FREE_DIRTY))
			break;
		block_remove(other);
		n &= ~(1ULL << order);
		order++;
	}
	block_insert(n, order, dirty);
}

/* Free an arbitrary run as the largest aligned blocks it consists of. */
static void run_free(uint64_t start, uint64_t end, bool dirty)
{
	while (start < end) {
		unsigned int order = start ? (unsigned int)__builtin_ctzll(start) : BUDDY_MAX_ORDER;

		order = min(order, BUDDY_MAX_ORDER);
		while ((1ULL << order) > end - start ||
		       zone_of(start) != zone_of(start + (1ULL << order) - 1))
			order--;
		block_free(start, order, dirty);
		start += 1ULL << order;
	}
}

static void mark(uint64_t n, uint64_t nr, uint32_t refs, uint8_t kind)
{
	frames_fill(mfn_of(n), nr, (struct frame){.refs = refs, .owner = FRAME_NONE, .kind = kind});
}

/* A free block of at least @order, of the wanted kind if its zone has one. */
static bool block_find(unsigned int order, bool want_dirty, uint64_t *n, unsigned int *found)
{
	for (unsigned int z = 0; z < NR_ZONES; z++)
		for (unsigned int i = 0; i < 2; i++)
			for (unsigned int o = order; o <= BUDDY_MAX_ORDER; o++) {
				struct list *l = &buddy.free[z][want_dirty ^ i][o];

				if (list_empty(l))
					continue;
				*n = virt_to_mfn(list_first_entry(l, struct free_block, link)).n;
				*found = o;
				return true;
			}
	return false;
}

/* Let blocks that are being cleared come back. Return: whether there were any, so that another look pays. */
static bool await_scrubbers(void)
{
	if (!buddy.scrubbing)
		return false;
	spin_unlock(&buddy.lock);
	__builtin_ia32_pause();
	spin_lock(&buddy.lock);
	return true;
}

static void clear_pages(mfn_t mfn, unsigned int order)
{
	uint8_t *p = mfn_to_virt(mfn);

	for (uint64_t i = 0; i < 1ULL << order; i++)
		page_clear(p + i * PAGE_SIZE);
}

static bool block_take(unsigned int order, unsigned int flags, uint64_t *n, bool *dirty)
{
	unsigned int found;

	spin_guard(&buddy.lock);
	while (!block_find(order, !(flags & BUDDY_ZERO), n, &found)) {
		/* The last frames may be with a scrubber; larger blocks, who asks can do without. */
		if (order || !await_scrubbers())
			return false;
	}
	*dirty = block_remove(*n);
	if (*dirty && (flags & BUDDY_CLEAN)) {
		block_insert(*n, found, true);
		return false;
	}
	/* Keep the upper half each time: low memory stays free and whole the longest. */
	while (found > order) {
		found--;
		block_insert(*n, found, *dirty);
		*n += 1ULL << found;
	}
	mark(*n, 1ULL << order, 1, FRAME_USED);
	buddy.free_pages -= 1ULL << order;
	return true;
}

mfn_t buddy_alloc(unsigned int order, unsigned int flags)
{
	uint64_t n;
	bool dirty;

	if (order > BUDDY_MAX_ORDER || !block_take(order, flags, &n, &dirty))
		return INVALID_MFN;
	if (dirty && (flags & BUDDY_ZERO))
		clear_pages(mfn_of(n), order);
	return mfn_of(n);
}

void buddy_free_run(mfn_t mfn, uint64_t nr)
{
	spin_guard(&buddy.lock);
	for (uint64_t i = 0; i < nr; i++)
		BUG_ON(!mfn_valid(mfn_add(mfn, i)) ||
		       mfn_to_frame(mfn_add(mfn, i))->kind <= FRAME_FREE_DIRTY);
	mark(mfn.n, nr, 0, FRAME_FREE);
	run_free(mfn.n, mfn.n + nr, true);
	buddy.free_pages += nr;
}

void buddy_free(mfn_t mfn, unsigned int order)
{
	buddy_free_run(mfn, 1ULL << order);
}

bool buddy_is_free(mfn_t mfn)
{
	uint8_t kind;

	if (!mfn_valid(mfn))
		return false;
	kind = mfn_to_frame(mfn)->kind;
	return kind >= FRAME_FREE && kind <= FRAME_FREE_DIRTY;
}

static bool run_is_free(uint64_t start, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		if (!buddy_is_free(mfn_of(start + i)))
			return false;
	return true;
}

/* The first frame of the free block that holds frame @n. */
static uint64_t head_of(uint64_t n)
{
	for (unsigned int o = 0; o <= BUDDY_MAX_ORDER; o++) {
		uint64_t head = n & ~((1ULL << o) - 1);
		const struct frame *f = mfn_to_frame(mfn_of(head));

		if (mfn_valid(mfn_of(head)) && is_head(f) && head + (1ULL << f->order) > n)
			return head;
	}
	BUG();
}

/* Take the frames of [start, end) that the block around @start holds. Return: where it ends. */
static uint64_t claim_block(uint64_t start, uint64_t end)
{
	uint64_t head = head_of(start);
	uint64_t block_end = head + (1ULL << mfn_to_frame(mfn_of(head))->order);
	bool dirty = block_remove(head);

	/* Taken before the rest is freed, so that the rest can't merge with it. */
	mark(start, min(end, block_end) - start, 1, FRAME_USED);
	run_free(head, start, dirty);
	if (block_end > end)
		run_free(end, block_end, dirty);
	return min(end, block_end);
}

int buddy_claim(mfn_t mfn, uint64_t nr)
{
	uint64_t n = mfn.n, end = mfn.n + nr;

	if (!nr || end < n)
		return -EBUSY;
	spin_guard(&buddy.lock);
	if (!run_is_free(n, nr))
		return -EBUSY;
	while (n < end)
		n = claim_block(n, end);
	buddy.free_pages -= nr;
	return 0;
}

void buddy_add(mfn_t start, uint64_t nr)
{
	spin_guard(&buddy.lock);
	mark(start.n, nr, 0, FRAME_FREE);
	run_free(start.n, start.n + nr, true);
	buddy.free_pages += nr;
}

uint64_t buddy_free_pages(void)
{
	return READ_ONCE(buddy.free_pages);
}

/*
 * Take a dirty block off the lists, at most SCRUB_ORDER of it. The largest first: what is still being
 * freed frame by frame is left to merge.
 */
static bool take_dirty(uint64_t *n, unsigned int *order)
{
	for (unsigned int z = 0; z < NR_ZONES; z++)
		for (unsigned int o = BUDDY_MAX_ORDER + 1; o--;) {
			struct list *l = &buddy.free[z][1][o];

			if (list_empty(l))
				continue;
			*n = virt_to_mfn(list_first_entry(l, struct free_block, link)).n;
			block_remove(*n);
			for (; o > SCRUB_ORDER; o--)
				block_insert(*n + (1ULL << (o - 1)), o - 1, true);
			/* Still counted as free: it will be again in a moment. */
			mark(*n, 1ULL << o, 1, FRAME_USED);
			buddy.scrubbing++;
			*order = o;
			return true;
		}
	return false;
}

void buddy_allow_scrubbing(void)
{
	__atomic_store_n(&buddy.may_scrub, true, __ATOMIC_RELEASE);
}

bool buddy_scrub_some(void)
{
	unsigned int order;
	uint64_t n;
	bool found;

	if (!__atomic_load_n(&buddy.may_scrub, __ATOMIC_ACQUIRE))
		return false;
	/*
	 * A ticket taken here is served before the next one of a CPU that frees a domain's memory: the two
	 * would take turns for every frame, and where CPUs are themselves scheduled each turn can take ms.
	 */
	if (!spin_trylock(&buddy.lock)) {
		__builtin_ia32_pause();
		return true;
	}
	found = take_dirty(&n, &order);
	spin_unlock(&buddy.lock);
	if (!found)
		return false;
	clear_pages(mfn_of(n), order);
	spin_lock(&buddy.lock);
	mark(n, 1ULL << order, 0, FRAME_FREE);
	block_free(n, order, false);
	buddy.scrubbing--;
	spin_unlock(&buddy.lock);
	return true;
}
