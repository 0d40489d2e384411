// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include <stdlib.h>

int main(void)
{
	Suite *suite = suite_create("console");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, tests_util());
	suite_add_tcase(suite, tests_ring());
	suite_add_tcase(suite, tests_history());
	suite_add_tcase(suite, tests_store());
	suite_add_tcase(suite, tests_session());
	suite_add_tcase(suite, tests_broker());
	suite_add_tcase(suite, tests_handshake());
	suite_add_tcase(suite, tests_ticket());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
