/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker.h"

char test_dir[64];
struct svc_config test_config;
char auth[512];

static char paths[4][128];
static pthread_t daemon_thread;
static int daemon_stop = -1, daemon_rc;

void test_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static const char *make_dir(int i, const char *name)
{
	snprintf(paths[i], sizeof(paths[i]), "%s/%s", test_dir, name);
	ck_assert_int_eq(mkdir(paths[i], 0700), 0);
	return paths[i];
}

void test_dir_make(void)
{
	char state[128];

	strcpy(test_dir, "/tmp/mgmtd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(test_dir));
	snprintf(state, sizeof(state), "%s/state", test_dir);
	setenv("DOMUS_FAKE_STATE", state, 1);
	test_config = (struct svc_config){
		.data = make_dir(0, "data"),
		.run = make_dir(1, "run"),
		.images = make_dir(2, "images"),
		.webui = make_dir(3, "webui"),
		.power_command = "/bin/true",
		.disk_reader = DISK_READER,
		.disk_server = DISK_SERVER,
	};
	test_file("images/kernel", "\177ELF a kernel");
	test_file("images/initrd", "an initrd");
	test_file("images/index.json",
		  "[{\"id\":\"" TEST_KERNEL
		  "\",\"name\":\"kernel\",\"kind\":\"kernel\",\"file\":\"kernel\"},"
		  "{\"id\":\"" TEST_INITRD
		  "\",\"name\":\"initrd\",\"kind\":\"initrd\",\"file\":\"initrd\"}]");
	test_file("webui/index.html", "<!doctype html>");
	test_file("password", TEST_PASSWORD "\n");
}

void test_dir_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", test_dir);
	ck_assert_int_eq(system(command), 0);
}

static void *daemon_main(void *arg)
{
	char password[128], console[128];
	struct app_config config = {
		.svc = test_config,
		.password_file = password,
		.console = console,
		.listen_fd = -1,
	};

	(void)arg;
	snprintf(password, sizeof(password), "%s/password", test_dir);
	snprintf(console, sizeof(console), "%s/console", test_dir);
	daemon_rc = app_run(&config, daemon_stop);
	return NULL;
}

static int connect_daemon(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/mgmtd.sock", test_config.run);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);
	return -1;
}

void test_daemon_start(void)
{
	char broker[160];
	int fd = -1;

	signal(SIGPIPE, SIG_IGN);
	snprintf(broker, sizeof(broker), "%s/broker.sock", test_config.run);
	ck_assert_int_eq(fake_broker_start(broker), 0);
	daemon_stop = eventfd(0, 0);
	ck_assert_int_eq(pthread_create(&daemon_thread, NULL, daemon_main, NULL), 0);
	for (int i = 0; i < 1000 && fd < 0; i++) {
		usleep(10000);
		fd = connect_daemon();
	}
	ck_assert_int_ge(fd, 0);
	close(fd);
}

void test_daemon_stop(void)
{
	const uint64_t one = 1;

	ck_assert_int_eq(write(daemon_stop, &one, sizeof(one)), sizeof(one));
	pthread_join(daemon_thread, NULL);
	close(daemon_stop);
	ck_assert_int_eq(daemon_rc, 0);
}

static char *read_all(int fd, size_t *len)
{
	char *buf = NULL;
	size_t size = 0;
	ssize_t n;

	*len = 0;
	do {
		size += 65536;
		buf = realloc(buf, size + 1);
		n = read(fd, buf + *len, size - *len);
		*len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	buf[*len] = '\0';
	return buf;
}

struct reply *test_raw(const char *text, size_t len)
{
	struct reply *r = calloc(1, sizeof(*r));
	int fd = connect_daemon();
	char *all, *end;
	size_t got;

	ck_assert_int_ge(fd, 0);
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n <= 0)
			break; /* it need not listen to the end */
		text += n;
		len -= (size_t)n;
	}
	all = read_all(fd, &got);
	close(fd);
	end = strstr(all, "\r\n\r\n");
	ck_assert_msg(end, "no answer: %s", all);
	snprintf(r->head, sizeof(r->head), "%.*s", (int)(end + 2 - all), all);
	r->status = atoi(all + 9);
	r->body = strdup(end + 4);
	r->json = json_loads(r->body, 0, NULL);
	free(all);
	return r;
}

