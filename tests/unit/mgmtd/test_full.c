/* SPDX-License-Identifier: Apache-2.0 */
/* A data disk that is full and stays so: what needs room is refused whole, and one can still look. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"

/* SQLite's own files, whose writes end as a full disk has them end: 0, or what they return. */
static int write_ends, write_errno;
static bool no_more_room;
static sqlite3_vfs vfs_here;
static const sqlite3_vfs *real;
static sqlite3_io_methods methods[2]; /* with locks for the database, without for its log */
static int (*real_write)(sqlite3_file *file, const void *data, int len, sqlite3_int64 at);
static int (*real_control)(sqlite3_file *file, int op, void *arg);

/* Files keep the room they have, which is what was taken ahead; nothing beyond is to be had. */
static bool has_room(sqlite3_file *file, sqlite3_int64 end)
{
	sqlite3_int64 has = 8 * MIB;

	if (file->pMethods == &methods[1])
		file->pMethods->xFileSize(file, &has);
	return end <= has || !__atomic_load_n(&no_more_room, __ATOMIC_SEQ_CST);
}

static int write_file(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	int rc = __atomic_load_n(&write_ends, __ATOMIC_SEQ_CST);

	errno = write_errno;
	if (!rc && !has_room(file, at + len))
		rc = SQLITE_FULL;
	return rc ? rc : real_write(file, data, len, at);
}

static int control_file(sqlite3_file *file, int op, void *arg)
{
	if (op == SQLITE_FCNTL_SIZE_HINT && !has_room(file, *(sqlite3_int64 *)arg))
		return SQLITE_FULL;
	return real_control(file, op, arg);
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	sqlite3_io_methods *m = &methods[(flags & SQLITE_OPEN_MAIN_DB) != 0];
	int rc = real->xOpen((sqlite3_vfs *)(uintptr_t)real, name, file, flags, out);

	(void)vfs;
	if (rc != SQLITE_OK || file->pMethods == m)
		return rc;
	*m = *file->pMethods;
	real_write = m->xWrite;
	m->xWrite = write_file;
	real_control = m->xFileControl;
	m->xFileControl = control_file;
	file->pMethods = m;
	return SQLITE_OK;
}

static void end_writes(int rc, int err)
{
	write_errno = err;
	__atomic_store_n(&write_ends, rc, __ATOMIC_SEQ_CST);
}

static void set_full(bool full)
{
	__atomic_store_n(&no_more_room, full, __ATOMIC_SEQ_CST);
}

static void setup(void)
{
	real = sqlite3_vfs_find(NULL);
	vfs_here = *real;
	vfs_here.zName = "test";
	vfs_here.xOpen = open_file;
	ck_assert_int_eq(sqlite3_vfs_register(&vfs_here, 1), SQLITE_OK);
	test_dir_make();
	test_daemon_start();
	log_in();
}

static void teardown(void)
{
	end_writes(SQLITE_OK, 0);
	set_full(false);
	test_daemon_stop();
	test_dir_remove();
}

/* What there is, as text: resources, what runs, and the files. */
static char *look(void)
{
	static const char *const lists[] = {"vms",    "volumes", "networks", "images",
					    "tokens", "tasks",   "host"};
	char path[128], *all = NULL;
	size_t len;
	FILE *out = open_memstream(&all, &len), *files;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct reply *r;

		snprintf(path, sizeof(path), "/api/v1/%s", lists[i]);
		r = expect("GET", path, NULL, 200, NULL);
		json_object_del(r->json, "uptime");
		json_dumpf(r->json, out, JSON_SORT_KEYS | JSON_INDENT(1));
		reply_free(r);
	}
	snprintf(path, sizeof(path), "cd %s/data; ls -lR images volumes cache", test_dir);
	files = popen(path, "r");
	for (int c = fgetc(files); c != EOF; c = fgetc(files))
		fputc(c, out);
	pclose(files);
	fclose(out);
	return all;
}

static void see_the_same(const char *before)
{
	char *now = look();
	size_t at = 0;

	while (before[at] && before[at] == now[at])
		at++;
	ck_assert_msg(before[at] == now[at], "was: %.300s\nis: %.300s", before + at, now + at);
	free(now);
}

#define REQUESTS_MAX 20

static struct request {
	const char *method;
	char path[240];
	const char *body;
	int status; /* when there is room */
} requests[REQUESTS_MAX];

static char ids[6][64];
static char bodies[2][128];

static const char *make(int i, const char *path, const char *body)
{
	struct reply *r = expect("POST", path, body, 201, NULL);

	snprintf(ids[i], sizeof(ids[i]), "%s", reply_text(r, "id"));
	reply_free(r);
	return ids[i];
}

static void add(const char *method, const char *path, const char *id, const char *body, int status)
{
	struct request *r = requests;

	while (r->method)
		r++;
	*r = (struct request){.method = method, .body = body, .status = status};
	snprintf(r->path, sizeof(r->path), "/api/v1/%s%s", path, id);
}

