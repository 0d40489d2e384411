/* SPDX-License-Identifier: Apache-2.0 */
#include "problem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "log.h"

static int problem_vset(struct problem *p, int status, const char *code, const char *fmt,
			va_list ap)
{
	problem_fini(p);
	p->status = status;
	p->code = code;
	vsnprintf(p->detail, sizeof(p->detail), fmt, ap);
	return -ECANCELED;
}

int problem_set(struct problem *p, int status, const char *code, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = problem_vset(p, status, code, fmt, ap);
	va_end(ap);
	return rc;
}

int problem_internal(struct problem *p, const char *where)
{
	log_line("internal error: %s", where);
	return problem_set(p, 500, "internal",
			   "Something went wrong inside the appliance; "
			   "its log has more under this request id.");
}

int problem_failed(struct problem *p, int rc, const char *where)
{
	if (rc != -ENOSPC && rc != -EDQUOT)
		return problem_internal(p, where);
	log_line("no room on the data disk: %s", where);
	return problem_set(p, 507, "insufficient_storage",
			   "There is no room on the data disk: delete volumes or images that are"
			   " not needed any more, and try again.");
}

int problem_changed(struct problem *p)
{
	return problem_set(p, 409, "changed", "It was changed at the same time; read it again.");
}

int problem_stopping(struct problem *p)
{
	return problem_set(p, 503, "unavailable", "The service is stopping.");
}

void problem_extra(struct problem *p, const char *name, json_t *value)
{
	if (!p->extra)
		p->extra = json_object();
	json_object_set_new(p->extra, name, value);
}

void problem_field(struct problem *p, const char *field, const char *code, const char *detail)
{
	json_t *errors = json_object_get(p->extra, "errors"), *name;

	if (!errors) {
		problem_extra(p, "errors", json_array());
		errors = json_object_get(p->extra, "errors");
	}
	/* A client's name for it that was cut in the midst of a character, or is no text, can't be told. */
	name = json_string(field);
	json_array_append_new(errors,
			      json_pack("{so ss ss}", "field", name ? name : json_string("?"),
					"code", code, "detail", detail));
}

int problem_invalid(struct problem *p, const char *field, const char *code, const char *fmt, ...)
{
	char detail[sizeof(p->detail)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	problem_set(p, 422, "invalid", "%s: %s", field, detail);
	problem_field(p, field, code, detail);
	return -ECANCELED;
}

void problem_prefix(struct problem *p, const char *array, size_t index)
{
	json_t *error;
	size_t i;

	json_array_foreach(json_object_get(p->extra, "errors"), i, error) {
		const char *field = json_string_value(json_object_get(error, "field"));

		json_object_set_new(error, "field", json_sprintf("%s.%zu.%s", array, index, field));
	}
}

void problem_fini(struct problem *p)
{
	json_decref(p->extra);
	p->extra = NULL;
}

void problem_copy(struct problem *to, const struct problem *from)
{
	json_t *extra = json_incref(from->extra);

	problem_fini(to);
	*to = *from;
	to->extra = extra;
}
