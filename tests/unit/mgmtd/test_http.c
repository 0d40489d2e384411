/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon as a client sees it, over its socket. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.h"

static void setup(void)
{
	test_dir_make();
	test_daemon_start();
	log_in();
}

static void teardown(void)
{
	test_daemon_stop();
	test_dir_remove();
}

START_TEST(who_may)
{
	struct reply *r = test_request("GET", "/api/v1/vms", "", NULL);
	char headers[512], bearer[160], token[64];

	ck_assert_int_eq(r->status, 401);
	ck_assert_ptr_nonnull(reply_header(r, "WWW-Authenticate"));
	reply_free(r);
	r = test_request("GET", "/api/v1/vms", "Authorization: Bearer domus_x\r\n", NULL);
	ck_assert_int_eq(r->status, 401);
	reply_free(r);
	r = test_request("GET", "/api/v1/vms", "Authorization: Basic eDp5\r\n", NULL);
	ck_assert_int_eq(r->status, 401);
	reply_free(r);
	/* A cookie alone changes nothing. */
	snprintf(headers, sizeof(headers), "%.*s\r\n", (int)strcspn(auth, "\r"), auth);
	r = test_request("POST", "/api/v1/vms", headers, vm_spec);
	ck_assert_int_eq(r->status, 403);
	ck_assert_str_eq(reply_text(r, "code"), "csrf");
	reply_free(r);
	r = test_request("GET", "/api/v1/sessions/current", headers, NULL);
	ck_assert_int_eq(r->status, 200);
	ck_assert_ptr_nonnull(strstr(auth, reply_text(r, "csrf_token")));
	reply_free(r);

	r = expect("POST", "/api/v1/tokens", "{\"name\":\"look\",\"role\":\"viewer\"}", 201, NULL);
	snprintf(token, sizeof(token), "/api/v1/tokens/%s", reply_text(r, "id"));
	snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s\r\n", reply_text(r, "token"));
	reply_free(r);
	r = test_request("GET", "/api/v1/vms", bearer, NULL);
	ck_assert_int_eq(r->status, 200);
	reply_free(r);
	r = test_request("POST", "/api/v1/vms", bearer, vm_spec);
	ck_assert_int_eq(r->status, 403);
	ck_assert_str_eq(reply_text(r, "code"), "forbidden");
	reply_free(r);
	r = expect("GET", token, NULL, 200, NULL);
	ck_assert_ptr_null(json_object_get(r->json, "token"));
	reply_free(r);
	check("DELETE", token, NULL, 204, NULL);
	r = test_request("GET", "/api/v1/vms", bearer, NULL);
	ck_assert_int_eq(r->status, 401);
	reply_free(r);
	check("DELETE", "/api/v1/sessions/current", NULL, 204, NULL);
	check("GET", "/api/v1/vms", NULL, 401, "bad_credentials");
}
END_TEST

START_TEST(wrong_passwords)
{
	static const char body[] = "{\"username\":\"admin\",\"password\":\"wrong\"}";
	int64_t begun = clock_mono_ms();
	struct reply *r;
	int status = 0;

	r = test_request("POST", "/api/v1/sessions", "", body);
	ck_assert_int_eq(r->status, 401);
	ck_assert_int_ge(clock_mono_ms() - begun, 1000);
	reply_free(r);
	for (int i = 0; i < 6 && status != 429; i++) {
		r = test_request("POST", "/api/v1/sessions", "", body);
		status = r->status;
		if (status == 429)
			ck_assert_ptr_nonnull(reply_header(r, "Retry-After"));
		reply_free(r);
	}
	ck_assert_int_eq(status, 429);
}
END_TEST

