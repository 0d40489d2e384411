// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "session.h"

#include <errno.h>
#include <string.h>

#define UUID "01234567-89ab-4cde-8f01-23456789abcd"

START_TEST(good)
{
	static const struct {
		const char *line;
		enum session_verb verb;
		const char *uuid;
		int writable;
	} table[] = {
		{"attach " UUID " rw", SESSION_ATTACH, UUID, 1},
		{"attach " UUID " ro", SESSION_ATTACH, UUID, 0},
		{"log " UUID, SESSION_LOG, UUID, 0},
		{"forget " UUID, SESSION_FORGET, UUID, 0},
		{"ping", SESSION_PING, "", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct session_request request;
		const char *why;

		ck_assert_int_eq(session_parse(table[i].line, &request, &why), 0);
		ck_assert_int_eq(request.verb, table[i].verb);
		ck_assert_str_eq(request.uuid, table[i].uuid);
		ck_assert_int_eq(request.writable, table[i].writable);
	}
}
END_TEST

START_TEST(bad)
{
	static const char *const table[] = {
		"",
		" ",
		"attach",
		"attach " UUID,
		"attach " UUID " rw ",
		"attach " UUID " rw more",
		"attach  " UUID " rw",
		"attach " UUID " RW",
		"attach " UUID " ",
		"log " UUID " rw",
		"log ../../../etc/passwd",
		"log " UUID "0",
		"ping ",
		" ping",
		"PING",
		"forget",
		"forget *",
		"attach 0123456789012345678901234567890123456789012345678901234567890123456789 rw",
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct session_request request = {.verb = (enum session_verb)99};
		const char *why = NULL;

		ck_assert_int_eq(session_parse(table[i], &request, &why), -EINVAL);
		ck_assert_ptr_nonnull(why);
		ck_assert_int_eq(request.verb, 99);
	}
}
END_TEST

TCase *tests_session(void)
{
	TCase *tc = tcase_create("session");

	tcase_add_test(tc, good);
	tcase_add_test(tc, bad);
	return tc;
}
