/* SPDX-License-Identifier: Apache-2.0 */
/* Checking of requests, and small tools. */
#include <string.h>

#include "fixture.h"
#include "http/schema.h"
#include "util/clock.h"
#include "util/crypt.h"

static const struct schema name_schema = {
	.types = SCHEMA_STRING,
	.min_length = 1,
	.max_length = 5,
	.pattern = "^[a-z]+$",
};
static const struct schema size_schema = {
	.types = SCHEMA_INTEGER,
	.minimum = 4,
	.maximum = 64,
	.multiple_of = 4,
};
static const struct schema kind_schema = {
	.types = SCHEMA_STRING,
	.values = (const char *const[]){"a", "b", NULL},
};
static const struct schema id_schema = {.types = SCHEMA_STRING | SCHEMA_NULL, .uuid = true};
static const struct schema inner_schema = {
	.types = SCHEMA_OBJECT,
	.fields = (const struct schema_field[]){{"id", &id_schema, true}, {NULL, NULL, false}},
};
static const struct schema outer_schema = {
	.types = SCHEMA_OBJECT,
	.fields =
		(const struct schema_field[]){
			{"name", &name_schema, true},
			{"size", &size_schema, false},
			{"kind", &kind_schema, false},
			{"inner", &inner_schema, false},
			{NULL, NULL, false},
		},
};

/* The codes of all complaints about @text, "field:code" with blanks between. */
static const char *complaints(const char *text)
{
	static char list[512];
	struct problem p = {0};
	json_t *value = json_loads(text, 0, NULL), *error;
	size_t i;

	ck_assert_ptr_nonnull(value);
	list[0] = '\0';
	schema_check(&outer_schema, value, "", &p);
	json_array_foreach(json_object_get(p.extra, "errors"), i, error) {
		strcat(list, i ? " " : "");
		strcat(list, json_string_value(json_object_get(error, "field")));
		strcat(list, ":");
		strcat(list, json_string_value(json_object_get(error, "code")));
	}
	json_decref(value);
	problem_fini(&p);
	return list;
}

START_TEST(schema_takes_what_fits)
{
	ck_assert_str_eq(complaints("{\"name\":\"abc\"}"), "");
	ck_assert_str_eq(
		complaints("{\"name\":\"abc\",\"size\":64,\"kind\":\"b\",\"inner\":{\"id\":null}}"),
		"");
	ck_assert_str_eq(complaints("{\"name\":\"abc\",\"inner\":{\"id\":\"" TEST_KERNEL "\"}}"),
			 "");
}
END_TEST

START_TEST(schema_names_every_fault)
{
	ck_assert_str_eq(complaints("{}"), "name:required");
	ck_assert_str_eq(complaints("{\"name\":7}"), "name:wrong_type");
	ck_assert_str_eq(complaints("{\"name\":\"\"}"), "name:too_short");
	ck_assert_str_eq(complaints("{\"name\":\"abcdef\"}"), "name:too_long");
	ck_assert_str_eq(complaints("{\"name\":\"A\"}"), "name:bad_format");
	ck_assert_str_eq(complaints("{\"name\":\"a\",\"size\":3}"), "size:too_small");
	ck_assert_str_eq(complaints("{\"name\":\"a\",\"size\":68}"), "size:too_large");
	ck_assert_str_eq(complaints("{\"name\":\"a\",\"size\":6}"), "size:not_a_multiple");
	ck_assert_str_eq(complaints("{\"name\":\"a\",\"size\":8.5}"), "size:wrong_type");
	ck_assert_str_eq(complaints("{\"name\":\"a\",\"kind\":\"c\"}"), "kind:not_allowed");
	ck_assert_str_eq(complaints("{\"name\":\"a\",\"inner\":{\"id\":\"x\"}}"),
			 "inner.id:not_a_uuid");
	ck_assert_str_eq(complaints("{\"name\":\"a\",\"inner\":{}}"), "inner.id:required");
	ck_assert_str_eq(complaints("{\"name\":\"a\",\"more\":1}"), "more:unknown_field");
	ck_assert_str_eq(complaints("[]"), ":wrong_type");
	ck_assert_str_eq(complaints("{\"name\":\"A\",\"size\":3}"),
			 "name:bad_format size:too_small");
}
END_TEST

START_TEST(schema_reads_numbers_from_text)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{"8", true},
		{"64", true},
		{"", false},
		{"8x", false},
		{" 8", false},
		{"+8", false},
		{"99999999999999999999", false},
		{"65", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct problem p = {0};

		schema_check_text(&size_schema, rows[i].text, "size", &p);
		ck_assert_msg((p.extra == NULL) == rows[i].ok, "\"%s\"", rows[i].text);
		problem_fini(&p);
	}
}
END_TEST

START_TEST(base64_goes_both_ways)
{
	for (size_t len = 0; len < 70; len++) {
		uint8_t data[70];
		char *text, *back;
		size_t n;

		crypt_random(data, sizeof(data));
		text = crypt_base64(data, len);
		back = crypt_unbase64(text, &n);
		ck_assert_uint_eq(n, len);
		ck_assert_int_eq(memcmp(back, data, len), 0);
		free(text);
		free(back);
	}
	ck_assert_ptr_null(crypt_unbase64("a+b", &(size_t){0}));
}
END_TEST

START_TEST(uuids_and_times)
{
	char uuid[UUID_TEXT_LEN], other[UUID_TEXT_LEN], time[CLOCK_TEXT_LEN];

	crypt_uuid(uuid);
	crypt_uuid(other);
	ck_assert(crypt_is_uuid(uuid));
	ck_assert_int_eq(uuid[14], '4');
	ck_assert_str_ne(uuid, other);
	ck_assert(!crypt_is_uuid("11111111-1111-4111-8111-11111111111G"));
	ck_assert(!crypt_is_uuid("11111111-1111-4111-8111-1111111111111"));
	clock_format(1763850720123, time);
	ck_assert_str_eq(time, "2025-11-22T22:32:00.123Z");
}
END_TEST

START_TEST(etags_in_lists)
{
	ck_assert(http_etag_listed("*", "\"r1\""));
	ck_assert(http_etag_listed("\"r1\"", "\"r1\""));
	ck_assert(http_etag_listed("\"a\", W/\"r1\" ,\"b\"", "\"r1\""));
	ck_assert(!http_etag_listed("\"r12\"", "\"r1\""));
	ck_assert(!http_etag_listed("\"a\",\"b\"", "\"r1\""));
	ck_assert(!http_etag_listed("", "\"r1\""));
}
END_TEST

Suite *suite_util(void)
{
	Suite *suite = suite_create("util");
	TCase *tc = tcase_create("util");

	tcase_add_test(tc, schema_takes_what_fits);
	tcase_add_test(tc, schema_names_every_fault);
	tcase_add_test(tc, schema_reads_numbers_from_text);
	tcase_add_test(tc, base64_goes_both_ways);
	tcase_add_test(tc, uuids_and_times);
	tcase_add_test(tc, etags_in_lists);
	suite_add_tcase(suite, tc);
	return suite;
}
