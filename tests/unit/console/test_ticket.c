// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "ticket.h"

#include <errno.h>
#include <string.h>

#define VM   "\"vm\":\"01234567-89ab-4cde-8f01-23456789abcd\""
#define REST ",\"kind\":\"serial\",\"read_only\":false,\"user\":\"admin\""

START_TEST(good)
{
	struct grant grant;

	ck_assert_int_eq(ticket_parse("ok {" VM REST "}", &grant), 0);
	ck_assert_str_eq(grant.vm, "01234567-89ab-4cde-8f01-23456789abcd");
	ck_assert_str_eq(grant.kind, "serial");
	ck_assert_str_eq(grant.user, "admin");
	ck_assert(!grant.read_only);
	ck_assert_int_eq(grant.expires, INT64_MAX);
	ck_assert_int_eq(ticket_parse("ok {" VM REST ",\"session_expires\":1795000000}", &grant),
			 0);
	ck_assert_int_eq(grant.expires, 1795000000);
	ck_assert_int_eq(ticket_parse("ok {" VM REST ",\"session_expires\":"
				      "\"2026-11-22T23:00:00.5Z\"}",
				      &grant),
			 0);
	ck_assert_int_eq(grant.expires, 1795388400);
	ck_assert_int_eq(
		ticket_parse("ok {" VM REST ",\"session_expires\":null,\"more\":1}", &grant), 0);
}
END_TEST

START_TEST(bad)
{
	static const struct {
		const char *line;
		int rc;
	} table[] = {
		{"error unknown", -EACCES},
		{"error", -EACCES},
		{"errors", -EPROTO},
		{"", -EPROTO},
		{"ok", -EPROTO},
		{"ok ", -EPROTO},
		{"ok []", -EPROTO},
		{"ok {}", -EPROTO},
		{"ok {" VM "}", -EPROTO},
		{"ok {" VM VM REST "}", -EPROTO},
		{"ok {" VM REST "} ", 0},
		{"ok {" VM REST "}}", -EPROTO},
		{"ok {\"vm\":\"../x\"" REST "}", -EPROTO},
		{"ok {\"vm\":7" REST "}", -EPROTO},
		{"ok {" VM ",\"kind\":\"serial\",\"read_only\":0,\"user\":\"a\"}", -EPROTO},
		{"ok {" VM ",\"kind\":\"serial\",\"user\":\"a\"}", -EPROTO},
		{"ok {" VM ",\"kind\":\"\",\"read_only\":true,\"user\":\"a\"}", -EPROTO},
		{"ok {" VM ",\"kind\":\"0123456789abcdef\",\"read_only\":true,\"user\":\"a\"}",
		 -EPROTO},
		{"ok {" VM REST ",\"session_expires\":\"tomorrow\"}", -EPROTO},
		{"ok {" VM REST ",\"session_expires\":true}", -EPROTO},
		{"ok {" VM REST ",\"credential\":\"token:01234567\"}", 0},
		{"ok {" VM REST ",\"credential\":\"a\\nb\"}", -EPROTO},
		{"ok {" VM REST ",\"credential\":7}", -EPROTO},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct grant grant;

		ck_assert_msg(ticket_parse(table[i].line, &grant) == table[i].rc, "row %zu", i);
	}
}
END_TEST

TCase *tests_ticket(void)
{
	TCase *tc = tcase_create("ticket");

	tcase_add_test(tc, good);
	tcase_add_test(tc, bad);
	return tc;
}
