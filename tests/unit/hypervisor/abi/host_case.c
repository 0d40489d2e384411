// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

static void setup(void)
{
	fake_host_init();
}

static void teardown(void)
{
	ck_assert_int_eq(fake_host_fini(), 0);
}

TCase *host_case(const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	return tc;
}
