// SPDX-License-Identifier: Apache-2.0
/* What the scheduler promises: shares, limits, places, and that nobody is forgotten. */
#include "machine.h"

#include <stdlib.h>

#include "lib/errno.h"

#define SPIN 0 /* as a guest's sleep: it never does */

static double ratio(uint64_t a, uint64_t b)
{
	ck_assert_uint_gt(b, 0);
	return (double)a / (double)b;
}

/* @a is @b give or take @tolerance of it. */
static void near(double a, double b, double tolerance)
{
	ck_assert_msg(a > b * (1 - tolerance) && a < b * (1 + tolerance), "%f is not near %f", a,
		      b);
}

static void pin(struct guest *g, uint64_t cpus)
{
	for (unsigned int i = 0; i < g->domain.max_vcpus; i++)
		ck_assert_int_eq(sched_set_affinity(g->vcpus[i], cpus), 0);
}

/* Percent of one CPU that @g uses in the @ns to come. */
static double percent_in(struct guest *g, uint64_t ns)
{
	uint64_t before = guest_time(g);

	machine_run(ns);
	return 100.0 * ratio(guest_time(g) - before, ns);
}

START_TEST(equal_guests_share_one_cpu)
{
	struct guest *a, *b;

	machine_start(2);
	a = guest_start(1, 1, SPIN);
	b = guest_start(1, 1, SPIN);
	pin(a, 1);
	pin(b, 1);
	machine_run(1000 * MS);
	near(ratio(guest_time(a), guest_time(b)), 1, 0.02);
	near(ratio(guest_time(a) + guest_time(b), 1000 * MS), 1, 0.001);
	machine_stop();
}
END_TEST

START_TEST(weights_are_shares)
{
	static const uint32_t weights[] = {64, 256, 512, 2048};

	for (size_t i = 0; i < ARRAY_SIZE(weights); i++) {
		struct guest *a, *b;

		machine_start(1);
		a = guest_start(1, 1, SPIN);
		b = guest_start(1, 1, SPIN);
		machine_run(100 * MS);
		ck_assert_int_eq(sched_set_weight(&a->domain, weights[i]), 0);
		machine_run(100 * MS); /* live: the old lead is worked off */
		near(ratio((uint64_t)(percent_in(a, 4000 * MS) * 1000), 100000),
		     (double)weights[i] / (weights[i] + 256.0), 0.05);
		(void)b;
		machine_stop();
	}
	machine_start(1);
	ck_assert_int_eq(sched_set_weight(&guest_start(1, 1, SPIN)->domain, 0), -EINVAL);
	machine_stop();
}
END_TEST

/* Three on two CPUs get two thirds each, though a queue has two of them. */
START_TEST(cpus_are_shared_as_one)
{
	struct guest *g[3];

	machine_start(2);
	for (int i = 0; i < 3; i++)
		g[i] = guest_start(1, 1, SPIN);
	machine_run(3000 * MS);
	for (int i = 0; i < 3; i++)
		near(ratio(guest_time(g[i]), 2000 * MS), 1, 0.05);
	machine_stop();
}
END_TEST

START_TEST(no_cpu_idles_while_somebody_waits)
{
	struct guest *pinned, *free_one, *third;

	machine_start(2);
	pinned = guest_start(1, 1, SPIN);
	third = guest_start(1, 1, SPIN);
	free_one = guest_start(1, 1, SPIN);
	pin(pinned, 1);
	pin(third, 1);
	pin(free_one, 1);
	machine_run(50 * MS);
	ck_assert_uint_eq(sched_idle_time(1) > 49 * MS, 1);
	pin(free_one, 3); /* now it may go to the idle one, and does at once */
	machine_run(100 * MS);
	near(percent_in(free_one, 500 * MS), 100, 0.02);
	near(percent_in(pinned, 500 * MS), 50, 0.05);
	/* The two that are queued for CPU 0 don't hide the one that is not bound to it. */
	pin(free_one, 1);
	machine_run(20 * MS);
	guest_stop(third);
	pin(free_one, 3);
	near(percent_in(free_one, 500 * MS) + percent_in(pinned, 500 * MS), 200, 0.02);
	machine_stop();
}
END_TEST

