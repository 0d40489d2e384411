// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "cpus.h"

int main(void)
{
	Suite *s = suite_create("threads");
	SRunner *runner = srunner_create(s);
	int failed;

	suite_add_tcase(s, sched_case());
	suite_add_tcase(s, storm_case());
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
