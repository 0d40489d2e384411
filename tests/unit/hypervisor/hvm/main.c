// SPDX-License-Identifier: Apache-2.0
#include "fake.h"

#include <stdlib.h>

int main(void)
{
	SRunner *sr = srunner_create(emul_suite());
	int failed;

	srunner_add_suite(sr, vlapic_suite());
	srunner_add_suite(sr, vioapic_suite());
	srunner_add_suite(sr, policy_suite());
	srunner_add_suite(sr, events_suite());
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
