// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "arch/x86/cpu/cpu.h"
#include "core/softirq.h"
#include "core/timer.h"

#define NR 200

static struct timer timers[NR];
static uint64_t due[NR]; /* the model: when each is due, 0 when not armed */
static uint64_t last;
static unsigned int fired;

static void on_fire(void *arg)
{
	uint64_t i = (uint64_t)(uintptr_t)arg;

	ck_assert(due[i] && due[i] <= fake_now);
	ck_assert_uint_ge(due[i], last);
	ck_assert(!timers[i].armed);
	last = due[i];
	due[i] = 0;
	fired++;
}

static uint64_t model_next(void)
{
	uint64_t next = ~0ULL;

	for (int i = 0; i < NR; i++)
		if (due[i])
			next = min(next, due[i]);
	return next;
}

/* A cancelled timer may leave its shot behind; one that is due must never lack it. */
static void check_hardware(void)
{
	uint64_t next = model_next();

	ck_assert_uint_eq(this_cpu()->timer_root ? this_cpu()->timer_root->when : ~0ULL, next);
	ck_assert_uint_le(fake_armed_at, next);
}

START_TEST(agrees_with_model)
{
	rnd_seed(5);
	fake_now = 1000;
	timers_init();
	for (uintptr_t i = 0; i < NR; i++)
		timer_init(&timers[i], on_fire, (void *)i);
	for (int round = 0; round < 20000; round++) {
		uint32_t i = rnd() % NR;

		switch (rnd() % 4) {
		case 0:
		case 1:
			due[i] = fake_now + rnd() % 1000 + 1;
			timer_set(&timers[i], due[i]);
			ck_assert(timers[i].armed);
			break;
		case 2:
			timer_cancel(&timers[i]);
			due[i] = 0;
			break;
		default:
			fake_now += rnd() % 50;
			last = 0;
			fake_softirq(SOFTIRQ_TIMER);
			for (int j = 0; j < NR; j++)
				ck_assert(!due[j] || due[j] > fake_now);
			break;
		}
		check_hardware();
	}
	ck_assert_uint_gt(fired, 1000);
	for (int i = 0; i < NR; i++) {
		timer_cancel(&timers[i]);
		due[i] = 0;
	}
	check_hardware();
}
END_TEST

static struct timer periodic;
static unsigned int beats;

static void beat(void *arg)
{
	(void)arg;
	if (++beats < 5)
		timer_set(&periodic, fake_now + 10);
}

START_TEST(may_rearm_itself)
{
	fake_now = 100;
	timers_init();
	timer_init(&periodic, beat, NULL);
	timer_set(&periodic, 50); /* past: the next softirq takes it */
	ck_assert_uint_eq(fake_armed, 0);
	for (int i = 0; i < 10; i++) {
		fake_softirq(SOFTIRQ_TIMER);
		fake_now += 10;
	}
	ck_assert_uint_eq(beats, 5);
	ck_assert(!periodic.armed);
	ck_assert_uint_eq(fake_armed, ~0ULL);
}
END_TEST

START_TEST(an_early_shot_is_repeated)
{
	fake_now = 100;
	timers_init();
	timer_init(&periodic, beat, NULL);
	beats = 5;
	timer_set(&periodic, 1000);
	ck_assert_uint_eq(fake_armed, 900);
	fake_now = 400; /* the counter ended before the time had come */
	fake_softirq(SOFTIRQ_TIMER);
	ck_assert_uint_eq(beats, 5);
	ck_assert_uint_eq(fake_armed, 600);
	ck_assert(periodic.armed);
	fake_now = 1000;
	fake_softirq(SOFTIRQ_TIMER);
	ck_assert_uint_eq(beats, 6);
}
END_TEST

Suite *timer_suite(void)
{
	Suite *s = suite_create("timer");
	TCase *t = tcase_create("timer");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, agrees_with_model);
	tcase_add_test(t, may_rearm_itself);
	tcase_add_test(t, an_early_shot_is_repeated);
	suite_add_tcase(s, t);
	return s;
}
