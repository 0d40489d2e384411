/* SPDX-License-Identifier: Apache-2.0 */
#include "../svc/host.h"

#include "../util/log.h"
#include "handlers.h"

void handle_host_get(struct http_request *req)
{
	auto_problem struct problem p = {0};
	json_t *host;

	if (host_json(svc_of(req), &host, &p))
		http_reply_problem(req, &p);
	else
		http_reply(req, 200, host);
}

void handle_host_action(struct http_request *req)
{
	const json_t *timeout = json_object_get(req->json, "timeout");
	auto_problem struct problem p = {0};
	char task[UUID_TEXT_LEN];

	if (host_act(svc_of(req), req->args[0], timeout ? json_integer_value(timeout) : -1,
		     req->who.user, req->id, task, &p))
		http_reply_problem(req, &p);
	else
		reply_task(req, task);
}

void handle_hypervisor_log(struct http_request *req)
{
	struct ts_error err = {0};
	char *text;
	size_t len;

	if (ts_hypervisor_log(svc_of(req)->ts, &text, &len, &err)) {
		log_line("%s", err.detail);
		http_fail(req, 503, "unavailable", "The hypervisor does not answer.");
		return;
	}
	http_reply_bytes(req, 200, "text/plain; charset=utf-8", text, len);
}
