/* SPDX-License-Identifier: Apache-2.0 */
#include "mm/heap.h"

#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mm/buddy.h"
#include "mm/frames.h"

/*
 * A slab is one page: this header, then objects of one size. Slabs with room are on their class's
 * list; an empty one goes back to the buddy allocator at once, so that what a domain cost comes
 * back to the byte.
 */
struct slab {
	struct list link;
	uint16_t class, used;
	uint16_t first_free; /* offset in the page of the first free object, 0 when full */
	uint16_t fresh;      /* offset of the first object never used, 0 when none is left */
	uint8_t reserved[24];
};
static_assert(sizeof(struct slab) == 48, "objects stay aligned to 16");

/* The sizes that use a page best, all multiples of 16. */
static const uint16_t class_size[] = {16,  32,  48,  64,  96,   128,  192,
				      256, 336, 448, 672, 1008, 1344, 2016};

#define NR_CLASSES ARRAY_SIZE(class_size)
#define SLAB_MAX   2016u

static struct spinlock lock;            /* above the buddy lock */
static struct list partial[NR_CLASSES]; /* made at their first use */

static uint16_t class_of(size_t size)
{
	uint16_t c = 0;

	while (class_size[c] < size)
		c++;
	return c;
}

static struct slab *slab_new(uint16_t class)
{
	mfn_t mfn = buddy_alloc(0, 0);
	struct slab *s;

	if (mfn_eq(mfn, INVALID_MFN))
		return NULL;
	mfn_to_frame(mfn)->kind = FRAME_SLAB;
	s = mfn_to_virt(mfn);
	*s = (struct slab){.class = class, .fresh = sizeof(*s)};
	list_add(&partial[class], &s->link);
	return s;
}

/* A free object holds the offset of the next one in its first bytes. */
static void *slab_take(struct slab *s)
{
	uint8_t *page = (uint8_t *)s;
	uint16_t size = class_size[s->class];
	void *p;

	if (s->first_free) {
		p = page + s->first_free;
		memcpy(&s->first_free, p, sizeof(s->first_free));
	} else {
		p = page + s->fresh;
		s->fresh = (uint16_t)(s->fresh + size);
		if (s->fresh + size > PAGE_SIZE)
			s->fresh = 0;
	}
	s->used++;
	if (!s->first_free && !s->fresh)
		list_del(&s->link);
	return p;
}

static void *slab_alloc(size_t size)
{
	uint16_t class = class_of(size);
	struct slab *s;

	spin_guard(&lock);
	if (!partial[class].next)
		list_init(&partial[class]);
	s = list_empty(&partial[class]) ? slab_new(class) :
					  list_first_entry(&partial[class], struct slab, link);
	return s ? slab_take(s) : NULL;
}

static void slab_free(struct slab *s, void *p)
{
	spin_guard(&lock);
	BUG_ON(!s->used);
	if (!s->first_free && !s->fresh)
		list_add(&partial[s->class], &s->link);
	memcpy(p, &s->first_free, sizeof(s->first_free));
	s->first_free = (uint16_t)((uintptr_t)p % PAGE_SIZE);
	if (!--s->used) {
		list_del(&s->link);
		buddy_free(virt_to_mfn(s), 0);
	}
}

static void *large_alloc(size_t size, unsigned int flags)
{
	unsigned int order = 0;
	mfn_t mfn;

	while (order <= BUDDY_MAX_ORDER && (PAGE_SIZE << order) < size)
		order++;
	mfn = buddy_alloc(order, flags);
	if (mfn_eq(mfn, INVALID_MFN))
		return NULL;
	mfn_to_frame(mfn)->kind = FRAME_LARGE;
	mfn_to_frame(mfn)->order = (uint8_t)order;
	return mfn_to_virt(mfn);
}

void *xmalloc(size_t size)
{
	return size <= SLAB_MAX ? slab_alloc(size) : large_alloc(size, 0);
}

void *xzalloc(size_t size)
{
	void *p;

	if (size > SLAB_MAX)
		return large_alloc(size, BUDDY_ZERO);
	p = slab_alloc(size);
	if (p)
		memset(p, 0, size);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : xzalloc(bytes);
}

void xfree(void *p)
{
	struct frame *f;

	if (!p)
		return;
	f = mfn_to_frame(virt_to_mfn(p));
	if (f->kind == FRAME_SLAB) {
		slab_free((struct slab *)((uintptr_t)p & PAGE_MASK), p);
		return;
	}
	BUG_ON(f->kind != FRAME_LARGE || (uintptr_t)p % PAGE_SIZE);
	buddy_free(virt_to_mfn(p), f->order);
}

/*
 * Eight plain stores a turn: as good as any string instruction on hardware whose limit is the
 * memory, and several times as fast under an emulator that runs those one word at a time.
 */
void page_clear(void *p)
{
	uint64_t *q = p;

#pragma GCC unroll 8
	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*q); i++)
		WRITE_ONCE(q[i], 0);
}
