// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "arch/x86/mm/map.h"
#include "arch/x86/mm/ptab.h"
#include "lib/errno.h"
#include "mm/buddy.h"
#include "mm/frames.h"

#define PAGES (MIB(ARENA_MIB) >> PAGE_SHIFT)

static struct ptab pt;
static uint64_t budget; /* tables that may still be allocated */

static mfn_t take(void)
{
	if (!budget)
		return INVALID_MFN;
	budget--;
	return buddy_alloc(0, BUDDY_ZERO);
}

static void give(void *ctx, mfn_t mfn)
{
	(void)ctx;
	budget++;
	buddy_free(mfn, 0);
}

static void start(void)
{
	arena_reset();
	frames_add_range(0, PAGES);
	buddy_add(mfn_of(0), PAGES);
	budget = 1000;
	ck_assert_int_eq(ptab_init(&pt, true, take, give, NULL), 0);
}

static void expect(uint64_t frame, uint64_t mfn, uint64_t attr, unsigned int order)
{
	struct ptab_leaf leaf;

	ck_assert_int_eq(ptab_lookup(&pt, frame, &leaf), 0);
	ck_assert_uint_eq(ptab_leaf_mfn(&leaf, frame).n, mfn);
	ck_assert_uint_eq(leaf.attr, attr);
	ck_assert_uint_eq(leaf.order, order);
}

static void expect_none(uint64_t frame)
{
	struct ptab_leaf leaf;

	ck_assert_int_eq(ptab_lookup(&pt, frame, &leaf), -ENOENT);
}

/* The hardware's own word that a walk finds at @level on the way to @frame. */
static uint64_t entry_at(uint64_t frame, unsigned int level)
{
	uint64_t *table = mfn_to_virt(pt.root);

	for (unsigned int l = 3; l > level; l--)
		table = phys_to_virt(table[frame >> 9 * l & 511] & 0xffffffffff000ULL);
	return table[frame >> 9 * level & 511];
}

START_TEST(entries_lose_nothing)
{
	static const uint64_t attr[] = {PT_R, PT_W, PT_X, PT_UC, PT_GLOBAL};

	start();
	ptab_destroy(&pt);
	for (unsigned int nested = 0; nested < 2; nested++) {
		uint64_t user = nested ? 4 : 0;

		ck_assert_int_eq(ptab_init(&pt, nested, take, give, NULL), 0);
		for (unsigned int level = 0; level < 3; level++)
			for (uint64_t bits = 0; bits < 32; bits++) {
				uint64_t want = PT_TYPE(bits * 8 + 7), mfn = bits << 18, e;

				for (unsigned int i = 0; i < ARRAY_SIZE(attr); i++)
					want |= bits >> i & 1 ? attr[i] : 0;
				ck_assert_int_eq(ptab_map(&pt, 0, mfn_of(mfn), 9 * level, want), 0);
				expect(0, mfn, want, 9 * level);
				/* APM vol. 2, 5.3: present, writable, user, page size, no-execute. */
				e = entry_at(0, level);
				ck_assert_uint_eq(e & 3, bits & 3);
				ck_assert_uint_eq(e & 4, user);
				ck_assert_uint_eq(e >> 7 & 1, level > 0);
				ck_assert_uint_eq(e >> 63, !(bits & 4));
				ck_assert_uint_eq(entry_at(0, 3) & 7, 3 | user);
			}
		ptab_destroy(&pt);
	}
}
END_TEST

static void expect_leaves(uint64_t small, uint64_t large, uint64_t huge)
{
	ck_assert_uint_eq(pt.nr_leaves[0], small);
	ck_assert_uint_eq(pt.nr_leaves[1], large);
	ck_assert_uint_eq(pt.nr_leaves[2], huge);
}

