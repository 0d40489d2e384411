/* SPDX-License-Identifier: Apache-2.0 */
#include "schema.h"

#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "../util/cleanup.h"
#include "../util/crypt.h"
#include "../util/log.h"

#define PATTERNS_MAX 32

struct pattern {
	const char *text;
	regex_t regex;
};

static const char *const type_names[] = {"a string",  "an integer", "a boolean",
					 "an object", "null",       "an array"};

/* Compiled once each and kept; [l] guards growth only, an entry never changes. */
static pthread_mutex_t patterns_lock = PTHREAD_MUTEX_INITIALIZER;
static struct pattern patterns[PATTERNS_MAX];
static size_t patterns_count;

static const regex_t *pattern_get(const char *text)
{
	const regex_t *found = NULL;

	pthread_mutex_lock(&patterns_lock);
	for (size_t i = 0; i < patterns_count && !found; i++)
		if (patterns[i].text == text || !strcmp(patterns[i].text, text))
			found = &patterns[i].regex;
	if (!found && patterns_count < PATTERNS_MAX &&
	    !regcomp(&patterns[patterns_count].regex, text, REG_EXTENDED | REG_NOSUB)) {
		patterns[patterns_count].text = text;
		found = &patterns[patterns_count++].regex;
	}
	pthread_mutex_unlock(&patterns_lock);
	if (!found)
		log_line("pattern %s can't be used", text);
	return found;
}

static size_t code_points(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

__attribute__((format(printf, 4, 5))) static void complain(struct problem *p, const char *path,
							   const char *code, const char *fmt, ...)
{
	char detail[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	problem_field(p, path, code, detail);
}

static void check_values(const struct schema *s, const char *text, const char *path,
			 struct problem *p)
{
	char list[160] = "";
	size_t len = 0;

	for (const char *const *v = s->values; *v; v++) {
		if (!strcmp(*v, text))
			return;
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						len ? ", " : "", *v);
	}
	complain(p, path, "not_allowed", "must be one of: %s", list);
}

static void check_string(const struct schema *s, const char *text, const char *path,
			 struct problem *p)
{
	size_t len = code_points(text);
	const regex_t *regex;

	if (s->values) {
		check_values(s, text, path, p);
		return;
	}
	if (s->uuid && !crypt_is_uuid(text)) {
		complain(p, path, "not_a_uuid", "must be a UUID in lower case");
		return;
	}
	if (len < s->min_length)
		complain(p, path, "too_short", "must have at least %u characters", s->min_length);
	else if (s->max_length && len > s->max_length)
		complain(p, path, "too_long", "must have at most %u characters", s->max_length);
	else if (s->pattern &&
		 (!(regex = pattern_get(s->pattern)) || regexec(regex, text, 0, NULL, 0)))
		complain(p, path, "bad_format", "has characters that are not allowed here");
}

static void check_integer(const struct schema *s, int64_t value, const char *path,
			  struct problem *p)
{
	if (value < s->minimum)
		complain(p, path, "too_small", "must be at least %lld", (long long)s->minimum);
	else if (value > s->maximum)
		complain(p, path, "too_large", "must be at most %lld", (long long)s->maximum);
	else if (s->multiple_of && value % s->multiple_of)
		complain(p, path, "not_a_multiple", "must be a multiple of %lld",
			 (long long)s->multiple_of);
}

static void join(char *out, size_t size, const char *path, const char *name)
{
	snprintf(out, size, "%s%s%s", path, *path ? "." : "", name);
}

static void check_object(const struct schema *s, const json_t *object, const char *path,
			 struct problem *p)
{
	const struct schema_field *f;
	const char *key;
	char sub[192];
	json_t *value;

	for (f = s->fields; f->name; f++) {
		value = json_object_get(object, f->name);
		join(sub, sizeof(sub), path, f->name);
		if (value)
			schema_check(f->schema, value, sub, p);
		else if (f->required)
			complain(p, sub, "required", "is missing");
	}
	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		for (f = s->fields; f->name && strcmp(f->name, key); f++)
			;
		if (!f->name) {
			join(sub, sizeof(sub), path, key);
			complain(p, sub, "unknown_field", "is not a field known here");
		}
	}
}

static void check_array(const struct schema *s, const json_t *array, const char *path,
			struct problem *p)
{
	size_t n = json_array_size(array), i;
	char sub[192];
	json_t *value;

	if (n < s->min_items || n > s->max_items) {
		complain(p, path, "wrong_length", "must have %u to %u items", s->min_items,
			 s->max_items);
		return;
	}
	json_array_foreach(array, i, value) {
		snprintf(sub, sizeof(sub), "%s.%zu", path, i);
		schema_check(s->items, value, sub, p);
	}
}

static unsigned int type_of(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_STRING: return SCHEMA_STRING;
	case JSON_INTEGER: return SCHEMA_INTEGER;
	case JSON_TRUE:
	case JSON_FALSE: return SCHEMA_BOOLEAN;
	case JSON_OBJECT: return SCHEMA_OBJECT;
	case JSON_NULL: return SCHEMA_NULL;
	case JSON_ARRAY: return SCHEMA_ARRAY;
	default: return 0;
	}
}

static void complain_type(const struct schema *s, const char *path, struct problem *p)
{
	char list[96] = "";
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(type_names); i++)
		if (s->types & 1u << i)
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						len ? " or " : "", type_names[i]);
	complain(p, path, "wrong_type", "must be %s", list);
}

void schema_check(const struct schema *s, const json_t *value, const char *path, struct problem *p)
{
	unsigned int type = type_of(value);

	if (!(type & s->types)) {
		complain_type(s, path, p);
		return;
	}
	if (type == SCHEMA_STRING)
		check_string(s, json_string_value(value), path, p);
	else if (type == SCHEMA_INTEGER)
		check_integer(s, json_integer_value(value), path, p);
	else if (type == SCHEMA_OBJECT && s->fields)
		check_object(s, value, path, p);
	else if (type == SCHEMA_ARRAY)
		check_array(s, value, path, p);
}

bool schema_is_text(const char *text)
{
	auto_json json_t *string = json_string(text);

	return string;
}

void schema_check_text(const struct schema *s, const char *text, const char *path,
		       struct problem *p)
{
	long long value;
	char *end;

	if (!schema_is_text(text)) {
		complain(p, path, "bad_format", "must be UTF-8");
		return;
	}
	if (!(s->types & SCHEMA_INTEGER)) {
		check_string(s, text, path, p);
		return;
	}
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || *end || end == text || *text == ' ' || *text == '+')
		complain_type(s, path, p);
	else
		check_integer(s, value, path, p);
}