START_TEST(caps_hold)
{
	static const uint32_t caps[] = {1, 5, 10, 25, 50, 75, 95, 150, 200};

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		struct guest *g;
		double most = caps[i] > 100 ? 4 : 1;

		machine_start(4);
		g = guest_start((unsigned int)most, 1, SPIN);
		machine_run(20 * MS);
		ck_assert_int_eq(sched_set_cap(&g->domain, caps[i]), 0);
		/* Right from the start, and in every single second. */
		for (int s = 0; s < 5; s++) {
			double used = percent_in(g, 1000 * MS);

			ck_assert_msg(used > caps[i] - 1.0 && used < caps[i] + 1.0, "%f of %u",
				      used, caps[i]);
		}
		machine_stop();
	}
	machine_start(1);
	ck_assert_int_eq(sched_set_cap(&guest_start(1, 1, SPIN)->domain, 64 * 100 + 1), -EINVAL);
	machine_stop();
}
END_TEST

START_TEST(a_cap_is_taken_off_live)
{
	struct guest *g;

	machine_start(1);
	g = guest_start(1, 1, SPIN);
	ck_assert_int_eq(sched_set_cap(&g->domain, 10), 0);
	machine_run(505 * MS); /* parked now */
	ck_assert_int_eq(vcpu_on(g->vcpus[0]), -1);
	ck_assert_int_eq(sched_set_cap(&g->domain, 0), 0);
	near(percent_in(g, 100 * MS), 100, 0.001);
	ck_assert_int_eq(sched_set_cap(&g->domain, 40), 0);
	near(percent_in(g, 1000 * MS), 40, 0.02);
	ck_assert_int_eq(sched_set_cap(&g->domain, 80), 0);
	near(percent_in(g, 1000 * MS), 80, 0.02);
	machine_stop();
}
END_TEST

/* Who sleeps now and then neither loses its share for that nor saves up more than a little. */
START_TEST(a_cap_and_sleep)
{
	struct guest *g, *lazy;

	machine_start(1);
	g = guest_start(1, 3 * MS, 1 * MS); /* wants 75 % */
	ck_assert_int_eq(sched_set_cap(&g->domain, 30), 0);
	machine_run(100 * MS);
	near(percent_in(g, 2000 * MS), 30, 0.05);
	guest_stop(g);
	lazy = guest_start(1, 1 * MS, 9 * MS); /* wants 10 % */
	ck_assert_int_eq(sched_set_cap(&lazy->domain, 50), 0);
	near(percent_in(lazy, 1000 * MS), 10, 0.05);
	lazy->does[0].sleep = SPIN;
	ck_assert_double_lt(percent_in(lazy, 1000 * MS), 53);
	machine_stop();
}
END_TEST

START_TEST(a_capped_one_leaves_the_rest_to_others)
{
	struct guest *capped, *other;

	machine_start(1);
	capped = guest_start(1, 1, SPIN);
	other = guest_start(1, 1, SPIN);
	ck_assert_int_eq(sched_set_cap(&capped->domain, 20), 0);
	machine_run(100 * MS);
	near(percent_in(other, 2000 * MS), 80, 0.03);
	machine_stop();
}
END_TEST

START_TEST(a_dead_guest_leaves_no_timer)
{
	struct guest *g;

	machine_start(1);
	g = guest_start(1, 1, SPIN);
	ck_assert_int_eq(sched_set_cap(&g->domain, 10), 0);
	machine_run(5 * MS);
	guest_stop(g);
	machine_run(100 * MS);
	machine_stop();
}
END_TEST

