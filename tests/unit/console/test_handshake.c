// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "handshake.h"

#include <stdio.h>
#include <string.h>

#define KEY      "dGhlIHNhbXBsZSBub25jZQ=="
#define TICKET   "abcdefghijklmnop-_0"
#define LINE     "GET /console HTTP/1.1\r\n"
#define HOST     "Host: box:8443\r\n"
#define WS       "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEYED    "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: domus.console.v1, " TICKET "\r\n"
#define END      "\r\n"

static enum refusal parse(const char *head)
{
	struct handshake h;

	return handshake_parse(head, strlen(head), &h);
}

START_TEST(good)
{
	static const char *const table[] = {
		LINE HOST WS KEYED PROTOCOL END,
		LINE HOST WS KEYED PROTOCOL "Origin: https://box:8443\r\n" END,
		LINE HOST WS KEYED PROTOCOL "Origin: HTTPS://BOX:8443\r\n" END,
		"GET /console?x=y HTTP/1.1\r\n" HOST WS KEYED PROTOCOL END,
		LINE
		"host:box:8443\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, upgrade\r\n" KEYED
			PROTOCOL "Content-Length: 0\r\n" END,
		LINE HOST WS KEYED "Sec-WebSocket-Protocol: domus.console.v1\r\n"
				   "Sec-WebSocket-Protocol: " TICKET "\r\n" END,
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct handshake h = {0};

		ck_assert_int_eq(handshake_parse(table[i], strlen(table[i]), &h), REFUSAL_NONE);
		ck_assert_str_eq(h.key, KEY);
		ck_assert_str_eq(h.ticket, TICKET);
	}
}
END_TEST