/* Who has no business here can't fill the audit trail, other than by failed logins. */
START_TEST(strangers_leave_no_records)
{
	struct reply *r;

	reply_free(test_request("POST", "/api/v1/vms", "", vm_spec));
	reply_free(test_request("DELETE", "/api/v1/vms/" TEST_KERNEL, "", NULL));
	reply_free(test_request("POST", "/api/v1/vms", "Authorization: Bearer x\r\n", vm_spec));
	reply_free(test_request("POST", "/api/v1/sessions", "", "{}"));
	reply_free(test_request("POST", "/api/v1/sessions", "",
				"{\"username\":\"eve\",\"password\":\"x\"}"));
	check("POST", "/api/v1/vms", "{}", 422, "invalid");
	r = expect("GET", "/api/v1/audit?sort=time&fields=result,target", NULL, 200, NULL);
	for (size_t i = 0; i < 3; i++) {
		static const int results[] = {201, 401, 422};
		const json_t *item = json_array_get(json_object_get(r->json, "items"), i);

		ck_assert_int_eq(json_integer_value(json_object_get(item, "result")), results[i]);
		if (results[i] == 401)
			ck_assert_str_eq(json_string_value(json_object_get(item, "target")), "eve");
	}
	ck_assert_uint_eq(json_array_size(json_object_get(r->json, "items")), 3);
	reply_free(r);
}
END_TEST

START_TEST(malformed_requests)
{
	static char big[70000];
	struct reply *r;
	char *text;

	check("POST", "/api/v1/vms", "{\"name\":", 400, "malformed");
	check("POST", "/api/v1/vms", "", 400, "malformed");
	check("POST", "/api/v1/vms", "{\"name\":\"a\",\"name\":\"b\"}", 400, "malformed");
	check("POST", "/api/v1/vms", "[]", 422, "invalid");
	check("GET", "/api/v1/nothing", NULL, 404, "not_found");
	check("GET", "/api/v1/vms/", NULL, 404, "not_found");
	check("GET", "/api/v1/vms/42", NULL, 404, "not_found");
	check("GET", "/api/v1/vms/" TEST_KERNEL, NULL, 404, "not_found");
	check("GET", "/api/v1/vms?colour=red", NULL, 422, "invalid");
	check("GET", "/api/v1/vms?limit=1001", NULL, 422, "invalid");
	check("GET", "/api/v1/vms?cursor=abc", NULL, 422, "bad_cursor");
	r = expect("PUT", "/api/v1/vms", "{}", 405, "method_not_allowed");
	ck_assert_str_eq(reply_header(r, "Allow"), "GET, POST");
	reply_free(r);
	check("DELETE", "/", NULL, 405, "method_not_allowed");
	memset(big, ' ', sizeof(big) - 1);
	check("POST", "/api/v1/vms", big, 413, "too_large");
	memset(big, 'x', 20000);
	big[20000] = '\0';
	ck_assert_int_gt(asprintf(&text, "X-Big: %s\r\n", big), 0);
	r = test_request("GET", "/api/v1/vms", text, NULL);
	ck_assert_int_eq(r->status, 431);
	ck_assert_str_eq(reply_text(r, "code"), "headers_too_large");
	reply_free(r);
	free(text);
	snprintf(big, sizeof(big), "%sContent-Type: text/plain\r\n", auth);
	r = test_request("POST", "/api/v1/vms", big, "{}");
	ck_assert_int_eq(r->status, 415);
	reply_free(r);
}
END_TEST