START_TEST(affinity_holds_and_moves)
{
	struct guest *g;

	machine_start(4);
	g = guest_start(4, 1, SPIN);
	for (uint32_t cpu = 0; cpu < 4; cpu++) {
		pin(g, 1u << cpu);
		machine_run(10 * MS);
		for (int i = 0; i < 50; i++) {
			machine_run(1 * MS);
			for (int n = 0; n < 4; n++)
				ck_assert(vcpu_on(g->vcpus[n]) == -1 ||
					  vcpu_on(g->vcpus[n]) == (int)cpu);
		}
		near(percent_in(g, 200 * MS), 100, 0.001);
	}
	pin(g, ~0ULL);
	machine_run(10 * MS);
	near(percent_in(g, 200 * MS), 400, 0.01);
	ck_assert_int_eq(sched_set_affinity(g->vcpus[0], 0), -EINVAL);
	ck_assert_int_eq(sched_set_affinity(g->vcpus[0], 1u << 5), -EINVAL);
	machine_stop();
}
END_TEST

/* Who ran alone for long owes nobody when it comes to a CPU with others, or others come to it. */
START_TEST(a_past_alone_is_not_held_against_anybody)
{
	struct guest *old, *new, *sleeper;

	machine_start(2);
	old = guest_start(1, 1, SPIN);
	pin(old, 1);
	machine_run(20000 * MS);
	new = guest_start(1, 1, SPIN);
	pin(new, 2);
	machine_run(10 * MS);
	pin(old, 2);
	near(percent_in(old, 400 * MS), 50, 0.1);
	guest_stop(old);
	guest_stop(new);

	sleeper = guest_start(1, 10000 * MS, 5 * MS); /* sleeps after ten seconds alone */
	pin(sleeper, 1);
	machine_run(9999 * MS);
	new = guest_start(1, 1, SPIN);
	pin(new, 1);
	machine_run(20 * MS);
	near(percent_in(sleeper, 400 * MS), 50, 0.1);
	machine_stop();
}
END_TEST

/* With a crowd that computes, who wakes for a moment is on a CPU within a moment. */
START_TEST(who_wakes_runs_soon)
{
	struct guest *crowd[8], *waker;

	machine_start(2);
	for (int i = 0; i < 8; i++)
		crowd[i] = guest_start(1, 1, SPIN);
	waker = guest_start(1, MS / 10, 20 * MS);
	machine_run(50 * MS);
	waker->does[0].longest = 0;
	machine_run(2000 * MS);
	ck_assert_uint_le(waker->does[0].longest, MS);
	near(ratio(guest_time(waker), 2050 * MS), 0.1 / 20.1, 0.1);
	for (int i = 0; i < 8; i++)
		near(ratio(guest_time(crowd[i]), 2050 * MS), 0.25, 0.1);
	machine_stop();
}
END_TEST

/* Who works off a queue does not lose the CPU to everybody it serves, at every turn: they lag too little for that. */
START_TEST(a_wake_spoils_no_turn)
{
	struct guest *server, *guest;

	machine_start(1);
	guest = guest_start(1, MS / 10, MS / 10);
	server = guest_start(1, 9 * MS / 10, MS);
	machine_run(95 * MS / 100); /* in which the guest has slept, and been woken */
	ck_assert_uint_eq(guest->does[0].turns, 1);
	ck_assert_uint_eq(server->does[0].turns, 1);
	machine_run(5 * MS);
	ck_assert_uint_gt(guest_time(guest), MS);
	machine_stop();
}
END_TEST

/* A CPU that scrubs is as good as idle: who wakes has it at once. */
START_TEST(scrubbing_holds_nobody_up)
{
	struct guest *g;

	machine_start(2);
	machine_is_dirty = true;
	g = guest_start(1, MS / 10, 20 * MS);
	machine_run(2000 * MS);
	ck_assert_uint_le(g->does[0].longest, MS);
	near(ratio(guest_time(g), 2000 * MS), 0.1 / 20.1, 0.1);
	machine_stop();
}
END_TEST

