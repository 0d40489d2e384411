/* SPDX-License-Identifier: Apache-2.0 */
#include "../svc/vm.h"
#include "../svc/vm_tune.h"
#include "handlers.h"

void handle_vm_list(struct http_request *req)
{
	struct page_query pq = {
		.select = VM_SELECT,
		.sort = "name",
		.filters = {{"name", http_query(req, "name")}, {"state", http_query(req, "state")}},
	};

	reply_list(req, &pq, vm_json_finish);
}

/* Resource and tag of one moment. */
static void reply_vm(struct http_request *req, int status, const char *id)
{
	struct svc *svc = svc_of(req);
	auto_problem struct problem p = {0};
	json_t *json = NULL;
	struct vm vm;
	int rc = db_begin_always(svc->db);

	if (!rc) {
		rc = vm_require(svc, id, &vm, &p);
		json = rc ? NULL : vm_json(svc, id);
		db_rollback(svc->db);
	}
	if (rc || !json) {
		if (!p.status)
			db_problem(&p, "reply_vm");
		http_reply_problem(req, &p);
		return;
	}
	http_reply(req, status, json);
	http_set_revision(req, vm.revision);
}

void handle_vm_get(struct http_request *req)
{
	reply_vm(req, 200, req->args[0]);
}

void handle_vm_create(struct http_request *req)
{
	auto_problem struct problem p = {0};
	char id[UUID_TEXT_LEN];

	if (vm_create(svc_of(req), req->json, req->who.user, req->id, id, &p)) {
		http_reply_problem(req, &p);
		return;
	}
	reply_vm(req, 201, id);
	http_set_header(req, "Location", "/api/v1/vms/%s", id);
}

bool load_vm(struct http_request *req, struct vm *vm)
{
	auto_problem struct problem p = {0};

	if (vm_require(svc_of(req), req->args[0], vm, &p)) {
		http_reply_problem(req, &p);
		return false;
	}
	return http_if_revision(req, vm->revision);
}

void handle_vm_update(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct vm vm;

	if (!load_vm(req, &vm))
		return;
	if (vm_update(svc_of(req), &vm, req->json, &p))
		http_reply_problem(req, &p);
	else
		reply_vm(req, 200, vm.id);
}

void handle_vm_delete(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct vm vm;

	if (!load_vm(req, &vm))
		return;
	if (vm_delete(svc_of(req), &vm, &p))
		http_reply_problem(req, &p);
	else
		http_reply(req, 204, NULL);
}

void handle_vm_action(struct http_request *req)
{
	const struct vm_action *action = vm_action_find(req->args[1]);
	auto_problem struct problem p = {0};
	char task[UUID_TEXT_LEN];

	if (vm_act(svc_of(req), req->args[0], action, req->json, req->who.user, req->id, task, &p))
		http_reply_problem(req, &p);
	else
		reply_task(req, task);
}

static void reply_counted(struct http_request *req,
			  int (*fn)(struct svc *, const char *, json_t **, struct problem *))
{
	auto_problem struct problem p = {0};
	json_t *json;

	if (fn(svc_of(req), req->args[0], &json, &p))
		http_reply_problem(req, &p);
	else
		http_reply(req, 200, json);
}

void handle_vm_stats(struct http_request *req)
{
	reply_counted(req, vm_stats);
}

void handle_vm_debug(struct http_request *req)
{
	reply_counted(req, vm_debug);
}
