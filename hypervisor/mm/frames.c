/* SPDX-License-Identifier: Apache-2.0 */
#include "mm/frames.h"

#include "mm/buddy.h"

#define MAX_RANGES 128u

static struct frame_range ranges[MAX_RANGES];
static uint32_t nr_ranges;
static frame_release_fn *release_hook;

/* A record as one word, for exchanging it whole. */
typedef uint64_t __attribute__((may_alias)) frame_word_t;

void frames_fill(mfn_t mfn, uint64_t nr, struct frame f)
{
	frame_word_t *word = (frame_word_t *)(void *)mfn_to_frame(mfn);
	frame_word_t value;

	__builtin_memcpy(&value, &f, sizeof(value));
	for (uint64_t i = 0; i < nr; i++)
		__atomic_store_n(&word[i], value, __ATOMIC_RELEASE);
}

void frames_add_range(uint64_t start, uint64_t end)
{
	BUG_ON(nr_ranges == MAX_RANGES || start >= end);
	BUG_ON(nr_ranges && start < ranges[nr_ranges - 1].end);
	ranges[nr_ranges++] = (struct frame_range){start, end};
}

uint32_t frames_ranges(const struct frame_range **out)
{
	*out = ranges;
	return nr_ranges;
}

uint64_t frames_total(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < nr_ranges; i++)
		n += ranges[i].end - ranges[i].start;
	return n;
}

uint64_t frames_end(void)
{
	return nr_ranges ? ranges[nr_ranges - 1].end : 0;
}

bool mfn_valid(mfn_t mfn)
{
	for (uint32_t i = 0; i < nr_ranges; i++)
		if (mfn.n < ranges[i].end)
			return mfn.n >= ranges[i].start;
	return false;
}

void frame_get_held(mfn_t mfn)
{
	uint32_t old = __atomic_fetch_add(&mfn_to_frame(mfn)->refs, 1, __ATOMIC_RELAXED);

	BUG_ON(!old || old == ~0u);
}

/* Drop a reference. Return: was it the last one, so that the frame is to be freed? */
static bool put_last(mfn_t mfn)
{
	struct frame *f = mfn_to_frame(mfn);
	uint32_t old = __atomic_fetch_sub(&f->refs, 1, __ATOMIC_ACQ_REL);
	uint16_t owner;

	BUG_ON(!old);
	if (old > 1)
		return false;
	owner = f->owner;
	if (owner != FRAME_NONE && release_hook)
		release_hook(owner, mfn);
	return true;
}

void frames_put(mfn_t mfn, uint64_t nr)
{
	uint64_t run = 0; /* frames before this one that are freed together */

	for (uint64_t i = 0; i < nr; i++) {
		if (put_last(mfn_add(mfn, i))) {
			run++;
		} else if (run) {
			buddy_free_run(mfn_add(mfn, i - run), run);
			run = 0;
		}
	}
	if (run)
		buddy_free_run(mfn_add(mfn, nr - run), run);
}

void frame_put(mfn_t mfn)
{
	frames_put(mfn, 1);
}

void frame_set_release_hook(frame_release_fn *fn)
{
	release_hook = fn;
}
