/* SPDX-License-Identifier: Apache-2.0 */
#include "../svc/host.h"
#include "handlers.h"

void handle_api_versions(struct http_request *req)
{
	http_reply(req, 200,
		   json_pack("{s [{ss ss}], s []}", "versions", "version", "v1", "path", "/api/v1",
			     "extensions"));
}

void handle_health_get(struct http_request *req)
{
	auto_problem struct problem p = {0};

	if (host_health(svc_of(req), &p))
		http_reply_problem(req, &p);
	else
		http_reply(req, 200, json_pack("{ss}", "status", "ok"));
}