/* Neither kept, nor looked for, nor told: bytes that are no text, and text that ends before its end. */
START_TEST(what_is_no_text)
{
	static const struct {
		const char *path, *field;
	} rows[] = {
		{"/api/v1/vms?name=%ff", "name"},
		{"/api/v1/tokens?name=%c3", "name"},
		{"/api/v1/audit?user=%ff&target=x", "user"},
		{"/api/v1/vms?%ff=1", "?"},
		{"/api/v1/vms?limit=1%00x", "limit"},
		{"/api/v1/vms?name%00x=1", "name"},
	};
	char body[600] =
		"{\"mode\":\"pvh\",\"vcpus\":1,\"memory\":67108864,\"name\":\"x\",\"boot\":"
		"{\"kernel\":\"" TEST_KERNEL "\"},\"xx";
	const json_t *error;
	struct reply *r;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		r = expect("GET", rows[i].path, NULL, 422, "invalid");
		error = json_array_get(json_object_get(r->json, "errors"), 0);
		ck_assert_str_eq(json_string_value(json_object_get(error, "field")), rows[i].field);
		reply_free(r);
	}
	check("POST", "/api/v1/vms/%ff/actions/start", NULL, 404, "not_found");
	r = expect("GET", "/api/v1/audit?limit=1", NULL, 200, NULL);
	error = json_array_get(json_object_get(r->json, "items"), 0);
	ck_assert_ptr_nonnull(json_object_get(error, "target"));
	reply_free(r);
	for (int i = 0; i < 100; i++)
		strcat(body, "\xc3\xa9");
	strcat(body, "\":1}");
	r = expect("POST", "/api/v1/vms", body, 422, "invalid");
	ck_assert_str_eq(reply_text(r, "detail"), "? is not a field known here.");
	reply_free(r);
}
END_TEST

START_TEST(ten_megabytes_of_header)
{
	size_t len = 10u << 20;
	char *text = malloc(len + 64);
	struct reply *r;
	int n = sprintf(text, "GET /api/v1/vms HTTP/1.1\r\nHost: x\r\nX-Big: ");

	memset(text + n, 'a', len);
	r = test_raw(text, len);
	ck_assert_int_eq(r->status, 431);
	reply_free(r);
	free(text);
	check("GET", "/api/v1/vms", NULL, 200, NULL);
}
END_TEST

