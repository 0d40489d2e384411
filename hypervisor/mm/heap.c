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

void *xmalloc(size_t size)
{
	unsigned int order = 0;
	mfn_t mfn;

	if (size <= SLAB_MAX)
		return slab_alloc(size);
	while (order <= BUDDY_MAX_ORDER && (PAGE_SIZE << order) < size)
		order++;
	mfn = buddy_alloc(order, 0);
	if (mfn_eq(mfn, INVALID_MFN))
		return NULL;
	mfn_to_frame(mfn)->kind = FRAME_LARGE;
	mfn_to_frame(mfn)->order = (uint8_t)order;
	return mfn_to_virt(mfn);
}

void *xzalloc(size_t size)
{
	void *p = xmalloc(size);

	if (p)
		memset(p, 0, size);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return xzalloc(bytes);
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

void *page_alloc(void)
{
	mfn_t mfn = buddy_alloc(0, BUDDY_ZERO);

	return mfn_eq(mfn, INVALID_MFN) ? NULL : mfn_to_virt(mfn);
}

void page_free(void *p)
{
	if (p)
		buddy_free(virt_to_mfn(p), 0);
}

/*
 * Eight plain stores a turn: as good as any string instruction on hardware whose limit is the
 * memory, and several times as fast under an emulator that runs those one word at a time.
 */
void page_clear(void *p)
{
	uint64_t *q = p;

	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*q); i += 8) {
		WRITE_ONCE(q[i], 0);
		WRITE_ONCE(q[i + 1], 0);
		WRITE_ONCE(q[i + 2], 0);
		WRITE_ONCE(q[i + 3], 0);
		WRITE_ONCE(q[i + 4], 0);
		WRITE_ONCE(q[i + 5], 0);
		WRITE_ONCE(q[i + 6], 0);
		WRITE_ONCE(q[i + 7], 0);
	}
}
