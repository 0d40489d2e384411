/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "../auth/audit.h"
#include "../auth/authenticate.h"
#include "../svc/idempotency.h"
#include "../svc/task.h"
#include "../util/log.h"
#include "handlers.h"

#define LIMIT_DEFAULT 100

struct svc *svc_of(const struct http_request *req)
{
	return http_opaque(req);
}

void handlers_authenticate(struct http_request *req)
{
	if (authenticate(svc_of(req)->db, req))
		svc_fail(req);
}

void handlers_begin(struct http_request *req)
{
	idempotency_begin(svc_of(req), req);
}

/*
 * What a request was about: the resource of its path, else the one it made, else (for a login) the
 * user it named.
 */
static const char *audit_target(const struct http_request *req)
{
	const char *made = http_get_set_header(req, "Location");

	if (req->args[0][0])
		return req->args[0];
	if (made && strrchr(made, '/'))
		return strrchr(made, '/') + 1;
	return json_string_value(json_object_get(req->json, "username"));
}

/*
 * Every attempt at a change or an export leaves a record, one that was refused as well; but of strangers
 * only failed logins, which are rationed: records are many but not endless, and anybody could drive out
 * those of others.
 */
static bool leaves_record(const struct http_request *req)
{
	if (req->who.kind)
		return req->reply.status;
	return !req->op->permission && req->reply.status == 401;
}

void handlers_end(struct http_request *req)
{
	const struct audit_record record = {
		.user = req->who.kind ? req->who.user : "-",
		.address = req->address,
		.action = req->op ? req->op->id : NULL,
		.target = audit_target(req),
		.result = req->reply.status,
		.request_id = req->id,
	};

	if (!req->op || (http_is_safe(req) && !req->op->audited))
		return;
	idempotency_end(svc_of(req), req);
	if (leaves_record(req) && audit_write(svc_of(req)->db, &record))
		log_line("request %s: no audit record could be written", req->id);
}

static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == len && !memcmp(list, name, n))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

static void trim(json_t *item, const char *fields)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(item, next, key,
				 value) if (strcmp(key, "id") && !is_listed(fields, key))
		json_object_del(item, key);
}

void reply_list(struct http_request *req, struct page_query *pq,
		void (*finish)(struct svc *svc, json_t *item))
{
	const char *sort = http_query(req, "sort"), *fields = http_query(req, "fields");
	auto_json json_t *items = NULL;
	auto_free char *next = NULL;
	json_t *item;
	size_t i;
	int rc;

	pq->sort = sort ? sort : pq->sort;
	pq->cursor = http_query(req, "cursor");
	pq->limit = (unsigned int)http_query_int(req, "limit", LIMIT_DEFAULT);
	rc = page_fetch(svc_of(req)->db, pq, &items, &next);
	if (rc == -EINVAL) {
		http_fail(req, 422, "bad_cursor", "The cursor is not one that this list gave.");
		return;
	}
	if (rc) {
		svc_fail(req);
		return;
	}
	json_array_foreach(items, i, item) {
		if (finish)
			finish(svc_of(req), item);
		if (fields && *fields)
			trim(item, fields);
	}
	http_reply(req, 200, json_pack("{sO ss?}", "items", items, "next_cursor", next));
}

void reply_task(struct http_request *req, const char *id)
{
	json_t *task = task_json(svc_of(req), id);

	if (!task) {
		http_fail(req, 404, "not_found", "There is no task with this id.");
		return;
	}
	http_reply(req, 202, task);
	http_set_header(req, "Location", "/api/v1/tasks/%s", id);
}