/* Wait for the task to end. */
static void wait_task(const char *id, const char *status)
{
	char path[128];
	struct reply *r;

	snprintf(path, sizeof(path), "/api/v1/tasks/%s?wait=20", id);
	r = expect("GET", path, NULL, 200, NULL);
	ck_assert_str_eq(reply_text(r, "status"), status);
	reply_free(r);
}

/* One of each, and what may be done to it. */
static void prepare(void)
{
	const char *volume = make(0, "/api/v1/volumes", "{\"name\":\"v\",\"size\":1048576}");
	const char *network = make(1, "/api/v1/networks", "{\"name\":\"n\",\"kind\":\"private\"}");
	const char *token = make(2, "/api/v1/tokens", "{\"name\":\"t\"}");
	const char *vm;
	char path[160], start[200];
	struct reply *r;

	snprintf(path, sizeof(path), "%s", make_machine());
	vm = strrchr(path, '/') + 1;
	snprintf(start, sizeof(start), "%s/actions/start", path);
	r = expect("POST", start, NULL, 202, NULL);
	wait_task(reply_text(r, "id"), "succeeded");
	reply_free(r);

	add("PATCH", "vms/", vm, "{\"name\":\"renamed\"}", 200);
	add("PATCH", "vms/", vm, "{\"memory\":33554432,\"memory_min\":33554432}", 200);
	snprintf(bodies[0], sizeof(bodies[0]), "{\"volume\":\"%s\"}", volume);
	snprintf(start, sizeof(start), "%s/disks", vm);
	add("POST", "vms/", start, bodies[0], 201);
	snprintf(bodies[1], sizeof(bodies[1]), "{\"network\":\"%s\"}", network);
	snprintf(start, sizeof(start), "%s/nics", vm);
	add("POST", "vms/", start, bodies[1], 201);
	snprintf(start, sizeof(start), "%s/actions/pause", vm);
	add("POST", "vms/", start, NULL, 202);
	add("POST", "vms", "",
	    "{\"name\":\"two\",\"mode\":\"pvh\",\"vcpus\":1,\"memory\":67108864,\"start\":true,"
	    "\"boot\":{\"kernel\":\"" TEST_KERNEL "\"}}",
	    201);
	add("PATCH", "volumes/", volume, "{\"size\":2097152}", 200);
	add("POST", "volumes", "", "{\"name\":\"w\",\"size\":1048576}", 201);
	add("POST", "volumes", "", "{\"name\":\"x\",\"size\":1048576,\"format\":\"qcow2\"}", 201);
	add("PATCH", "networks/", network, "{\"name\":\"m\"}", 200);
	add("POST", "networks", "", "{\"name\":\"o\",\"kind\":\"private\"}", 201);
	add("POST", "images?kind=initrd&name=", "i", "an initrd", 201);
	add("POST", "images?kind=kernel&name=", "k", "\177ELF a kernel", 201);
	add("POST", "tokens", "", "{\"name\":\"u\"}", 201);
	add("DELETE", "tokens/", token, NULL, 204);
	add("POST", "sessions", "", "{\"username\":\"admin\",\"password\":\"" TEST_PASSWORD "\"}",
	    201);
	add("POST", "host/actions/reboot", "", "{\"timeout\":0}", 202);
}

/* Do it, with one key each. Return: the status; a 507 must say what to do. */
static int ask(const struct request *q)
{
	char headers[700];
	struct reply *r;
	int status;

	snprintf(headers, sizeof(headers), "%s%sIdempotency-Key: %td\r\n", auth,
		 strstr(q->path, "images?") ? "Content-Type: application/octet-stream\r\n" : "",
		 q - requests);
	r = test_request(q->method, q->path, headers, q->body);
	status = r->status;
	if (status == 507) {
		ck_assert_str_eq(reply_header(r, "Content-Type"), "application/problem+json");
		ck_assert_str_eq(reply_text(r, "code"), "insufficient_storage");
		ck_assert_ptr_nonnull(strstr(reply_text(r, "detail"), "delete volumes or images"));
	}
	reply_free(r);
	return status;
}

/* Refused as long as there is no room, and nothing is left of it; then the same requests are done. */
START_TEST(writes_are_refused_whole)
{
	static const struct {
		int rc, err;
	} ends[] = {{SQLITE_FULL, 0}, {SQLITE_IOERR_WRITE, EDQUOT}};
	char *before;

	prepare();
	before = look();
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		end_writes(ends[i].rc, ends[i].err);
		for (const struct request *q = requests; q->method; q++)
			ck_assert_msg(ask(q) == 507, "%s %s", q->method, q->path);
		see_the_same(before);
	}
	end_writes(SQLITE_OK, 0);
	for (const struct request *q = requests; q->method; q++)
		ck_assert_msg(ask(q) == q->status, "%s %s", q->method, q->path);
	free(before);
}
END_TEST

static int64_t memory_free(void)
{
	struct reply *r = expect("GET", "/api/v1/host", NULL, 200, NULL);
	int64_t bytes =
		json_integer_value(json_object_get(json_object_get(r->json, "memory"), "free"));

	reply_free(r);
	return bytes;
}