START_TEST(invalid_machines)
{
	static const struct {
		const char *body, *field;
	} rows[] = {
		{"{\"name\":\"x\",\"mode\":\"hvm\",\"vcpus\":1,\"memory\":67108864,\"boot\":{\"kernel\":\"" TEST_KERNEL
		 "\"}}",
		 "mode"},
		{"{\"name\":\"x\",\"mode\":\"pvh\",\"vcpus\":0,\"memory\":67108864,\"boot\":{\"kernel\":\"" TEST_KERNEL
		 "\"}}",
		 "vcpus"},
		{"{\"name\":\"x\",\"mode\":\"pvh\",\"vcpus\":100,\"memory\":67108864,\"boot\":{\"kernel\":\"" TEST_KERNEL
		 "\"}}",
		 "vcpus"},
		{"{\"name\":\"x\",\"mode\":\"pvh\",\"vcpus\":1,\"memory\":67108865,\"boot\":{\"kernel\":\"" TEST_KERNEL
		 "\"}}",
		 "memory"},
		{"{\"name\":\"x\",\"mode\":\"pvh\",\"vcpus\":1,\"memory\":67108864,\"boot\":{\"kernel\":\""
		 "33333333-3333-4333-8333-333333333333\"}}",
		 "boot.kernel"},
		{"{\"name\":\"x\",\"mode\":\"pvh\",\"vcpus\":1,\"memory\":67108864,\"boot\":{\"kernel\":\"" TEST_INITRD
		 "\"}}",
		 "boot.kernel"},
		{"{\"name\":\"../x\",\"mode\":\"pvh\",\"vcpus\":1,\"memory\":67108864,\"boot\":{\"kernel\":\"" TEST_KERNEL
		 "\"}}",
		 "name"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reply *r = expect("POST", "/api/v1/vms", rows[i].body, 422, "invalid");
		const json_t *error = json_array_get(json_object_get(r->json, "errors"), 0);

		ck_assert_str_eq(json_string_value(json_object_get(error, "field")), rows[i].field);
		reply_free(r);
	}
}
END_TEST

START_TEST(etags)
{
	char *path = make_machine(), headers[700];
	struct reply *r = expect("GET", path, NULL, 200, NULL);

	ck_assert_str_eq(reply_header(r, "ETag"), "\"r1\"");
	reply_free(r);
	snprintf(headers, sizeof(headers), "%sIf-None-Match: \"r1\"\r\n", auth);
	r = test_request("GET", path, headers, NULL);
	ck_assert_int_eq(r->status, 304);
	ck_assert_str_eq(r->body, "");
	reply_free(r);
	snprintf(headers, sizeof(headers), "%sIf-Match: \"r0\"\r\n", auth);
	r = test_request("PATCH", path, headers, "{\"name\":\"two\"}");
	ck_assert_int_eq(r->status, 412);
	reply_free(r);
	r = test_request("DELETE", path, headers, NULL);
	ck_assert_int_eq(r->status, 412);
	reply_free(r);
	snprintf(headers, sizeof(headers), "%sIf-Match: \"r1\"\r\n", auth);
	r = test_request(
		"PATCH", path, headers,
		"{\"name\":\"two\",\"vcpus\":2,\"boot\":{\"initrd\":null,\"cmdline\":\"x\"}}");
	ck_assert_int_eq(r->status, 200);
	ck_assert_str_eq(reply_header(r, "ETag"), "\"r2\"");
	ck_assert_str_eq(reply_text(r, "name"), "two");
	ck_assert(json_is_null(json_object_get(json_object_get(r->json, "boot"), "initrd")));
	ck_assert_str_eq(
		json_string_value(json_object_get(json_object_get(r->json, "boot"), "kernel")),
		TEST_KERNEL);
	reply_free(r);
	/* All or nothing. */
	check("PATCH", path, "{\"name\":\"three\",\"vcpus\":0}", 422, "invalid");
	r = expect("GET", path, NULL, 200, NULL);
	ck_assert_str_eq(reply_text(r, "name"), "two");
	reply_free(r);
	make_machine();
	check("PATCH", path, "{\"name\":\"two\"}", 409, "name_taken");
}
END_TEST

START_TEST(same_key_same_answer)
{
	char headers[700], id[64];
	struct reply *r;

	snprintf(headers, sizeof(headers), "%sIdempotency-Key: abc\r\n", auth);
	r = test_request("POST", "/api/v1/vms", headers, vm_spec);
	ck_assert_int_eq(r->status, 201);
	snprintf(id, sizeof(id), "%s", reply_text(r, "id"));
	reply_free(r);
	r = test_request("POST", "/api/v1/vms", headers, vm_spec);
	ck_assert_int_eq(r->status, 201);
	ck_assert_str_eq(reply_text(r, "id"), id);
	ck_assert_str_eq(reply_header(r, "ETag"), "\"r1\"");
	reply_free(r);
	r = test_request("POST", "/api/v1/vms", headers, "{}");
	ck_assert_int_eq(r->status, 422);
	reply_free(r);
	check("POST", "/api/v1/vms", vm_spec, 409, "name_taken");
	/* Wherever a key is honoured it is looked at. */
	snprintf(headers, sizeof(headers), "%sIdempotency-Key: not allowed\r\n", auth);
	r = test_request("POST", "/api/v1/host/actions/reboot", headers, "{}");
	ck_assert_int_eq(r->status, 422);
	reply_free(r);
}
END_TEST

START_TEST(image_uploads)
{
	char headers[700], path[128], body[512];
	struct reply *r;

	snprintf(headers, sizeof(headers), "%sContent-Type: application/octet-stream\r\n", auth);
	r = test_request("POST", "/api/v1/images?name=text&kind=kernel", headers, "just text");
	ck_assert_int_eq(r->status, 422);
	ck_assert_str_eq(reply_text(r, "code"), "invalid_kernel");
	reply_free(r);
	r = test_request("POST",
			 "/api/v1/images?name=bad&kind=initrd&sha256="
			 "0000000000000000000000000000000000000000000000000000000000000000",
			 headers, "abc");
	ck_assert_int_eq(r->status, 422);
	reply_free(r);
	r = test_request("POST", "/api/v1/images?name=none&kind=initrd", headers, "");
	ck_assert_int_eq(r->status, 422);
	reply_free(r);
	r = test_request("POST", "/api/v1/images?kind=initrd", headers, "abc");
	ck_assert_int_eq(r->status, 422);
	reply_free(r);
	r = test_request("POST", "/api/v1/images?name=abc&kind=initrd", headers, "abc");
	ck_assert_int_eq(r->status, 201);
	ck_assert_str_eq(reply_text(r, "sha256"),
			 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	snprintf(path, sizeof(path), "/api/v1/images/%s", reply_text(r, "id"));
	snprintf(body, sizeof(body),
		 "{\"name\":\"user\",\"mode\":\"pvh\",\"vcpus\":1,\"memory\":67108864,"
		 "\"boot\":{\"kernel\":\"" TEST_KERNEL "\",\"initrd\":\"%s\"}}",
		 reply_text(r, "id"));
	reply_free(r);
	check("POST", "/api/v1/vms", body, 201, NULL);
	check("DELETE", path, NULL, 409, "in_use");
	r = expect("GET", "/api/v1/vms?name=user", NULL, 200, NULL);
	snprintf(body, sizeof(body), "/api/v1/vms/%s",
		 json_string_value(json_object_get(
			 json_array_get(json_object_get(r->json, "items"), 0), "id")));
	reply_free(r);
	check("DELETE", body, NULL, 204, NULL);
	check("DELETE", path, NULL, 204, NULL);
	check("GET", path, NULL, 404, "not_found");
	check("DELETE", "/api/v1/images/" TEST_KERNEL, NULL, 409, "builtin");
	snprintf(body, sizeof(body), "test -z \"$(ls %s/data/images)\"", test_dir);
	ck_assert_int_eq(system(body), 0);
}
END_TEST

static const struct {
	const char *range;
	int status;
	const char *told, *body;
} ranges[] = {
	{"", 200, NULL, "ten bytes."},
	{"Range: bytes=0-2\r\n", 206, "bytes 0-2/10", "ten"},
	{"Range: bytes=4-\r\n", 206, "bytes 4-9/10", "bytes."},
	{"Range: bytes=4-99999999999999999\r\n", 206, "bytes 4-9/10", "bytes."},
	{"Range: bytes=-1\r\n", 206, "bytes 9-9/10", "."},
	{"Range: bytes=-11\r\n", 206, "bytes 0-9/10", "ten bytes."},
	{"Range: bytes=10-\r\n", 416, "bytes */10", NULL},
	{"Range: bytes=-0\r\n", 416, "bytes */10", NULL},
	{"Range: bytes=3-2\r\n", 200, NULL, "ten bytes."},
	{"Range: bytes=0-1,3-4\r\n", 200, NULL, "ten bytes."},
	{"Range: bytes=99999999999999999999-\r\n", 200, NULL, "ten bytes."},
	{"Range: bytes=-\r\n", 200, NULL, "ten bytes."},
	{"Range: lines=0-1\r\n", 200, NULL, "ten bytes."},
	{"Range: bytes=0-2\r\nIf-Range: \"another\"\r\n", 200, NULL, "ten bytes."},
};

START_TEST(images_are_downloaded_in_ranges)
{
	char headers[640], path[100];
	struct reply *r;

	snprintf(headers, sizeof(headers), "%sContent-Type: application/octet-stream\r\n", auth);
	r = test_request("POST", "/api/v1/images?name=ten&kind=initrd", headers, "ten bytes.");
	ck_assert_int_eq(r->status, 201);
	snprintf(path, sizeof(path), "/api/v1/images/%s/content", reply_text(r, "id"));
	reply_free(r);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		snprintf(headers, sizeof(headers), "%s%s", auth, ranges[i].range);
		r = test_request("GET", path, headers, NULL);
		ck_assert_msg(r->status == ranges[i].status, "%s: %d", ranges[i].range, r->status);
		if (ranges[i].told)
			ck_assert_str_eq(reply_header(r, "Content-Range"), ranges[i].told);
		if (ranges[i].body)
			ck_assert_str_eq(r->body, ranges[i].body);
		reply_free(r);
	}
	r = test_request("HEAD", path, auth, NULL);
	ck_assert_str_eq(reply_header(r, "Content-Length"), "10");
	ck_assert_str_eq(reply_header(r, "Content-Disposition"), "attachment; filename=\"ten\"");
	ck_assert_uint_eq(strlen(r->body), 0);
	reply_free(r);
	r = expect("GET", "/api/v1/audit?action=image_content", NULL, 200, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(r->json, "items")),
			  ARRAY_SIZE(ranges) + 1);
	reply_free(r);
}
END_TEST

