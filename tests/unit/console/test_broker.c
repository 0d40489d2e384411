// SPDX-License-Identifier: Apache-2.0
#include "tests.h"

#include "broker.h"
#include "fake_xen.h"
#include "sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define A "aaaaaaaa-0000-4000-8000-000000000001"
#define B "bbbbbbbb-0000-4000-8000-000000000002"

static char dir[] = "/tmp/broker-test-XXXXXX";
static char path[64];
static struct broker broker;
static struct xen *xen;

static int keep_directory(void)
{
	char keep[64];

	snprintf(keep, sizeof(keep), "%s/keep", dir);
	mkdir(keep, 0700);
	return open(keep, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	xen = fake_xen_create();
	ck_assert_int_eq(broker_init(&broker, xen, path, NULL, keep_directory(), 1 << 20), 0);
}

static void teardown(void)
{
	char command[96];

	broker_fini(&broker);
	fake_xen_destroy(xen);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* Let the broker do what there is to do, gathered output included. */
static void run(void)
{
	for (int i = 0; i < 12; i++)
		ck_assert_int_eq(broker_turn(&broker, 1), 0);
}

static int ask(const char *request)
{
	int fd = sock_connect(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
	run();
	return fd;
}

/* Everything @fd has for us now; @eof when the other side is gone. */
static char *hear(int fd, bool *eof)
{
	static char buf[4 << 20];
	size_t have = 0;
	ssize_t n;

	for (;;) {
		n = recv(fd, buf + have, sizeof(buf) - 1 - have, 0);
		if (n <= 0)
			break;
		have += (size_t)n;
		run();
	}
	if (eof)
		*eof = n == 0;
	buf[have] = '\0';
	return buf;
}

static void say(uint32_t domid, const char *text)
{
	ck_assert_uint_eq(fake_guest_say(xen, domid, text, strlen(text)), strlen(text));
	run();
}

START_TEST(life_of_a_guest)
{
	int fd;
	bool eof;
	const char *text;

	/* It may speak before we have seen it, and be attached to long after. */
	fake_xen_start(xen, 1, A, true);
	ck_assert_uint_gt(fake_guest_say(xen, 1, "early words\r\n", 13), 0);
	run();
	ck_assert(xen->domain[1].mapped && xen->domain[1].bound);
	ck_assert_uint_ge(xen->domain[1].notified, 1);
	fd = ask("attach " A " rw\n");
	text = hear(fd, NULL);
	ck_assert_int_eq(strncmp(text, "ok\n", 3), 0);
	ck_assert_ptr_nonnull(strstr(text, "guest started"));
	ck_assert_ptr_nonnull(strstr(text, "early words\r\n"));

	say(1, "live");
	ck_assert_str_eq(hear(fd, NULL), "live");

	ck_assert_int_eq(send(fd, "ls\n", 3, 0), 3);
	run();
	{
		char typed[16] = "";

		ck_assert_uint_eq(fake_guest_hear(xen, 1, typed, sizeof(typed)), 3);
		ck_assert_str_eq(typed, "ls\n");
	}

	/* Its last words come out, and its page and port are given back. */
	fake_guest_say(xen, 1, "panic", 5);
	fake_xen_stop(xen, 1);
	run();
	ck_assert(!xen->domain[1].mapped && !xen->domain[1].bound);
	text = hear(fd, &eof);
	ck_assert_ptr_nonnull(strstr(text, "panic"));
	ck_assert_ptr_nonnull(strstr(text, "guest stopped"));
	ck_assert(!eof);

	/* The viewer sees the next start; one who comes later sees only that. */
	fake_xen_start(xen, 2, A, true);
	run();
	say(2, "second boot");
	ck_assert_ptr_nonnull(strstr(hear(fd, NULL), "second boot"));
	close(fd);
	fd = ask("attach " A " ro\n");
	text = hear(fd, NULL);
	ck_assert_ptr_null(strstr(text, "panic"));
	ck_assert_ptr_nonnull(strstr(text, "second boot"));
	close(fd);
	fd = ask("log " A "\n");
	text = hear(fd, &eof);
	ck_assert(eof);
	ck_assert_ptr_nonnull(strstr(text, "panic"));
	ck_assert_ptr_nonnull(strstr(text, "second boot"));
	close(fd);
}
END_TEST

START_TEST(nodes_come_late)
{
	int fd;

	fake_xen_start(xen, 1, A, false);
	run();
	ck_assert(!xen->domain[1].mapped && xen->domain[1].watched);
	fake_xen_complete(xen, 1);
	run();
	ck_assert(xen->domain[1].mapped && !xen->domain[1].watched);
	fake_xen_start(xen, 2, B, false);
	run();
	fake_xen_stop(xen, 2);
	run();
	ck_assert(!xen->domain[2].watched);
	fake_xen_start(xen, 3, B, true);
	xen->domain[3].refuse_map = 1;
	run();
	ck_assert(!xen->domain[3].bound);
	fd = ask("log " B "\n");
	ck_assert_str_eq(hear(fd, NULL), "error no such console\n");
	close(fd);
}
END_TEST

START_TEST(attach_before_start)
{
	int fd = ask("attach " A " rw\n");

	ck_assert_str_eq(hear(fd, NULL), "ok\n");
	/* Typed at nobody: gone, not kept for whoever comes. */
	ck_assert_int_eq(send(fd, "old\n", 4, 0), 4);
	run();
	fake_xen_start(xen, 1, A, true);
	run();
	ck_assert_ptr_nonnull(strstr(hear(fd, NULL), "guest started"));
	ck_assert_uint_eq(xen->domain[1].page.in_prod, 0);
	close(fd);
}
END_TEST

START_TEST(read_only)
{
	int fd;

	fake_xen_start(xen, 1, A, true);
	fd = ask("attach " A " ro\n");
	ck_assert_int_eq(send(fd, "reboot\n", 7, 0), 7);
	run();
	ck_assert_uint_eq(xen->domain[1].page.in_prod, 0);
	close(fd);
}
END_TEST

START_TEST(several_viewers)
{
	int fd[5];

	fake_xen_start(xen, 1, A, true);
	for (int i = 0; i < 5; i++) {
		fd[i] = ask("attach " A " rw\n");
		hear(fd[i], NULL);
	}
	say(1, "to all");
	for (int i = 0; i < 5; i++)
		ck_assert_str_eq(hear(fd[i], NULL), "to all");
	/* They type into one line, each piece whole. */
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(send(fd[i], "abc", 3, 0), 3);
	run();
	{
		char typed[32] = "";

		ck_assert_uint_eq(fake_guest_hear(xen, 1, typed, sizeof(typed)), 15);
		ck_assert_str_eq(typed, "abcabcabcabcabc");
	}
	for (int i = 0; i < 5; i++)
		close(fd[i]);
	run();
	ck_assert_int_eq(broker.clients, 0);
}
END_TEST

START_TEST(slow_viewer)
{
	int slow, fast;
	size_t said = 0, heard = 0;
	char block[1024];
	const char *text;

	memset(block, 'x', sizeof(block));
	fake_xen_start(xen, 1, A, true);
	slow = ask("attach " A " ro\n");
	fast = ask("attach " A " ro\n");
	hear(fast, NULL);
	while (said < (6u << 20)) {
		said += fake_guest_say(xen, 1, block, sizeof(block));
		ck_assert_int_eq(broker_turn(&broker, 5), 0);
		if (said % (64 << 10) == 0)
			heard += strlen(hear(fast, NULL));
	}
	heard += strlen(hear(fast, NULL));
	ck_assert_uint_eq(heard, said);
	/* The slow one is told what it missed, and sees the end. */
	say(1, "THE END");
	text = hear(slow, NULL);
	ck_assert_ptr_nonnull(strstr(text, "bytes skipped ---"));
	ck_assert_ptr_nonnull(strstr(text, "THE END"));
	ck_assert_uint_lt(strlen(text), 2 << 20);
	close(slow);
	close(fast);
}
END_TEST

START_TEST(deaf_guest)
{
	char block[4096];
	size_t typed = 0, heard = 0;
	ssize_t n;
	int fd, other;

	memset(block, 'k', sizeof(block));
	fake_xen_start(xen, 1, A, true);
	fd = ask("attach " A " rw\n");
	other = ask("attach " A " ro\n");
	while ((n = send(fd, block, sizeof(block), 0)) > 0) {
		typed += (size_t)n;
		run();
	}
	ck_assert_uint_lt(typed, 4 << 20); /* held back, and not by memory of ours */
	/* Output still flows, to both. */
	say(1, "alive");
	ck_assert_ptr_nonnull(strstr(hear(fd, NULL), "alive"));
	ck_assert_ptr_nonnull(strstr(hear(other, NULL), "alive"));
	/* When the guest listens again, every byte arrives. */
	for (int idle = 0; idle < 20; idle++) {
		size_t got = fake_guest_hear(xen, 1, block, sizeof(block));

		heard += got;
		idle = got ? 0 : idle;
		run();
	}
	ck_assert_uint_eq(heard, typed);
	close(fd);
	close(other);
}
END_TEST

START_TEST(hostile_ring)
{
	struct xencons_interface *ring;
	uint32_t seed = 1;
	int fd;

	fake_xen_start(xen, 1, A, true);
	fake_xen_start(xen, 2, B, true);
	fd = ask("attach " B " rw\n");
	hear(fd, NULL);
	ring = &xen->domain[1].page;
	for (int i = 0; i < 20000; i++) {
		uint32_t *index[] = {&ring->out_prod, &ring->out_cons, &ring->in_prod,
				     &ring->in_cons};

		seed = seed * 1664525 + 1013904223;
		*index[seed >> 30] = seed << (seed >> 27 & 7);
		fake_guest_kick(xen, 1);
		ck_assert_int_eq(broker_turn(&broker, 0), 0);
	}
	say(2, "unimpressed");
	ck_assert_str_eq(hear(fd, NULL), "unimpressed");
	close(fd);
}
END_TEST

START_TEST(flood_has_its_share)
{
	char block[2048];
	uint64_t before;
	int64_t until;
	int fd;

	memset(block, 'f', sizeof(block));
	fake_xen_start(xen, 1, A, true);
	fake_xen_start(xen, 2, B, true);
	fd = ask("attach " B " ro\n");
	hear(fd, NULL);
	before = history_end(&console_find(&broker, A)->store.history);
	until = util_now_ms() + 350;
	while (util_now_ms() < until) {
		fake_guest_say(xen, 1, block, sizeof(block));
		ck_assert_int_eq(broker_turn(&broker, 1), 0);
	}
	/* At most its allowance in each of the four or five slices of that time. */
	ck_assert_uint_le(history_end(&console_find(&broker, A)->store.history) - before,
			  5 * ((1 << 20) + 2048));
	say(2, "heard");
	ck_assert_str_eq(hear(fd, NULL), "heard");
	/* And it is not forgotten either. */
	until = util_now_ms() + 300;
	while (util_now_ms() < until)
		ck_assert_int_eq(broker_turn(&broker, 10), 0);
	ck_assert_uint_eq(xen->domain[1].page.out_prod, xen->domain[1].page.out_cons);
	ck_assert(!xen->domain[1].masked);
	close(fd);
}
END_TEST

START_TEST(gathers_small_pieces)
{
	char buf[4096];
	int fd, pieces = 0;

	fake_xen_start(xen, 1, A, true);
	fd = ask("attach " A " rw\n");
	hear(fd, NULL);
	for (int i = 0; i < 100; i++) {
		fake_guest_say(xen, 1, "0123456789abcdef", 16);
		ck_assert_int_eq(broker_turn(&broker, 0), 0);
		pieces += recv(fd, buf, sizeof(buf), 0) > 0;
	}
	ck_assert_int_lt(pieces, 50);
	run();
	hear(fd, NULL);
	/* An echo doesn't wait. */
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(send(fd, "k", 1, 0), 1);
		ck_assert_int_eq(broker_turn(&broker, 0), 0);
		fake_guest_say(xen, 1, "k", 1);
		ck_assert_int_eq(broker_turn(&broker, 0), 0);
		ck_assert_int_eq(recv(fd, buf, sizeof(buf), 0), 1);
	}
	close(fd);
}
END_TEST

START_TEST(forget)
{
	int fd, viewer;
	bool eof;

	fake_xen_start(xen, 1, A, true);
	run();
	viewer = ask("attach " A " ro\n");
	fd = ask("forget " A "\n");
	ck_assert_str_eq(hear(fd, &eof), "ok\n");
	ck_assert(eof);
	close(fd);
	hear(viewer, &eof);
	ck_assert(eof);
	close(viewer);
	fd = ask("log " A "\n");
	ck_assert_str_eq(hear(fd, NULL), "error no such console\n");
	close(fd);
	fake_xen_stop(xen, 1);
	run();
	ck_assert_ptr_null(console_find(&broker, A));
	fd = ask("forget " B "\n"); /* unknown is as good as forgotten */
	ck_assert_str_eq(hear(fd, NULL), "ok\n");
	close(fd);
	run();
	ck_assert_int_eq(broker.clients, 0);
	ck_assert_int_eq(broker.console_count, 0);
}
END_TEST

START_TEST(bad_requests)
{
	static const struct {
		const char *request;
		const char *reply;
	} table[] = {
		{"hello\n", "error unknown request\n"},
		{"log x\n", "error not a lower-case uuid\n"},
		{"attach " A " rwx\n", "error mode is neither rw nor ro\n"},
		{"attach " A "\n", "error wrong number of words\n"},
		{"log " A "\n", "error no such console\n"},
		{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		 "error request too long\n"},
		{"ping\n", "ok\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int fd = ask(table[i].request);
		bool eof;

		ck_assert_str_eq(hear(fd, &eof), table[i].reply);
		ck_assert(eof);
		close(fd);
	}
	run();
	ck_assert_int_eq(broker.clients, 0);
	ck_assert_int_eq(broker.console_count, 0);
}
END_TEST

START_TEST(attached_to_nothing_leaves_nothing)
{
	for (int i = 0; i < 700; i++) {
		char request[64];
		int fd;

		snprintf(request, sizeof(request), "attach aaaaaaaa-0000-4000-8000-%012d rw\n", i);
		fd = sock_connect(path);
		ck_assert_int_eq(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
		ck_assert_int_eq(broker_turn(&broker, 1), 0);
		ck_assert_int_eq(broker_turn(&broker, 1), 0);
		close(fd);
	}
	run();
	ck_assert_int_eq(broker.clients, 0);
	ck_assert_int_eq(broker.console_count, 0);
}
END_TEST

START_TEST(xenstored_gone)
{
	fake_xen_lose_store(xen);
	ck_assert_int_eq(broker_turn(&broker, 10), -ECONNRESET);
	ck_assert(broker.lost);
}
END_TEST

/* Another broker lives and is killed; this one goes on where that stood. */
START_TEST(killed_and_restarted)
{
	static struct broker first;
	const char *text;
	char other[80];
	int status, fd;
	pid_t child;

	child = fork();
	if (!child) {
		snprintf(other, sizeof(other), "%s.first", path);
		fake_xen_start(xen, 1, A, true);
		if (broker_init(&first, xen, other, NULL, keep_directory(), 1 << 20))
			_exit(1);
		fake_guest_say(xen, 1, "before the fall", 15);
		for (int i = 0; i < 5; i++) {
			if (broker_turn(&first, 1))
				_exit(1);
		}
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);

	broker_fini(&broker);
	fake_xen_start(xen, 1, A, true);
	fake_guest_say(xen, 1, ", and after", 11);
	ck_assert_int_eq(broker_init(&broker, xen, path, NULL, keep_directory(), 1 << 20), 0);
	fd = ask("attach " A " ro\n");
	text = hear(fd, NULL);
	/* Its one start is marked once: for the guest nothing has happened. */
	ck_assert_ptr_nonnull(strstr(text, "before the fall, and after"));
	close(fd);
}
END_TEST

TCase *tests_broker(void)
{
	TCase *tc = tcase_create("broker");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, life_of_a_guest);
	tcase_add_test(tc, nodes_come_late);
	tcase_add_test(tc, attach_before_start);
	tcase_add_test(tc, read_only);
	tcase_add_test(tc, several_viewers);
	tcase_add_test(tc, slow_viewer);
	tcase_add_test(tc, deaf_guest);
	tcase_add_test(tc, hostile_ring);
	tcase_add_test(tc, flood_has_its_share);
	tcase_add_test(tc, gathers_small_pieces);
	tcase_add_test(tc, forget);
	tcase_add_test(tc, bad_requests);
	tcase_add_test(tc, attached_to_nothing_leaves_nothing);
	tcase_add_test(tc, xenstored_gone);
	tcase_add_test(tc, killed_and_restarted);
	return tc;
}
