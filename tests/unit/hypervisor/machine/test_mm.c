// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include <pthread.h>

#include "arch/x86/boot/boot_info.h"
#include "lib/errno.h"
#include "mm/bootmem.h"
#include "mm/buddy.h"
#include "mm/frames.h"
#include "mm/heap.h"

#define PAGES (MIB(ARENA_MIB) >> PAGE_SHIFT)

/* The arena's RAM but for a hole of device memory from 5 to 6 MiB. */
static void with_hole(void)
{
	arena_reset();
	buddy_allow_scrubbing();
	frames_add_range(0, MIB(5) >> PAGE_SHIFT);
	frames_add_range(MIB(6) >> PAGE_SHIFT, PAGES);
	buddy_add(mfn_of(0), MIB(5) >> PAGE_SHIFT);
	buddy_add(mfn_of(MIB(6) >> PAGE_SHIFT), PAGES - (MIB(6) >> PAGE_SHIFT));
}

#define FREE_AT_FIRST (PAGES - 256)

static mfn_t held_frames[FREE_AT_FIRST];

START_TEST(validity)
{
	with_hole();
	ck_assert(mfn_valid(mfn_of(0)) && mfn_valid(mfn_of(1279)) && !mfn_valid(mfn_of(1280)));
	ck_assert(!mfn_valid(mfn_of(1535)) && mfn_valid(mfn_of(1536)) && !mfn_valid(mfn_of(PAGES)));
	ck_assert(!mfn_valid(INVALID_MFN));
	ck_assert_uint_eq(frames_total(), FREE_AT_FIRST);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST);
	ck_assert_uint_eq(frames_end(), PAGES);
}
END_TEST

static bool all_zero(mfn_t mfn, uint64_t pages)
{
	const uint64_t *p = mfn_to_virt(mfn);

	for (uint64_t i = 0; i < pages * PAGE_SIZE / 8; i++)
		if (p[i])
			return false;
	return true;
}

struct block {
	mfn_t mfn;
	unsigned int order;
};

START_TEST(buddy_random)
{
	static uint8_t owner[PAGES];
	struct block held[300];
	uint32_t n = 0;
	uint64_t pages = 0;

	with_hole();
	rnd_seed(9);
	memset(owner, 0, sizeof(owner));
	for (int round = 0; round < 3000; round++) {
		if (rnd() % 2 && n < ARRAY_SIZE(held)) {
			unsigned int order = rnd() % 8 ? rnd() % 4 : rnd() % 11;
			bool zero = rnd() % 2;
			mfn_t m = buddy_alloc(order, zero ? BUDDY_ZERO : 0);

			if (mfn_eq(m, INVALID_MFN))
				continue;
			ck_assert_uint_eq(m.n & ((1ULL << order) - 1), 0);
			ck_assert(!zero || all_zero(m, 1ULL << order));
			for (uint64_t i = 0; i < 1ULL << order; i++) {
				ck_assert(mfn_valid(mfn_add(m, i)) && !owner[m.n + i]);
				ck_assert_uint_eq(mfn_to_frame(mfn_add(m, i))->refs, 1);
				owner[m.n + i] = 1;
			}
			memset(mfn_to_virt(m), 0xaa, PAGE_SIZE << order);
			held[n++] = (struct block){m, order};
			pages += 1ULL << order;
		} else if (n) {
			uint32_t i = rnd() % n;

			buddy_free(held[i].mfn, held[i].order);
			memset(owner + held[i].mfn.n, 0, 1ULL << held[i].order);
			pages -= 1ULL << held[i].order;
			held[i] = held[--n];
		}
		if (rnd() % 16 == 0)
			buddy_scrub_some();
		ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST - pages);
	}
	while (n--)
		buddy_free(held[n].mfn, held[n].order);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST);
	while (buddy_scrub_some())
		;
	/* All merged again: the largest aligned block there can be is to be had. */
	ck_assert_uint_eq(buddy_alloc(13, 0).n, 8192);
}
END_TEST