struct reply *test_request(const char *method, const char *path, const char *headers,
			   const char *body)
{
	struct reply *r;
	char *text;
	int len;

	len = asprintf(&text, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s", method,
		       path, headers);
	ck_assert_int_gt(len, 0);
	if (body) {
		char *more;

		len = asprintf(
			&more, "%s%sContent-Length: %zu\r\n\r\n%s", text,
			strstr(headers, "Content-Type") ? "" : "Content-Type: application/json\r\n",
			strlen(body), body);
		free(text);
		text = more;
	} else {
		text = realloc(text, (size_t)len + 3);
		strcpy(text + len, "\r\n");
		len += 2;
	}
	r = test_raw(text, (size_t)len);
	free(text);
	return r;
}

void reply_free(struct reply *r)
{
	json_decref(r->json);
	free(r->body);
	free(r);
}

const char *reply_header(const struct reply *r, const char *name)
{
	static char value[512];
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\r\n%s: ", name);
	at = strcasestr(r->head, key);
	if (!at)
		return NULL;
	at += strlen(key);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

const char *reply_text(const struct reply *r, const char *member)
{
	const char *text = json_string_value(json_object_get(r->json, member));

	ck_assert_msg(text, "no %s in: %s", member, r->body);
	return text;
}

void log_in(void)
{
	struct reply *r = test_request("POST", "/api/v1/sessions", "",
				       "{\"username\":\"admin\",\"password\":\"" TEST_PASSWORD
				       "\"}");
	char cookie[128];

	ck_assert_int_eq(r->status, 201);
	ck_assert_ptr_nonnull(
		strstr(reply_header(r, "Set-Cookie"), "; Secure; HttpOnly; SameSite=Strict"));
	snprintf(cookie, sizeof(cookie), "%.*s", (int)strcspn(reply_header(r, "Set-Cookie"), ";"),
		 reply_header(r, "Set-Cookie"));
	snprintf(auth, sizeof(auth), "Cookie: %s\r\nX-CSRF-Token: %s\r\n", cookie,
		 reply_text(r, "csrf_token"));
	reply_free(r);
}

struct reply *expect(const char *method, const char *path, const char *body, int status,
		     const char *code)
{
	struct reply *r = test_request(method, path, auth, body);

	ck_assert_msg(r->status == status, "%s %s: %d %s", method, path, r->status, r->body);
	if (code) {
		ck_assert_str_eq(reply_header(r, "Content-Type"), "application/problem+json");
		ck_assert_str_eq(reply_text(r, "code"), code);
		ck_assert_str_eq(reply_text(r, "request_id"), reply_header(r, "X-Request-Id"));
		ck_assert_int_eq(json_integer_value(json_object_get(r->json, "status")), status);
	}
	return r;
}

void check(const char *method, const char *path, const char *body, int status, const char *code)
{
	reply_free(expect(method, path, body, status, code));
}

const char vm_spec[] = "{\"name\":\"one\",\"mode\":\"pvh\",\"vcpus\":1,\"memory\":67108864,"
		       "\"boot\":{\"kernel\":\"" TEST_KERNEL "\",\"initrd\":\"" TEST_INITRD "\"}}";

char *make_machine(void)
{
	struct reply *r = expect("POST", "/api/v1/vms", vm_spec, 201, NULL);
	static char path[128];

	snprintf(path, sizeof(path), "/api/v1/vms/%s", reply_text(r, "id"));
	ck_assert_str_eq(reply_header(r, "Location"), path);
	reply_free(r);
	return path;
}
