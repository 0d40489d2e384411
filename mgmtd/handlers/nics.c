/* SPDX-License-Identifier: Apache-2.0 */
#include "../svc/nic.h"
#include "../svc/vm.h"
#include "handlers.h"

void handle_nic_list(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct vm vm;
	json_t *list;

	if (vm_require(svc_of(req), req->args[0], &vm, &p)) {
		http_reply_problem(req, &p);
		return;
	}
	list = nic_list_json(svc_of(req), vm.id);
	if (!list)
		svc_fail(req);
	else
		http_reply(req, 200, json_pack("{so sn}", "items", list, "next_cursor"));
}

static void reply_nic(struct http_request *req, int status, const char *nic)
{
	json_t *json = nic_json(svc_of(req), req->args[0], nic);

	if (!json)
		http_fail(req, 404, "not_found", "It has no network interface with this id.");
	else
		http_reply(req, status, json);
}

void handle_nic_create(struct http_request *req)
{
	auto_problem struct problem p = {0};
	char id[UUID_TEXT_LEN];

	if (nic_add(svc_of(req), req->args[0], req->json, id, &p)) {
		http_reply_problem(req, &p);
		return;
	}
	reply_nic(req, 201, id);
	http_set_header(req, "Location", "/api/v1/vms/%s/nics/%s", req->args[0], id);
}

void handle_nic_update(struct http_request *req)
{
	bool seen = http_header(req, "If-Match");
	auto_problem struct problem p = {0};
	struct vm vm;

	if (seen && !load_vm(req, &vm))
		return;
	if (nic_change(svc_of(req), req->args[0], req->args[1], seen ? &vm.revision : NULL,
		       req->json, &p))
		http_reply_problem(req, &p);
	else
		reply_nic(req, 200, req->args[1]);
}

void handle_nic_delete(struct http_request *req)
{
	auto_problem struct problem p = {0};

	if (nic_remove(svc_of(req), req->args[0], req->args[1], &p))
		http_reply_problem(req, &p);
	else
		http_reply(req, 204, NULL);
}