START_TEST(buddy_claims)
{
	mfn_t m;

	with_hole();
	ck_assert_int_eq(buddy_claim(mfn_of(1270), 20), -EBUSY); /* into the hole */
	ck_assert_int_eq(buddy_claim(mfn_of(10), 0), -EBUSY);
	ck_assert_int_eq(buddy_claim(mfn_of(PAGES - 1), 2), -EBUSY);
	ck_assert_int_eq(buddy_claim(mfn_of(~0ULL), 2), -EBUSY);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST);
	ck_assert_int_eq(buddy_claim(mfn_of(4000), 3333), 0);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST - 3333);
	for (uint64_t i = 4000; i < 7333; i++)
		ck_assert(!buddy_is_free(mfn_of(i)) && mfn_to_frame(mfn_of(i))->refs == 1);
	ck_assert(buddy_is_free(mfn_of(3999)) && buddy_is_free(mfn_of(7333)));
	ck_assert_int_eq(buddy_claim(mfn_of(7332), 2), -EBUSY);
	/* Nobody else is ever given what was claimed. */
	while (m = buddy_alloc(0, 0), !mfn_eq(m, INVALID_MFN))
		ck_assert(m.n < 4000 || m.n >= 7333);
	ck_assert_uint_eq(buddy_free_pages(), 0);
	ck_assert(!buddy_scrub_some());
}
END_TEST

START_TEST(buddy_leaves_low_memory)
{
	uint64_t above = PAGES - 4096;
	mfn_t m;

	with_hole();
	for (uint64_t i = 0; i < above; i++) {
		m = buddy_alloc(0, i % 2 ? BUDDY_ZERO : 0);
		ck_assert_uint_ge(m.n, 4096);
	}
	m = buddy_alloc(0, 0);
	ck_assert_uint_lt(m.n, 4096);
}
END_TEST

START_TEST(scrubbing_ends)
{
	int rounds = 0;

	with_hole();
	memset((uint8_t *)phys_to_virt(MIB(8)) + 64, 0x55,
	       64); /* beyond the links of free blocks */
	/* What must be clean already is refused for as long as it is not, and nothing is lost by that. */
	ck_assert(mfn_eq(buddy_alloc(11, BUDDY_ZERO | BUDDY_CLEAN), INVALID_MFN));
	while (buddy_scrub_some())
		ck_assert_int_lt(rounds++, 400);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST);
	ck_assert(all_zero(buddy_alloc(11, BUDDY_ZERO | BUDDY_CLEAN), 2048));
	ck_assert(all_zero(buddy_alloc(11, BUDDY_ZERO), 2048));
}
END_TEST

START_TEST(scrubbing_waits_for_leave)
{
	arena_reset();
	frames_add_range(0, PAGES);
	buddy_add(mfn_of(0), PAGES);
	ck_assert(!buddy_scrub_some());
	buddy_allow_scrubbing();
	ck_assert(buddy_scrub_some());
}
END_TEST

static bool scrubbers_stop;

static void *scrubber(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&scrubbers_stop, __ATOMIC_RELAXED))
		buddy_scrub_some();
	return NULL;
}

/* What is being scrubbed is free: the last frames are to be had although another CPU has them in hand. */
START_TEST(scrubbing_hides_nothing)
{
	pthread_t thread;

	with_hole();
	ck_assert_int_eq(pthread_create(&thread, NULL, scrubber, NULL), 0);
	for (int round = 0; round < 20; round++) {
		for (uint64_t i = 0; i < FREE_AT_FIRST; i++)
			held_frames[i] = buddy_alloc(0, 0);
		for (uint64_t i = 0; i < FREE_AT_FIRST; i++)
			ck_assert(!mfn_eq(held_frames[i], INVALID_MFN));
		for (uint64_t i = 0; i < FREE_AT_FIRST; i++)
			buddy_free(held_frames[i], 0);
	}
	__atomic_store_n(&scrubbers_stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST);
}
END_TEST

