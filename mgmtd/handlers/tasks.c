/* SPDX-License-Identifier: Apache-2.0 */
#include "../svc/task.h"

#include "handlers.h"

void handle_task_list(struct http_request *req)
{
	struct page_query pq = {
		.select = TASK_SELECT,
		.sort = "-created_at",
		.filters = {{"status", http_query(req, "status")},
			    {"kind", http_query(req, "kind")},
			    {"task.target", http_query(req, "target")}},
	};

	reply_list(req, &pq, NULL);
}

void handle_task_get(struct http_request *req)
{
	int64_t wait = http_query_int(req, "wait", 0) * 1000;
	uint64_t generation;
	json_t *task;

	for (;;) {
		generation = http_generation(req->server);
		task = task_json(svc_of(req), req->args[0]);
		if (!task) {
			http_fail(req, 404, "not_found", "There is no task with this id.");
			return;
		}
		if (!wait || task_is_over(task) || http_stopping(req->server) ||
		    clock_mono_ms() >= req->started_ms + wait)
			break;
		json_decref(task);
		if (http_wait(req, generation, req->started_ms + wait))
			return;
	}
	http_reply(req, 200, task);
}

void handle_task_cancel(struct http_request *req)
{
	auto_json json_t *task = task_json(svc_of(req), req->args[0]);
	auto_problem struct problem p = {0};

	if (!task)
		http_fail(req, 404, "not_found", "There is no task with this id.");
	else if (task_cancel(svc_of(req), req->args[0], &p))
		http_reply_problem(req, &p);
	else
		reply_task(req, req->args[0]);
}