/* Whole and unharmed while nobody writes to it; refused, or broken off, when someone may. */
START_TEST(volumes_are_downloaded_while_they_are_still)
{
	char path[100], disks[100], all[200];
	const char *vm;
	struct reply *r;

	check("POST", "/api/v1/volumes", "{\"name\":\"v\",\"size\":1048576,\"format\":\"vmdk\"}",
	      422, "invalid");
	r = expect("POST", "/api/v1/volumes", "{\"name\":\"v\",\"size\":1048576}", 201, NULL);
	snprintf(path, sizeof(path), "/api/v1/volumes/%s/content", reply_text(r, "id"));
	snprintf(disks, sizeof(disks), "{\"volume\":\"%s\"}", reply_text(r, "id"));
	reply_free(r);
	vm = make_machine();
	snprintf(all, sizeof(all), "%s/disks", vm);
	check("POST", all, disks, 201, NULL);
	r = test_request("GET", path, auth, NULL);
	ck_assert_int_eq(r->status, 200);
	ck_assert_str_eq(reply_header(r, "Content-Length"), "1048576");
	reply_free(r);
	snprintf(all, sizeof(all), "%s/actions/start", vm);
	r = expect("POST", all, NULL, 202, NULL);
	reply_free(r);
	check("GET", path, NULL, 409, "in_use");
}
END_TEST

