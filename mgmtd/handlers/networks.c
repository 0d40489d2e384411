/* SPDX-License-Identifier: Apache-2.0 */
#include "../svc/network.h"
#include "handlers.h"

void handle_network_list(struct http_request *req)
{
	struct page_query pq = {
		.select = NETWORK_SELECT,
		.sort = "name",
		.filters = {{"name", http_query(req, "name")}, {"kind", http_query(req, "kind")}},
	};

	reply_list(req, &pq, NULL);
}

static void reply_network(struct http_request *req, int status, const char *id)
{
	auto_problem struct problem p = {0};
	struct network n;
	json_t *json;

	if (network_require(svc_of(req), id, &n, &p)) {
		http_reply_problem(req, &p);
		return;
	}
	json = network_json(svc_of(req), id);
	if (!json) {
		http_fail(req, 404, "not_found", "There is no network with this id.");
		return;
	}
	http_reply(req, status, json);
	http_set_revision(req, n.revision);
}

void handle_network_get(struct http_request *req)
{
	reply_network(req, 200, req->args[0]);
}

static bool load(struct http_request *req, struct network *n)
{
	auto_problem struct problem p = {0};

	if (network_require(svc_of(req), req->args[0], n, &p)) {
		http_reply_problem(req, &p);
		return false;
	}
	return http_if_revision(req, n->revision);
}

void handle_network_create(struct http_request *req)
{
	auto_problem struct problem p = {0};
	char id[UUID_TEXT_LEN];

	if (network_create(svc_of(req), req->json, id, &p)) {
		http_reply_problem(req, &p);
		return;
	}
	reply_network(req, 201, id);
	http_set_header(req, "Location", "/api/v1/networks/%s", id);
}

void handle_network_update(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct network n;

	if (!load(req, &n))
		return;
	if (network_update(svc_of(req), &n, req->json, &p))
		http_reply_problem(req, &p);
	else
		reply_network(req, 200, n.id);
}

void handle_network_delete(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct network n;

	if (!load(req, &n))
		return;
	if (network_delete(svc_of(req), &n, &p))
		http_reply_problem(req, &p);
	else
		http_reply(req, 204, NULL);
}
