/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that stream in while the disk is slow: nobody else waits for it, and nothing of them is lost. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.h"
#include "http/internal.h"
#include "util/unix_socket.h"

#define STREAMS HTTP_STREAMS_MAX
#define LENGTH  700000 /* not a whole number of parts */

static struct http_server *server;
static char path[100];
static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER; /* held: it does not answer */

struct sum {
	uint64_t bytes, all;
};

static int take(struct http_request *req, const char *data, size_t len)
{
	struct sum *sum = req->state;

	pthread_mutex_lock(&disk);
	for (size_t i = 0; i < len; i++)
		sum->all += ++sum->bytes * (unsigned char)data[i];
	pthread_mutex_unlock(&disk);
	return 0;
}

static void begin(struct http_request *req)
{
	req->state = calloc(1, sizeof(struct sum));
	req->state_free = free;
	req->sink = take;
}

static void tell(struct http_request *req)
{
	const struct sum *sum = req->state;

	http_reply(req, 200,
		   json_pack("{sI sI}", "bytes", (json_int_t)sum->bytes, "all",
			     (json_int_t)sum->all));
}

static void greet(struct http_request *req)
{
	http_reply(req, 200, json_object());
}

static void nothing(struct http_request *req)
{
	(void)req;
}

static void setup(void)
{
	static const struct http_param no_params[] = {{.name = NULL}};
	static const struct http_operation operations[] = {
		{.id = "put",
		 .method = "POST",
		 .path = "/api/put",
		 .body = HTTP_BODY_STREAM,
		 .slow = true,
		 .params = no_params,
		 .handler = tell,
		 .begin = begin},
		{.id = "greet",
		 .method = "GET",
		 .path = "/api/greet",
		 .params = no_params,
		 .handler = greet},
		{.id = NULL},
	};
	struct http_config config = {
		.operations = operations,
		.threads = 1,
		.authenticate = nothing,
		.begin = nothing,
		.end = nothing,
	};

	signal(SIGPIPE, SIG_IGN);
	test_dir_make();
	snprintf(path, sizeof(path), "%s/run/mgmtd.sock", test_dir);
	ck_assert_int_eq(unix_listen(path, NULL, &config.listen_fd), 0);
	ck_assert_int_eq(http_start(&config, &server), 0);
}

static void teardown(void)
{
	http_stop(server);
	test_dir_remove();
}

/* In chunks of a size of its own, or with its length told. */
static char *make_request(size_t chunk, size_t *len)
{
	char *text = malloc(7 * LENGTH), *at = text;

	at += sprintf(at, "POST /api/put HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
	at += chunk ? sprintf(at, "Transfer-Encoding: chunked\r\n\r\n") :
		      sprintf(at, "Content-Length: %d\r\n\r\n", LENGTH);
	for (size_t i = 0; i < LENGTH; i++) {
		if (chunk && i % chunk == 0)
			at += sprintf(at, "%s%zx\r\n", i ? "\r\n" : "",
				      LENGTH - i < chunk ? LENGTH - i : chunk);
		*at++ = (char)(i * 7 + i / 1000);
	}
	if (chunk)
		at += sprintf(at, "\r\n0\r\n\r\n");
	*len = (size_t)(at - text);
	return text;
}

static void *put(void *arg)
{
	size_t len, chunk = *(size_t *)arg;
	char *text = make_request(chunk, &len);
	struct reply *r = test_raw(text, len);

	free(text);
	return r;
}

static uint64_t right_sum(void)
{
	uint64_t all = 0;

	for (uint64_t i = 0; i < LENGTH; i++)
		all += (i + 1) * (unsigned char)(i * 7 + i / 1000);
	return all;
}

START_TEST(nobody_waits_for_the_disk)
{
	static size_t chunks[STREAMS] = {0, 1, 10, 1000, 65536, 262144, 300000, LENGTH};
	pthread_t threads[STREAMS];
	struct reply *r;
	size_t none = 0;

	pthread_mutex_lock(&disk);
	for (int i = 0; i < STREAMS; i++)
		pthread_create(&threads[i], NULL, put, &chunks[i]);
	/* As many as there may be hang; one more is told so, and others are answered at once. */
	while (__atomic_load_n(&server->streams, __ATOMIC_RELAXED) < STREAMS)
		usleep(10000);
	r = put(&none);
	ck_assert_int_eq(r->status, 503);
	ck_assert_ptr_nonnull(reply_header(r, "Retry-After"));
	reply_free(r);
	for (int i = 0; i < 20; i++) {
		r = test_request("GET", "/api/greet", "", NULL);
		ck_assert_int_eq(r->status, 200);
		reply_free(r);
	}
	pthread_mutex_unlock(&disk);
	for (int i = 0; i < STREAMS; i++) {
		pthread_join(threads[i], (void **)&r);
		ck_assert_msg(r->status == 200, "%zu: %d", chunks[i], r->status);
		ck_assert_int_eq(json_integer_value(json_object_get(r->json, "bytes")), LENGTH);
		ck_assert_int_eq(json_integer_value(json_object_get(r->json, "all")), right_sum());
		reply_free(r);
	}
	/* There is room again. */
	r = put(&none);
	ck_assert_int_eq(r->status, 200);
	reply_free(r);
}
END_TEST

/* Gone in the middle, while a part of it is being written: it is let go, and its place with it. */
START_TEST(broken_streams_leave_their_place)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len;
	char *text = make_request(0, &len);
	struct reply *r;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	for (int i = 0; i < 3 * STREAMS; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		ck_assert_int_gt(send(fd, text, len / 2 + 1000 * (size_t)i, MSG_NOSIGNAL), 0);
		close(fd);
	}
	r = test_raw(text, len);
	for (int i = 0; i < 100 && r->status == 503; i++) {
		reply_free(r);
		usleep(10000);
		r = test_raw(text, len);
	}
	ck_assert_int_eq(r->status, 200);
	ck_assert_int_eq(json_integer_value(json_object_get(r->json, "all")), right_sum());
	reply_free(r);
	free(text);
}
END_TEST

Suite *suite_stream(void)
{
	Suite *suite = suite_create("stream");
	TCase *tc = tcase_create("stream");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, nobody_waits_for_the_disk);
	tcase_add_test(tc, broken_streams_leave_their_place);
	suite_add_tcase(suite, tc);
	return suite;
}