/* What is downloaded is the file: as a qcow2 it is short, and says what it is. */
START_TEST(qcow2_volumes_are_files_of_their_own)
{
	struct reply *r = expect("POST", "/api/v1/volumes",
				 "{\"name\":\"thin\",\"size\":1099511627776,\"format\":\"qcow2\"}",
				 201, NULL);
	char path[100], content[120];

	ck_assert_str_eq(reply_text(r, "format"), "qcow2");
	ck_assert_int_eq(json_integer_value(json_object_get(r->json, "size")), 1ll << 40);
	ck_assert_int_lt(json_integer_value(json_object_get(r->json, "allocated")), 1 << 20);
	snprintf(path, sizeof(path), "/api/v1/volumes/%s", reply_text(r, "id"));
	snprintf(content, sizeof(content), "%s/content", path);
	reply_free(r);
	r = test_request("GET", content, auth, NULL);
	ck_assert_int_eq(r->status, 200);
	ck_assert_str_eq(reply_header(r, "Content-Disposition"),
			 "attachment; filename=\"thin.qcow2\"");
	ck_assert_mem_eq(r->body, "QFI\xfb", 4);
	ck_assert_int_lt(atoll(reply_header(r, "Content-Length")), 2 << 20);
	reply_free(r);
	r = expect("PATCH", path, "{\"size\":2199023255552}", 200, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(r->json, "size")), 2ll << 40);
	reply_free(r);
	r = expect("GET", "/api/v1/volumes?fields=allocated", NULL, 200, NULL);
	ck_assert(json_is_integer(json_object_get(
		json_array_get(json_object_get(r->json, "items"), 0), "allocated")));
	reply_free(r);
	check("DELETE", path, NULL, 204, NULL);
}
END_TEST

