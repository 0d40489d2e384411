/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <stdio.h>
#include <string.h>

/* Match @path against the template; variable segments go to @args. */
static bool match(const char *template, const char *path, char args[HTTP_PATH_ARGS][64])
{
	int n = 0;

	for (;;) {
		size_t tlen = strcspn(template, "/"), plen = strcspn(path, "/");

		if (template[0] == '{') {
			if (n == HTTP_PATH_ARGS || !plen || plen >= 64)
				return false;
			snprintf(args[n++], 64, "%.*s", (int)plen, path);
		} else if (tlen != plen || memcmp(template, path, tlen)) {
			return false;
		}
		template += tlen;
		path += plen;
		if (*template != *path)
			return false;
		if (!*template)
			return true;
		template ++;
		path++;
	}
}

static bool method_is(const struct http_operation *op, const char *method)
{
	return !strcmp(op->method, method) ||
	       (!strcmp(method, "HEAD") && !strcmp(op->method, "GET"));
}

void route_request(struct http_request *req)
{
	bool text = schema_is_text(req->url);
	const struct http_operation *op;
	char allow[64] = "";
	size_t len = 0;

	for (op = req->server->config.operations; text && op->id; op++) {
		if (!match(op->path, req->url, req->args))
			continue;
		if (method_is(op, req->method)) {
			req->op = op;
			return;
		}
		len += (size_t)snprintf(allow + len, sizeof(allow) - len, "%s%s", len ? ", " : "",
					op->method);
	}
	if (!len) {
		http_fail(req, 404, "not_found", "There is nothing at this path.");
		return;
	}
	http_fail(req, 405, "method_not_allowed", "This path knows only: %s.", allow);
	http_set_header(req, "Allow", "%s", allow);
}

/* The nth variable segment of the template is args[n]; its parameter is found by name. */
static const char *path_value(const struct http_request *req, const char *name)
{
	const char *at = req->op->path;
	size_t len = strlen(name);

	for (int n = 0; (at = strchr(at, '{')); n++) {
		at++;
		if (!strncmp(at, name, len) && at[len] == '}')
			return req->args[n];
	}
	return NULL;
}

static const char *param_value(const struct http_request *req, const struct http_param *param)
{
	if (param->where == HTTP_IN_PATH)
		return path_value(req, param->name);
	return param->where == HTTP_IN_QUERY ? http_query(req, param->name) :
					       http_header(req, param->name);
}

struct unknown {
	const struct http_param *params;
	struct problem *problem;
};

/* What is checked, and used, ends with a NUL: one within is of something that is neither. */
static enum MHD_Result check_known(void *cls, enum MHD_ValueKind kind, const char *key,
				   size_t key_size, const char *value, size_t value_size)
{
	struct unknown *u = cls;
	const struct http_param *param = u->params;

	(void)kind;
	while (param->name && (param->where != HTTP_IN_QUERY || strcmp(param->name, key)))
		param++;
	if (!param->name || strlen(key) != key_size)
		problem_field(u->problem, key, "unknown_parameter",
			      "is not a parameter known here");
	else if (value && strlen(value) != value_size)
		problem_field(u->problem, key, "bad_format", "has a NUL in it");
	return MHD_YES;
}

void route_check_params(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct unknown u = {.params = req->op->params, .problem = &p};

	for (const struct http_param *param = req->op->params; param->name; param++) {
		const char *value = param_value(req, param);
		struct problem path = {0};

		if (value && param->where == HTTP_IN_PATH) {
			/* A path that can't name anything names nothing. */
			schema_check_text(param->schema, value, param->name, &path);
			if (path.extra)
				http_fail(req, 404, "not_found", "There is nothing at this path.");
			problem_fini(&path);
			if (req->reply.status)
				return;
		} else if (value) {
			schema_check_text(param->schema, value, param->name, &p);
		} else if (param->required) {
			problem_field(&p, param->name, "required", "is missing");
		}
	}
	MHD_get_connection_values_n(req->connection, MHD_GET_ARGUMENT_KIND, check_known, &u);
	if (!p.extra)
		return;
	p.status = 422;
	p.code = "invalid";
	snprintf(p.detail, sizeof(p.detail), "The request's parameters are not right.");
	http_reply_problem(req, &p);
}