START_TEST(bad)
{
	static const struct {
		const char *head;
		enum refusal why;
	} table[] = {
		{"", REFUSAL_MALFORMED},
		{END, REFUSAL_MALFORMED},
		{END END, REFUSAL_MALFORMED},
		{LINE, REFUSAL_MALFORMED},
		{LINE WS KEYED PROTOCOL END, REFUSAL_MALFORMED},           /* no Host */
		{LINE HOST HOST WS KEYED PROTOCOL END, REFUSAL_MALFORMED}, /* two */
		{LINE HOST WS KEYED KEYED PROTOCOL END, REFUSAL_MALFORMED},
		{LINE "Host: a\nX: b\r\n" WS KEYED PROTOCOL END, REFUSAL_MALFORMED},
		{LINE HOST " folded\r\n" WS KEYED PROTOCOL END, REFUSAL_MALFORMED},
		{LINE HOST "Name : v\r\n" WS KEYED PROTOCOL END, REFUSAL_MALFORMED},
		{LINE HOST "Name: \x01\r\n" WS KEYED PROTOCOL END, REFUSAL_MALFORMED},
		{LINE HOST "no colon\r\n" WS KEYED PROTOCOL END, REFUSAL_MALFORMED},
		{LINE HOST WS KEYED PROTOCOL "Content-Length: 5\r\n" END, REFUSAL_MALFORMED},
		{LINE HOST WS KEYED PROTOCOL "Transfer-Encoding: chunked\r\n" END,
		 REFUSAL_MALFORMED},
		{LINE HOST WS KEYED PROTOCOL END "GET / HTTP/1.1\r\n\r\n", REFUSAL_MALFORMED},
		{"GET /console HTTP/1.0\r\n" HOST END, REFUSAL_MALFORMED},
		{"GET  /console HTTP/1.1\r\n" HOST END, REFUSAL_MALFORMED},
		{"GET /console\r\n" HOST END, REFUSAL_MALFORMED},
		{"GET /consoles HTTP/1.1\r\n" HOST END, REFUSAL_NOT_FOUND},
		{"GET /console/../x HTTP/1.1\r\n" HOST END, REFUSAL_NOT_FOUND},
		{"get /console HTTP/1.1\r\n" HOST END, REFUSAL_METHOD},
		{"POST /console HTTP/1.1\r\n" HOST END, REFUSAL_METHOD},
		{LINE HOST END, REFUSAL_NOT_WEBSOCKET},
		{LINE HOST "Upgrade: websocket\r\n" KEYED PROTOCOL END, REFUSAL_NOT_WEBSOCKET},
		{LINE HOST "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEYED PROTOCOL END,
		 REFUSAL_NOT_WEBSOCKET},
		{LINE HOST WS "Sec-WebSocket-Key: " KEY
			      "\r\nSec-WebSocket-Version: 8\r\n" PROTOCOL END,
		 REFUSAL_VERSION},
		{LINE HOST WS "Sec-WebSocket-Version: 13\r\n" PROTOCOL END, REFUSAL_MALFORMED},
		{LINE HOST WS
		 "Sec-WebSocket-Key: short==\r\nSec-WebSocket-Version: 13\r\n" PROTOCOL END,
		 REFUSAL_MALFORMED},
		{LINE HOST WS "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!=\r\n"
			      "Sec-WebSocket-Version: 13\r\n" PROTOCOL END,
		 REFUSAL_MALFORMED},
		{LINE HOST WS KEYED END, REFUSAL_SUBPROTOCOL},
		{LINE HOST WS KEYED "Sec-WebSocket-Protocol: chat\r\n" END, REFUSAL_SUBPROTOCOL},
		{LINE HOST WS KEYED "Sec-WebSocket-Protocol: " TICKET ", domus.console.v1\r\n" END,
		 REFUSAL_SUBPROTOCOL},
		{LINE HOST WS KEYED "Sec-WebSocket-Protocol: domus.console.v1\r\n" END,
		 REFUSAL_NO_TICKET},
		{LINE HOST WS KEYED "Sec-WebSocket-Protocol: domus.console.v1, short\r\n" END,
		 REFUSAL_TICKET},
		{LINE HOST WS KEYED
		 "Sec-WebSocket-Protocol: domus.console.v1, spaced ticket!!!\r\n" END,
		 REFUSAL_TICKET},
		{LINE HOST WS KEYED PROTOCOL "Origin: null\r\n" END, REFUSAL_ORIGIN},
		{LINE HOST WS KEYED PROTOCOL "Origin: \r\n" END, REFUSAL_ORIGIN},
		{LINE HOST WS KEYED PROTOCOL "Origin: https://box\r\n" END, REFUSAL_ORIGIN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		ck_assert_msg(parse(table[i].head) == table[i].why, "row %zu gave %d", i,
			      parse(table[i].head));
}
END_TEST

START_TEST(every_prefix)
{
	static const char whole[] = LINE HOST WS KEYED PROTOCOL END;

	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		struct handshake h;
		_cleanup_free_ char *part = malloc(n ? n : 1);

		memcpy(part, whole, n);
		ck_assert_uint_eq(handshake_head_length(part, n), 0);
		ck_assert_int_ne(handshake_parse(part, n, &h), REFUSAL_NONE);
	}
}
END_TEST

START_TEST(origins)
{
	static const struct {
		const char *origin, *host;
		int same;
	} table[] = {
		{"https://a", "a", 1},
		{"https://a:443", "a", 1},
		{"https://a", "a:443", 1},
		{"http://a", "a:80", 1},
		{"http://a", "a:443", 0},
		{"https://[::1]:8443", "[::1]:8443", 1},
		{"https://[::1]", "[::1]:443", 1},
		{"https://[::1", "[::1", 0},
		{"https://a.", "a", 0},
		{"https://a/", "a", 0},
		{"https://a@b", "b", 0},
		{"https://a:b@c", "c", 0},
		{"https://a:", "a", 0},
		{"https://a:44 3", "a", 0},
		{"https://", "", 0},
		{"ftp://a", "a", 0},
		{"a", "a", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		ck_assert_msg(handshake_same_origin(table[i].origin, strlen(table[i].origin),
						    table[i].host,
						    strlen(table[i].host)) == table[i].same,
			      "row %zu", i);
}
END_TEST

START_TEST(canonical_is_accepted_again)
{
	static const char head[] = LINE HOST WS KEYED PROTOCOL END;
	struct handshake h;
	char out[1024];
	size_t len;

	ck_assert_int_eq(handshake_parse(head, sizeof(head) - 1, &h), REFUSAL_NONE);
	len = handshake_canonical(&h, out, sizeof(out));
	ck_assert_uint_eq(handshake_head_length(out, len), len);
	ck_assert_ptr_null(strstr(out, TICKET));
	ck_assert_ptr_nonnull(strstr(out, KEY));
	ck_assert_int_eq(handshake_parse(out, len, &h), REFUSAL_NO_TICKET);
}
END_TEST

START_TEST(refusals_are_whole)
{
	for (int why = REFUSAL_NONE + 1; why < REFUSAL_COUNT; why++) {
		char out[1024];
		size_t len = refusal_format((enum refusal)why, out, sizeof(out));
		size_t head = handshake_head_length(out, len);
		char want[40];

		ck_assert_uint_lt(len, sizeof(out) - 1);
		ck_assert_uint_gt(head, 0);
		snprintf(want, sizeof(want), "Content-Length: %zu\r\n", len - head);
		ck_assert_ptr_nonnull(strstr(out, want));
		ck_assert_ptr_nonnull(strstr(out + head, refusal_code((enum refusal)why)));
	}
}
END_TEST

TCase *tests_handshake(void)
{
	TCase *tc = tcase_create("handshake");

	tcase_add_test(tc, good);
	tcase_add_test(tc, bad);
	tcase_add_test(tc, every_prefix);
	tcase_add_test(tc, origins);
	tcase_add_test(tc, canonical_is_accepted_again);
	tcase_add_test(tc, refusals_are_whole);
	return tc;
}