START_TEST(splits_and_merges)
{
	uint64_t rwx = PT_R | PT_W | PT_X | PT_TYPE(3), ro = PT_R | PT_TYPE(9);

	start();
	ck_assert_int_eq(ptab_map(&pt, 0, mfn_of(1 << 18), ORDER_1G, rwx), 0);
	ck_assert_uint_eq(pt.nr_tables, 2);
	expect(12345, (1 << 18) + 12345, rwx, ORDER_1G);
	expect_leaves(0, 0, 1);
	/* One page differs: two levels of tables more, all else as it was. */
	ck_assert_int_eq(ptab_map(&pt, 1000, mfn_of(7), ORDER_4K, ro), 0);
	ck_assert_uint_eq(pt.nr_tables, 4);
	expect(1000, 7, ro, ORDER_4K);
	expect(1001, (1 << 18) + 1001, rwx, ORDER_4K);
	expect(5000, (1 << 18) + 5000, rwx, ORDER_2M);
	expect_leaves(512, 511, 0);
	/* A large leaf put over it all takes the tables away. */
	ck_assert_int_eq(ptab_map(&pt, 512, mfn_of(1024), ORDER_2M, rwx), 0);
	ck_assert_uint_eq(pt.nr_tables, 3);
	expect_leaves(0, 512, 0);
	ck_assert_int_eq(ptab_map(&pt, 700, mfn_of(7), ORDER_4K, ro), 0);
	expect_leaves(512, 511, 0);
	ck_assert_int_eq(ptab_unmap(&pt, 0, ORDER_1G), 0);
	expect_leaves(0, 0, 0);
	ck_assert_uint_eq(pt.nr_tables, 1);
	expect_none(0);
	ck_assert_int_eq(ptab_unmap(&pt, 0, ORDER_1G), 0);
	ptab_destroy(&pt);
	ck_assert_uint_eq(buddy_free_pages(), PAGES);
	ptab_destroy(&pt);
}
END_TEST

/* A lone leaf that comes and goes costs no table after the first. */
START_TEST(one_table_is_kept)
{
	start();
	ck_assert_int_eq(ptab_map(&pt, 0, mfn_of(7), 0, PT_R), 0);
	for (uint64_t i = 1; i < 100; i++) {
		uint64_t left = budget;

		ck_assert_int_eq(ptab_map(&pt, i * 512, mfn_of(i), 0, PT_R), 0);
		expect(i * 512, i, PT_R, 0);
		expect_none(i * 512 + 1);
		ck_assert_int_eq(ptab_unmap(&pt, i * 512, 0), 0);
		expect_none(i * 512);
		ck_assert_uint_eq(budget, i == 1 ? left - 1 : left);
	}
	ptab_destroy(&pt);
	ck_assert_uint_eq(budget, 1000);
}
END_TEST

/* Until they have been flushed CPUs may walk a table that was emptied, as what it was. */
START_TEST(a_table_that_is_kept_stays_what_it_was)
{
	const uint64_t far = 1ULL << 27;
	uint64_t table;

	start();
	ck_assert_int_eq(ptab_map(&pt, 0, mfn_of(7), 0, PT_R), 0);
	table = entry_at(0, 1);
	ck_assert_int_eq(ptab_unmap(&pt, 0, 0), 0);
	ck_assert_int_eq(ptab_map(&pt, far, mfn_of(7), 0, PT_R), 0);
	ck_assert_uint_eq(entry_at(far, 1), table);
	ck_assert_int_eq(ptab_map(&pt, 0, mfn_of(512), ORDER_2M, PT_R), 0);
	ck_assert_int_eq(ptab_unmap(&pt, 0, ORDER_2M), 0);
	ck_assert(mfn_eq(pt.spare, INVALID_MFN));
	ptab_destroy(&pt);
}
END_TEST

START_TEST(refusals)
{
	start();
	ck_assert_int_eq(ptab_map(&pt, 0, mfn_of(0), 1, PT_R), -EINVAL);
	ck_assert_int_eq(ptab_map(&pt, 0, mfn_of(0), 27, PT_R), -EINVAL);
	ck_assert_int_eq(ptab_map(&pt, 1, mfn_of(0), ORDER_2M, PT_R), -EINVAL);
	ck_assert_int_eq(ptab_map(&pt, 0, mfn_of(1), ORDER_2M, PT_R), -EINVAL);
	ck_assert_int_eq(ptab_map(&pt, 1ULL << 36, mfn_of(1), 0, PT_R), -EINVAL);
	ck_assert_int_eq(ptab_unmap(&pt, ~0ULL, 0), -EINVAL);
	expect_none(~0ULL);
	ptab_destroy(&pt);
}
END_TEST

/* Give back the table that is kept for the next need. */
static void drop_spare(void)
{
	if (!mfn_eq(pt.spare, INVALID_MFN))
		give(NULL, pt.spare);
	pt.spare = INVALID_MFN;
}

