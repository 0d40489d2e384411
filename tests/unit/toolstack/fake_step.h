/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two halves of the fake. */
#ifndef DOMUS_TEST_FAKE_STEP_H
#define DOMUS_TEST_FAKE_STEP_H

#include <stdbool.h>

/** Count a call that can fail; false, with errno, when this is the one that shall. */
bool fake_step(void);
/** Empty the store. */
void fake_store_reset(void);

#endif
