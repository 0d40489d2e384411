/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_TESTS_H
#define MACHINE_TESTS_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/types.h"

#define ARENA_MIB 64

/*
 * Check notes every assertion in a file, true ones too; the models here make millions. Without that
 * only the place of a crash is less exact.
 */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...)                                                        \
	((expr) ? (void)0 :                                                             \
		  _ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expr "' failed", \
				    __VA_ARGS__))

Suite *lib_suite(void);
Suite *boot_suite(void);
Suite *acpi_suite(void);
Suite *mm_suite(void);
Suite *ptab_suite(void);
Suite *timer_suite(void);
Suite *log_suite(void);
Suite *memops_suite(void);

/** Fresh zeroed memory of ARENA_MIB, its frame table and an empty allocator. */
void arena_reset(void);

extern uint64_t fake_now;      /* ns since boot */
extern uint64_t fake_armed;    /* distance apic_timer_arm() was last given, ~0 when stopped */
extern uint64_t fake_armed_at; /* when that is */
extern uint32_t fake_softirqs; /* bits raised on the one CPU */
/** What softirq_register() was given for @nr. */
void fake_softirq(int nr);

/** Random numbers that are the same in every run. */
uint32_t rnd(void);
void rnd_seed(uint32_t seed);

#endif
