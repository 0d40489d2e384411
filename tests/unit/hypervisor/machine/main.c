// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

int main(void)
{
	SRunner *sr = srunner_create(lib_suite());
	int failed;

	srunner_add_suite(sr, boot_suite());
	srunner_add_suite(sr, memops_suite());
	srunner_add_suite(sr, acpi_suite());
	srunner_add_suite(sr, mm_suite());
	srunner_add_suite(sr, ptab_suite());
	srunner_add_suite(sr, timer_suite());
	srunner_add_suite(sr, log_suite());
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
