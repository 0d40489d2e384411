/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "fixture.h"

int main(void)
{
	SRunner *runner = srunner_create(suite_util());
	int failed;

	srunner_add_suite(runner, suite_store());
	srunner_add_suite(runner, suite_qcow2());
	srunner_add_suite(runner, suite_disk());
	srunner_add_suite(runner, suite_disk_image());
	srunner_add_suite(runner, suite_auth());
	srunner_add_suite(runner, suite_svc());
	srunner_add_suite(runner, suite_kept());
	srunner_add_suite(runner, suite_served());
	srunner_add_suite(runner, suite_trouble());
	srunner_add_suite(runner, suite_http());
	srunner_add_suite(runner, suite_stream());
	srunner_add_suite(runner, suite_full());
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