/* Random guests: all CPUs are always busy, and the least favoured still runs. */
START_TEST(nobody_starves)
{
	srand((unsigned int)_i);
	for (int round = 0; round < 5; round++) {
		struct guest *g[12];
		uint64_t before[12];

		machine_start(3);
		for (int i = 0; i < 12; i++) {
			g[i] = guest_start(1 + (unsigned int)rand() % 3,
					   1 + (uint64_t)rand() % (7 * MS),
					   i < 4 ? SPIN : (uint64_t)rand() % (20 * MS) + 1);
			ck_assert_int_eq(sched_set_weight(&g[i]->domain, 16u << rand() % 8), 0);
		}
		for (int step = 0; step < 20; step++) {
			struct guest *one = g[rand() % 12];

			machine_run((uint64_t)rand() % (50 * MS));
			pin(one, 1 + (uint64_t)rand() % 7);
			ck_assert_int_eq(sched_set_cap(&one->domain, (uint32_t)rand() % 3 * 40), 0);
		}
		for (int i = 0; i < 12; i++) {
			pin(g[i], 7);
			before[i] = guest_time(g[i]);
		}
		machine_run(4000 * MS);
		for (int i = 0; i < 12; i++)
			ck_assert_uint_gt(guest_time(g[i]) - before[i], 2 * MS);
		machine_stop();
	}
}
END_TEST

START_TEST(run_states_add_up)
{
	struct vcpu_runstate_info a, b;
	struct guest *g, *rival;

	machine_start(1);
	g = guest_start(1, 2 * MS, 2 * MS);
	rival = guest_start(1, 1, SPIN);
	machine_run(100 * MS);
	sched_get_runstate(g->vcpus[0], &a);
	machine_run(1000 * MS);
	sched_get_runstate(g->vcpus[0], &b);
	ck_assert_uint_eq(b.time[0] + b.time[1] + b.time[2] + b.time[3] - a.time[0] - a.time[1] -
				  a.time[2] - a.time[3],
			  1000 * MS);
	ck_assert_uint_gt(b.time[RUNSTATE_running], a.time[RUNSTATE_running]);
	ck_assert_uint_gt(b.time[RUNSTATE_blocked], a.time[RUNSTATE_blocked]);
	/* A pause is nobody's theft. */
	rival->domain.pause_count++;
	sched_nudge(rival->vcpus[0]);
	machine_run(1 * MS);
	sched_get_runstate(rival->vcpus[0], &a);
	machine_run(100 * MS);
	sched_get_runstate(rival->vcpus[0], &b);
	ck_assert_uint_eq(b.time[RUNSTATE_offline] - a.time[RUNSTATE_offline], 100 * MS);
	rival->domain.pause_count--;
	sched_release(rival->vcpus[0]);
	ck_assert_double_gt(percent_in(rival, 100 * MS), 30);
	machine_stop();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sched");
	TCase *tc = tcase_create("promises");
	SRunner *sr = srunner_create(s);
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, equal_guests_share_one_cpu);
	tcase_add_test(tc, weights_are_shares);
	tcase_add_test(tc, cpus_are_shared_as_one);
	tcase_add_test(tc, no_cpu_idles_while_somebody_waits);
	tcase_add_test(tc, caps_hold);
	tcase_add_test(tc, a_cap_is_taken_off_live);
	tcase_add_test(tc, a_cap_and_sleep);
	tcase_add_test(tc, a_capped_one_leaves_the_rest_to_others);
	tcase_add_test(tc, a_dead_guest_leaves_no_timer);
	tcase_add_test(tc, affinity_holds_and_moves);
	tcase_add_test(tc, a_past_alone_is_not_held_against_anybody);
	tcase_add_test(tc, who_wakes_runs_soon);
	tcase_add_test(tc, a_wake_spoils_no_turn);
	tcase_add_test(tc, scrubbing_holds_nobody_up);
	tcase_add_loop_test(tc, nobody_starves, 1, 4);
	tcase_add_test(tc, run_states_add_up);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
