/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONSOLE_TESTS_H
#define CONSOLE_TESTS_H

#include <check.h>

TCase *tests_ring(void);
TCase *tests_history(void);
TCase *tests_store(void);
TCase *tests_session(void);
TCase *tests_broker(void);
TCase *tests_handshake(void);
TCase *tests_ticket(void);
TCase *tests_util(void);

#endif
