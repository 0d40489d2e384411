/* SPDX-License-Identifier: Apache-2.0 */
/* A data directory, the services over the fake toolstack, and a small HTTP client. */
#ifndef TEST_MGMTD_FIXTURE_H
#define TEST_MGMTD_FIXTURE_H

#include <check.h>
#include <jansson.h>

#include "app.h"
#include "svc/svc.h"

#define TEST_KERNEL   "11111111-1111-4111-8111-111111111111"
#define TEST_INITRD   "22222222-2222-4222-8222-222222222222"
#define TEST_PASSWORD "correct horse"
#define MIB           (1ull << 20)

extern char test_dir[64];
extern struct svc_config test_config;

/** Make a fresh directory with built-in images and no domains. For a fixture's set-up. */
void test_dir_make(void);
void test_dir_remove(void);
/** Write @text to @name in the directory. */
void test_file(const char *name, const char *text);

/** Run the whole daemon on a thread; returns when it answers. */
void test_daemon_start(void);
void test_daemon_stop(void);

struct reply {
	int status;
	char head[4096];
	char *body;   /* [owned] */
	json_t *json; /* [owned] or NULL */
};

/**
 * One request on a connection of its own. @headers: lines ending in CRLF, or "".
 * The reply is to be given to reply_free().
 */
struct reply *test_request(const char *method, const char *path, const char *headers,
			   const char *body);
/** The same with @text sent as it is. */
struct reply *test_raw(const char *text, size_t len);
void reply_free(struct reply *r);
/** The value of header @name, in static storage, or NULL. */
const char *reply_header(const struct reply *r, const char *name);
const char *reply_text(const struct reply *r, const char *member);

extern char auth[512]; /* headers of one who may do everything */

/** Log in as the administrator, for @auth. */
void log_in(void);
/** Do a request as the administrator and see that it ends so; a problem must have that code. */
struct reply *expect(const char *method, const char *path, const char *body, int status,
		     const char *code);
/** The same when the answer is of no further interest. */
void check(const char *method, const char *path, const char *body, int status, const char *code);
extern const char vm_spec[];
/** Make a machine of @vm_spec. Return: its path, in static storage. */
char *make_machine(void);

/** Suites, one per file. */
Suite *suite_util(void);
Suite *suite_store(void);
Suite *suite_qcow2(void);
Suite *suite_disk(void);
Suite *suite_disk_image(void);
Suite *suite_auth(void);
Suite *suite_svc(void);
Suite *suite_kept(void);
Suite *suite_served(void);
Suite *suite_trouble(void);
Suite *suite_http(void);
Suite *suite_full(void);
Suite *suite_stream(void);

#endif