START_TEST(session_from_login_to_delete)
{
	char *vm = make_machine(), path[256], line[512];
	struct reply *r;

	snprintf(path, sizeof(path), "%s/actions/start", vm);
	r = expect("POST", path, NULL, 202, NULL);
	snprintf(path, sizeof(path), "/api/v1/tasks/%s?wait=20", reply_text(r, "id"));
	ck_assert_int_eq(strncmp(path, reply_header(r, "Location"), 50), 0);
	reply_free(r);
	r = expect("GET", path, NULL, 200, NULL);
	ck_assert_str_eq(reply_text(r, "status"), "succeeded");
	reply_free(r);
	r = expect("DELETE", vm, NULL, 409, "state_conflict");
	ck_assert_str_eq(reply_text(r, "state"), "running");
	ck_assert(json_is_array(json_object_get(r->json, "allowed_actions")));
	reply_free(r);
	check("PATCH", vm, "{\"vcpus\":2}", 409, "state_conflict");
	check("PATCH", vm, "{\"name\":\"renamed\"}", 200, NULL);
	snprintf(path, sizeof(path), "%s/actions/explode", vm);
	check("POST", path, NULL, 404, "not_found");
	snprintf(path, sizeof(path), "%s/consoles/serial/log", vm);
	r = expect("GET", path, NULL, 200, NULL);
	ck_assert_ptr_nonnull(strstr(r->body, "demo guest ready"));
	reply_free(r);

	/* A ticket, redeemed as console-proxy does. */
	snprintf(path, sizeof(path), "%s/consoles/serial/tickets", vm);
	r = expect("POST", path, "{\"read_only\":true}", 201, NULL);
	snprintf(path, sizeof(path), "redeem %s\n", reply_text(r, "ticket"));
	reply_free(r);
	for (int i = 0; i < 2; i++) {
		struct sockaddr_un addr = {.sun_family = AF_UNIX};
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		ssize_t n;

		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/tickets.sock", test_config.run);
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		ck_assert_int_gt(write(fd, path, strlen(path)), 0);
		n = read(fd, line, sizeof(line) - 1);
		ck_assert_int_gt(n, 0);
		line[n] = '\0';
		close(fd);
		ck_assert_msg(!strncmp(line, i ? "error " : "ok {", 4), "%s", line);
	}

	snprintf(path, sizeof(path), "%s/actions/destroy", vm);
	r = expect("POST", path, NULL, 202, NULL);
	snprintf(path, sizeof(path), "/api/v1/tasks/%s?wait=20", reply_text(r, "id"));
	reply_free(r);
	check("GET", path, NULL, 200, NULL);
	check("DELETE", vm, NULL, 204, NULL);
	check("GET", vm, NULL, 404, "not_found");
	r = expect("GET", "/api/v1/audit?action=vm_delete", NULL, 200, NULL);
	ck_assert_uint_eq(json_array_size(json_object_get(r->json, "items")), 2);
	reply_free(r);
}
END_TEST

/* Read an event stream until @until comes by. */
static char *read_stream(const char *path, const char *more, const char *until)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	const struct timeval timeout = {.tv_sec = 20};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	static char text[65536];
	size_t len = 0;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/mgmtd.sock", test_config.run);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	dprintf(fd, "GET %s HTTP/1.1\r\nHost: x\r\n%s%s\r\n", path, auth, more);
	do {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

		ck_assert_msg(n > 0, "the stream ended: %s", text);
		len += (size_t)n;
		text[len] = '\0';
	} while (!strstr(text, until));
	close(fd);
	return text;
}

START_TEST(events_are_replayed)
{
	char *text;

	make_machine();
	text = read_stream("/api/v1/events", "", "event: hello");
	ck_assert_ptr_nonnull(strstr(text, "text/event-stream"));
	ck_assert_ptr_null(strstr(text, "vm.created"));
	text = read_stream("/api/v1/events?after=0", "", "event: vm.created");
	ck_assert_ptr_nonnull(strstr(text, "\"name\":\"one\""));
	text = read_stream("/api/v1/events", "Last-Event-ID: 0\r\n", "event: vm.created");
	text = read_stream("/api/v1/events?after=99999", "", "event: reset");
	ck_assert_ptr_null(strstr(text, "vm.created"));
}
END_TEST