START_TEST(heap_random)
{
	struct {
		uint8_t *p;
		size_t size;
		uint8_t fill;
	} held[400];
	uint32_t n = 0;

	with_hole();
	rnd_seed(21);
	for (int round = 0; round < 8000; round++) {
		if (rnd() % 2 && n < ARRAY_SIZE(held)) {
			size_t size = rnd() % 16 ? rnd() % 2100 : rnd() % 20000;
			bool zero = rnd() % 2;
			uint8_t *p = zero ? xzalloc(size) : xmalloc(size);

			ck_assert_ptr_nonnull(p);
			ck_assert_uint_eq((uintptr_t)p % 16, 0);
			for (size_t i = 0; zero && i < size; i++)
				ck_assert_uint_eq(p[i], 0);
			held[n].p = p;
			held[n].size = size;
			held[n].fill = (uint8_t)rnd();
			memset(p, held[n].fill, size);
			n++;
		} else if (n) {
			uint32_t i = rnd() % n;

			for (size_t b = 0; b < held[i].size; b++)
				ck_assert_uint_eq(held[i].p[b], held[i].fill);
			xfree(held[i].p);
			held[i] = held[--n];
		}
	}
	while (n--)
		xfree(held[n].p);
	xfree(NULL);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST);
}
END_TEST

START_TEST(heap_limits)
{
	void *p;

	with_hole();
	ck_assert_ptr_null(xmalloc(MIB(ARENA_MIB) * 2));
	ck_assert_ptr_null(xmalloc(~(size_t)0));
	ck_assert_ptr_null(xcalloc(~(size_t)0, 2));
	p = xcalloc(3, 5);
	ck_assert_ptr_nonnull(p);
	xfree(p);
	while ((p = xzalloc(PAGE_SIZE)))
		ck_assert(all_zero(virt_to_mfn(p), 1));
	ck_assert_ptr_null(xmalloc(16));
}
END_TEST

static uint16_t released_owner;
static uint64_t released_mfn;
static unsigned int releases;

static void on_release(uint16_t owner, mfn_t mfn)
{
	released_owner = owner;
	released_mfn = mfn.n;
	releases++;
}

START_TEST(references)
{
	mfn_t m;

	with_hole();
	frame_set_release_hook(on_release);
	m = buddy_alloc(1, 0);
	mfn_to_frame(m)->owner = mfn_to_frame(mfn_add(m, 1))->owner = 5;
	frame_get_held(m);
	frame_get_held(mfn_add(m, 1));
	frame_get_held(m);
	frame_put(m);
	frame_put(m);
	ck_assert_uint_eq(releases, 0);
	frame_put(m);
	ck_assert_uint_eq(releases, 1);
	ck_assert(released_owner == 5 && released_mfn == m.n && buddy_is_free(m));
	frame_put(mfn_add(m, 1));
	frame_put(mfn_add(m, 1));
	ck_assert_uint_eq(releases, 2);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST);
	frame_set_release_hook(NULL);
}
END_TEST

/* Many references dropped at once: who has another one keeps its frame, the rest is one block again. */
START_TEST(references_of_a_run)
{
	mfn_t m, kept;

	with_hole();
	frame_set_release_hook(on_release);
	m = buddy_alloc(9, 0);
	kept = mfn_add(m, 77);
	for (uint64_t i = 0; i < 512; i++)
		mfn_to_frame(mfn_add(m, i))->owner = 5;
	frame_get_held(kept);
	releases = 0;
	frames_put(m, 512);
	ck_assert_uint_eq(releases, 511);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST - 1);
	for (uint64_t i = 0; i < 512; i++)
		ck_assert_int_eq(buddy_is_free(mfn_add(m, i)), i != 77);
	frames_put(kept, 1);
	ck_assert_uint_eq(releases, 512);
	ck_assert_uint_eq(buddy_free_pages(), FREE_AT_FIRST);
	ck_assert(mfn_eq(buddy_alloc(9, 0), m));
	frame_set_release_hook(NULL);
}
END_TEST

/* A frame that was freed alone is left to merge while there is more to clear elsewhere. */
START_TEST(scrubbing_takes_the_largest)
{
	mfn_t one, large;

	with_hole();
	while (buddy_scrub_some())
		;
	one = buddy_alloc(0, BUDDY_ZERO);
	ck_assert(!mfn_eq(buddy_alloc(0, BUDDY_ZERO), INVALID_MFN)); /* its buddy stays in use */
	large = buddy_alloc(9, BUDDY_ZERO);
	buddy_free(large, 9);
	buddy_free(one, 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(mfn_to_frame(one)->kind, FRAME_FREE_DIRTY);
		ck_assert(buddy_scrub_some());
	}
	ck_assert(buddy_scrub_some() && !buddy_scrub_some());
	ck_assert_int_ne(mfn_to_frame(one)->kind, FRAME_FREE_DIRTY);
}
END_TEST

