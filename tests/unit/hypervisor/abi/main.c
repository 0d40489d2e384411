// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include <stdlib.h>

int main(void)
{
	SRunner *sr = srunner_create(evtchn_suite());
	int failed;

	srunner_add_suite(sr, gnttab_suite());
	srunner_add_suite(sr, hypercall_suite());
	srunner_add_suite(sr, memory_suite());
	srunner_add_suite(sr, domctl_suite());
	srunner_add_suite(sr, walk_suite());
	srunner_add_suite(sr, fault_suite());
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