/* Events may go before a slow reader has had them: it is told, rather than left with what was. */
START_TEST(gaps_in_events_are_told)
{
	char file[128], *text;
	sqlite3 *db;

	make_machine();
	snprintf(file, sizeof(file), "%s/data/domus.db", test_dir);
	ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db,
				      "UPDATE event SET id = id + 100 WHERE id ="
				      " (SELECT max(id) FROM event);"
				      "INSERT INTO event (id, type, time, resource)"
				      " VALUES (1, 'vm.updated', '', '{}')",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	text = read_stream("/api/v1/events?after=1", "", "event: reset");
	ck_assert_ptr_null(strstr(text, "event: vm."));
}
END_TEST

START_TEST(web_files)
{
	struct reply *r;

	test_file("webui/index.html.gz", "not really gzip");
	test_file("secret", "secret");
	r = test_request("GET", "/", "", NULL);
	ck_assert_int_eq(r->status, 200);
	ck_assert_str_eq(r->body, "<!doctype html>");
	ck_assert_ptr_nonnull(
		strstr(reply_header(r, "Content-Security-Policy"), "default-src 'none'"));
	reply_free(r);
	r = test_request("GET", "/", "Accept-Encoding: gzip\r\n", NULL);
	ck_assert_str_eq(r->body, "not really gzip");
	ck_assert_str_eq(reply_header(r, "Content-Encoding"), "gzip");
	reply_free(r);
	r = test_request("GET", "/some/page", "Accept: text/html\r\n", NULL);
	ck_assert_int_eq(r->status, 200);
	reply_free(r);
	r = test_request("GET", "/some/page", "Accept: */*\r\n", NULL);
	ck_assert_int_eq(r->status, 404);
	reply_free(r);
	r = test_request("GET", "/../secret", "", NULL);
	ck_assert_int_eq(r->status, 404);
	reply_free(r);
	r = test_request("GET", "/%2e%2e/secret", "", NULL);
	ck_assert_int_eq(r->status, 404);
	reply_free(r);
}
END_TEST

START_TEST(host_goes_down_in_order)
{
	char *vm = make_machine(), path[256];
	struct reply *r;

	snprintf(path, sizeof(path), "%s/actions/start", vm);
	check("POST", path, NULL, 202, NULL);
	r = expect("POST", "/api/v1/host/actions/shutdown", "{\"timeout\":5}", 202, NULL);
	snprintf(path, sizeof(path), "/api/v1/tasks/%s?wait=30", reply_text(r, "id"));
	reply_free(r);
	r = expect("GET", path, NULL, 200, NULL);
	ck_assert_str_eq(reply_text(r, "status"), "succeeded");
	reply_free(r);
	r = expect("GET", vm, NULL, 200, NULL);
	ck_assert_str_eq(reply_text(r, "state"), "stopped");
	reply_free(r);
}
END_TEST

Suite *suite_http(void)
{
	Suite *suite = suite_create("http");
	TCase *tc = tcase_create("http");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 90);
	tcase_add_test(tc, who_may);
	tcase_add_test(tc, wrong_passwords);
	tcase_add_test(tc, strangers_leave_no_records);
	tcase_add_test(tc, malformed_requests);
	tcase_add_test(tc, what_is_no_text);
	tcase_add_test(tc, ten_megabytes_of_header);
	tcase_add_test(tc, invalid_machines);
	tcase_add_test(tc, etags);
	tcase_add_test(tc, same_key_same_answer);
	tcase_add_test(tc, image_uploads);
	tcase_add_test(tc, images_are_downloaded_in_ranges);
	tcase_add_test(tc, volumes_are_downloaded_while_they_are_still);
	tcase_add_test(tc, qcow2_volumes_are_files_of_their_own);
	tcase_add_test(tc, session_from_login_to_delete);
	tcase_add_test(tc, events_are_replayed);
	tcase_add_test(tc, gaps_in_events_are_told);
	tcase_add_test(tc, web_files);
	tcase_add_test(tc, host_goes_down_in_order);
	suite_add_tcase(suite, tc);
	return suite;
}