/* Modules in odd places: their bytes survive the move, and every page of RAM is accounted for. */
START_TEST(boot_memory)
{
	static struct boot_info info;
	uint64_t kept;
	mfn_t pages[600];

	arena_reset();
	memset(&info, 0, sizeof(info));
	boot_e820_add(&info, 0, 0xa0000, E820_RAM);
	boot_e820_add(&info, MIB(1), MIB(31), E820_RAM);
	boot_e820_add(&info, MIB(40), MIB(24), E820_RAM);
	info.nr_modules = 3;
	info.module[0].start = 0x9d000;
	info.module[0].size = 0x2001;
	info.module[1].start = MIB(3) + 0x801;
	info.module[1].size = MIB(5) + 5;
	info.module[2].start = MIB(8) + 0x900; /* shares a page with the one before */
	info.module[2].size = 77;
	for (uint32_t i = 0; i < 3; i++)
		memset(phys_to_virt(info.module[i].start), (int)i + 1, info.module[i].size);

	bootmem_init(&info, MIB(2), MIB(2) + 0x5001);
	bootmem_set_limit(MIB(32));
	for (int i = 0; i < 600; i++) {
		pages[i] = boot_alloc_page();
		ck_assert(all_zero(pages[i], 1));
		ck_assert_uint_lt(pages[i].n, MIB(32) >> PAGE_SHIFT);
		memset(mfn_to_virt(pages[i]), 0xee, PAGE_SIZE);
	}
	bootmem_set_limit(MIB(64));
	ck_assert_uint_lt(boot_alloc_page().n, MIB(64) >> PAGE_SHIFT);
	boot_move_modules(&info);
	for (uint32_t i = 0; i < 3; i++) {
		const uint8_t *p = phys_to_virt(info.module[i].start);

		ck_assert_uint_ge(info.module[i].start, MIB(40));
		ck_assert_uint_eq(info.module[i].start % PAGE_SIZE, 0);
		for (uint64_t b = 0; b < info.module[i].size; b++)
			ck_assert_uint_eq(p[b], i + 1);
	}
	bootmem_finish(&info);
	kept = 600 + 1 + 6 + 3 + (MIB(5) >> PAGE_SHIFT) + 1 + 1;
	ck_assert_uint_eq(frames_total() - buddy_free_pages(), kept);
	for (int i = 0; i < 600; i++)
		ck_assert(!buddy_is_free(pages[i]));
	ck_assert(buddy_is_free(mfn_of(0)) && buddy_is_free(mfn_of(0x9f)));
	ck_assert(!buddy_is_free(mfn_of(512)) && !buddy_is_free(mfn_of(517)));
	ck_assert(buddy_is_free(mfn_of(518)));
	ck_assert_uint_eq(boot_low_page(&info), 0x9f000);
	for (uint32_t i = 0; i < 3; i++)
		boot_release_module(&info, i);
	boot_release_module(&info, 0); /* again: nothing */
	ck_assert_uint_eq(frames_total() - buddy_free_pages(), 607);
}
END_TEST

Suite *mm_suite(void)
{
	Suite *s = suite_create("mm");
	TCase *t = tcase_create("mm");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, validity);
	tcase_add_test(t, buddy_random);
	tcase_add_test(t, buddy_claims);
	tcase_add_test(t, buddy_leaves_low_memory);
	tcase_add_test(t, scrubbing_ends);
	tcase_add_test(t, scrubbing_waits_for_leave);
	tcase_add_test(t, scrubbing_hides_nothing);
	tcase_add_test(t, heap_random);
	tcase_add_test(t, heap_limits);
	tcase_add_test(t, references);
	tcase_add_test(t, references_of_a_run);
	tcase_add_test(t, scrubbing_takes_the_largest);
	tcase_add_test(t, boot_memory);
	suite_add_tcase(s, t);
	return s;
}
