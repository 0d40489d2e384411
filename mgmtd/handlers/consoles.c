/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "../auth/roles.h"
#include "../svc/broker.h"
#include "../svc/ticket.h"
#include "../svc/vm.h"
#include "handlers.h"

static bool exists(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct vm vm;

	if (!vm_require(svc_of(req), req->args[0], &vm, &p))
		return true;
	http_reply_problem(req, &p);
	return false;
}

void handle_console_ticket(struct http_request *req)
{
	bool read_only = json_is_true(json_object_get(req->json, "read_only"));
	char ticket[SECRET_TEXT_LEN], expires[CLOCK_TEXT_LEN];

	if (!exists(req))
		return;
	if (!read_only && !role_may(req->who.role, "console.use")) {
		http_fail(req, 403, "forbidden",
			  "This needs the permission console.use; with"
			  " read_only a ticket can be had.");
		return;
	}
	if (ticket_issue(svc_of(req), &req->who, req->args[0], read_only, ticket)) {
		http_fail(req, 503, "busy", "Too many tickets are out; try again in a moment.");
		http_set_header(req, "Retry-After", "%d", TICKET_LIFE_S);
		return;
	}
	clock_format(clock_wall_ms() + TICKET_LIFE_S * 1000, expires);
	http_reply(req, 201,
		   json_pack("{ss ss ss ss}", "ticket", ticket, "expires_at", expires, "path",
			     "/console", "protocol", "domus.console.v1"));
}

void handle_console_log(struct http_request *req)
{
	size_t len = 0;
	char *data;
	int rc;

	if (!exists(req))
		return;
	rc = broker_log(svc_of(req), req->args[0], &data, &len);
	if (rc == -EIO)
		http_fail(req, 503, "unavailable", "The console broker does not answer.");
	else if (rc) /* it has never run: nothing was written */
		http_reply_bytes(req, 200, "text/plain; charset=utf-8", NULL, 0);
	else
		http_reply_bytes(req, 200, "text/plain; charset=utf-8", data, len);
}