/* A start that can't be recorded is none: no domain is left, and the machine is stopped. */
START_TEST(what_can_not_be_recorded_does_not_run)
{
	int64_t had = memory_free();
	struct reply *r =
		expect("POST", "/api/v1/vms",
		       "{\"name\":\"one\",\"mode\":\"pvh\",\"vcpus\":1,"
		       "\"memory\":67108864,\"start\":true,\"boot\":{\"kernel\":\"" TEST_KERNEL
		       "\",\"cmdline\":\"fake.slow=1000\"}}",
		       201, NULL);
	char path[64], task[64];

	snprintf(path, sizeof(path), "/api/v1/vms/%s", reply_text(r, "id"));
	snprintf(task, sizeof(task), "%s", reply_text(r, "task_id"));
	reply_free(r);
	while (memory_free() >= had)
		usleep(10000);
	end_writes(SQLITE_FULL, 0);
	while (memory_free() < had)
		usleep(10000);
	usleep(700000); /* it is tried again and again */
	end_writes(SQLITE_OK, 0);
	wait_task(task, "failed");
	r = expect("GET", path, NULL, 200, NULL);
	ck_assert_str_eq(reply_text(r, "state"), "stopped");
	reply_free(r);
}
END_TEST

/* Whatever is asked of it meanwhile: the room that was taken ahead lasts for getting in and tidying up. */
START_TEST(one_can_tidy_up)
{
	const char *volume = make(0, "/api/v1/volumes", "{\"name\":\"v\",\"size\":1048576}");
	const char *token = make(1, "/api/v1/tokens", "{\"name\":\"t\"}");
	char headers[640], image[64], disk[200], body[100];
	struct reply *r;
	int made = 0;
	char *vm;

	snprintf(headers, sizeof(headers), "%sContent-Type: application/octet-stream\r\n", auth);
	r = test_request("POST", "/api/v1/images?name=i&kind=initrd", headers, "an initrd");
	snprintf(image, sizeof(image), "/api/v1/images/%s", reply_text(r, "id"));
	reply_free(r);
	vm = make_machine();
	snprintf(disk, sizeof(disk), "%s/disks", vm);
	snprintf(bodies[0], sizeof(bodies[0]), "{\"volume\":\"%s\"}", volume);
	r = expect("POST", disk, bodies[0], 201, NULL);
	snprintf(disk, sizeof(disk), "%s/disks/%s", vm, reply_text(r, "id"));
	reply_free(r);

	set_full(true);
	do {
		snprintf(body, sizeof(body), "{\"name\":\"t%d\"}", made++);
		r = test_request("POST", "/api/v1/tokens", auth, body);
		made = r->status == 201 ? made : -made;
		reply_free(r);
	} while (made > 0 && made < 2000);
	ck_assert_int_lt(made, -100);
	for (int i = 0; i < 1000; i++)
		check("POST", "/api/v1/tokens", "{\"name\":\"more\"}", 507, "insufficient_storage");
	check("PATCH", vm, "{\"name\":\"two\"}", 507, "insufficient_storage");
	for (int i = 0; i < 20; i++) {
		check("DELETE", "/api/v1/sessions/current", NULL, 204, NULL);
		log_in();
	}
	snprintf(body, sizeof(body), "/api/v1/tokens/%s", token);
	check("DELETE", body, NULL, 204, NULL);
	check("GET", vm, NULL, 200, NULL);
	check("DELETE", disk, NULL, 204, NULL);
	check("DELETE", vm, NULL, 204, NULL);
	check("DELETE", image, NULL, 204, NULL);
	snprintf(disk, sizeof(disk), "/api/v1/volumes/%s", volume);
	check("GET", disk, NULL, 200, NULL);
	check("DELETE", disk, NULL, 204, NULL);
	check("POST", "/api/v1/tokens", "{\"name\":\"more\"}", 507, "insufficient_storage");
	set_full(false);
	check("POST", "/api/v1/tokens", "{\"name\":\"more\"}", 201, NULL);
}
END_TEST

START_TEST(other_failures_are_not_taken_for_it)
{
	end_writes(SQLITE_IOERR_WRITE, EIO);
	check("POST", "/api/v1/vms", vm_spec, 500, "internal");
	check("POST", "/api/v1/tokens", "{\"name\":\"t\"}", 503, "unavailable");
	end_writes(SQLITE_OK, 0);
	check("POST", "/api/v1/vms", vm_spec, 201, NULL);
}
END_TEST

Suite *suite_full(void)
{
	Suite *suite = suite_create("full");
	TCase *tc = tcase_create("full");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, writes_are_refused_whole);
	tcase_add_test(tc, what_can_not_be_recorded_does_not_run);
	tcase_add_test(tc, one_can_tidy_up);
	tcase_add_test(tc, other_failures_are_not_taken_for_it);
	suite_add_tcase(suite, tc);
	return suite;
}