START_TEST(out_of_memory_changes_nothing)
{
	start();
	ck_assert_int_eq(ptab_map(&pt, 0, mfn_of(512), ORDER_2M, PT_R), 0);
	drop_spare();
	for (uint64_t b = 0; b < 3; b++) {
		uint64_t tables = pt.nr_tables, left = budget;

		budget = b;
		ck_assert_int_eq(ptab_map(&pt, 1ULL << 30, mfn_of(1), 0, PT_R), -ENOMEM);
		ck_assert_uint_eq(pt.nr_tables, tables);
		ck_assert_uint_eq(budget, b);
		budget = left;
	}
	budget = 0;
	ck_assert_int_eq(ptab_map(&pt, 5, mfn_of(1), 0, PT_R), -ENOMEM);
	ck_assert_int_eq(ptab_unmap(&pt, 5, 0), -ENOMEM);
	expect(5, 517, PT_R, ORDER_2M);
	ck_assert_int_eq(ptab_unmap(&pt, 0, ORDER_2M), 0);
	ck_assert_uint_eq(pt.nr_tables, 1);
	ptab_destroy(&pt);
}
END_TEST

#define SPAN 4096 /* frames the model covers, at each of two places */

static struct {
	uint64_t mfn, attr;
} model[2 * SPAN]; /* attr 0: nothing there */

static uint64_t frame_of(uint32_t i)
{
	/* The second half straddles a gigabyte. */
	return i < SPAN ? i : (1 << 18) - SPAN / 2 + (i - SPAN);
}

static void model_set(uint32_t i, unsigned int order, uint64_t mfn, uint64_t attr)
{
	for (uint32_t j = 0; j < 1u << order; j++) {
		model[i + j].mfn = mfn + j;
		model[i + j].attr = attr;
	}
}

static void check_model(void)
{
	for (uint32_t i = 0; i < 2 * SPAN; i++) {
		struct ptab_leaf leaf;
		int rc = ptab_lookup(&pt, frame_of(i), &leaf);

		ck_assert_int_eq(rc, model[i].attr ? 0 : -ENOENT);
		if (rc)
			continue;
		ck_assert_uint_eq(ptab_leaf_mfn(&leaf, frame_of(i)).n, model[i].mfn);
		ck_assert_uint_eq(leaf.attr, model[i].attr);
	}
}

static bool unmap_one(void *ctx, uint64_t frame, const struct ptab_leaf *leaf)
{
	uint64_t *frames = ctx;

	ck_assert_int_eq(ptab_unmap(&pt, frame, leaf->order), 0);
	*frames += 1ULL << leaf->order;
	return *frames % 3; /* stop now and then, to be resumed */
}

START_TEST(agrees_with_model)
{
	uint64_t pos = 0, frames = 0, mapped = 0;

	start();
	rnd_seed(31);
	memset(model, 0, sizeof(model));
	for (int round = 0; round < 1500; round++) {
		unsigned int order = rnd() % 4 ? ORDER_4K : ORDER_2M;
		uint32_t i = (rnd() % (2 * SPAN)) & ~((1u << order) - 1);

		if (rnd() % 3) {
			uint64_t mfn = (uint64_t)(rnd() % 100000) << order;
			uint64_t attr = (rnd() & 3) | (rnd() & 1 ? PT_X : 0) |
					PT_TYPE(rnd() % 255 + 1);

			ck_assert_int_eq(ptab_map(&pt, frame_of(i), mfn_of(mfn), order, attr), 0);
			model_set(i, order, mfn, attr);
		} else {
			ck_assert_int_eq(ptab_unmap(&pt, frame_of(i), order), 0);
			model_set(i, order, 0, 0);
		}
		if (round % 100 == 0)
			check_model();
	}
	check_model();
	for (uint32_t i = 0; i < 2 * SPAN; i++)
		mapped += model[i].attr != 0;
	while (!ptab_walk(&pt, &pos, unmap_one, &frames))
		;
	ck_assert_uint_eq(frames, mapped);
	ck_assert_uint_eq(pt.nr_tables, 1);
	ptab_destroy(&pt);
	ck_assert_uint_eq(buddy_free_pages(), PAGES);
	ck_assert_uint_eq(budget, 1000);
}
END_TEST

Suite *ptab_suite(void)
{
	Suite *s = suite_create("ptab");
	TCase *t = tcase_create("ptab");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, entries_lose_nothing);
	tcase_add_test(t, splits_and_merges);
	tcase_add_test(t, refusals);
	tcase_add_test(t, one_table_is_kept);
	tcase_add_test(t, a_table_that_is_kept_stays_what_it_was);
	tcase_add_test(t, out_of_memory_changes_nothing);
	tcase_add_test(t, agrees_with_model);
	suite_add_tcase(s, t);
	return s;
}
