// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "sock.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

START_TEST(numbers)
{
	static const struct {
		const char *text;
		uint64_t max;
		int rc;
		uint64_t value;
	} table[] = {
		{"0", 10, 0, 0},
		{"10", 10, 0, 10},
		{"11", 10, -EINVAL, 0},
		{"", 10, -EINVAL, 0},
		{"-1", 10, -EINVAL, 0},
		{"1x", 10, -EINVAL, 0},
		{" 1", 10, -EINVAL, 0},
		{"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, -EINVAL, 0},
		{"99999999999999999999999", UINT64_MAX, -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t value = 0;

		ck_assert_int_eq(util_parse_u64(table[i].text, table[i].max, &value), table[i].rc);
		ck_assert_uint_eq(value, table[i].value);
	}
}
END_TEST

START_TEST(uuids)
{
	ck_assert(util_is_uuid("01234567-89ab-4cde-8f01-23456789abcd"));
	ck_assert(!util_is_uuid("01234567-89AB-4cde-8f01-23456789abcd"));
	ck_assert(!util_is_uuid("01234567-89ab-4cde-8f01-23456789abc"));
	ck_assert(!util_is_uuid("01234567-89ab-4cde-8f01-23456789abcde"));
	ck_assert(!util_is_uuid("0123456789ab-4cde-8f01-23456789abcd-"));
	ck_assert(!util_is_uuid("../../../../../../../../etc/passwd.."));
	ck_assert(!util_is_uuid(""));
}
END_TEST

START_TEST(lines)
{
	char line[16];
	size_t have = 0;
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	ck_assert_int_eq(sock_read_line(fd[0], line, sizeof(line), &have), -EAGAIN);
	ck_assert_int_eq(send(fd[1], "hel", 3, 0), 3);
	ck_assert_int_eq(sock_read_line(fd[0], line, sizeof(line), &have), -EAGAIN);
	ck_assert_int_eq(send(fd[1], "lo\nbytes\n", 9, 0), 9);
	ck_assert_int_eq(sock_read_line(fd[0], line, sizeof(line), &have), 5);
	ck_assert_str_eq(line, "hello");
	/* What stands behind the line stays in the socket. */
	ck_assert_int_eq(recv(fd[0], line, sizeof(line), 0), 6);
	ck_assert_int_eq(memcmp(line, "bytes\n", 6), 0);
	have = 0;
	ck_assert_int_eq(send(fd[1], "0123456789abcdef", 16, 0), 16);
	ck_assert_int_eq(sock_read_line(fd[0], line, sizeof(line), &have), -EMSGSIZE);
	have = 0;
	ck_assert_int_eq(send(fd[1], "a\0b\n", 4, 0), 4);
	ck_assert_int_eq(sock_read_line(fd[0], line, sizeof(line), &have), -EMSGSIZE);
	have = 0;
	close(fd[1]);
	ck_assert_int_eq(sock_read_line(fd[0], line, sizeof(line), &have), -ECONNRESET);
	close(fd[0]);
}
END_TEST

TCase *tests_util(void)
{
	TCase *tc = tcase_create("util");

	tcase_add_test(tc, numbers);
	tcase_add_test(tc, uuids);
	tcase_add_test(tc, lines);
	return tc;
}
