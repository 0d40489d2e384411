/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of the API document, each by its operationId, and the table made from it. */
#ifndef MGMTD_HANDLERS_H
#define MGMTD_HANDLERS_H

#include "../http/http.h"
#include "../store/page.h"
#include "../svc/svc.h"

struct vm;

/** Made from api/openapi.yaml; ends with a NULL id. */
extern const struct http_operation http_operations[];

void handle_api_versions(struct http_request *req);
void handle_health_get(struct http_request *req);
void handle_session_create(struct http_request *req);
void handle_session_get(struct http_request *req);
void handle_session_delete(struct http_request *req);
void handle_token_list(struct http_request *req);
void handle_token_create(struct http_request *req);
void handle_token_get(struct http_request *req);
void handle_token_delete(struct http_request *req);
void handle_audit_list(struct http_request *req);
void handle_host_get(struct http_request *req);
void handle_hypervisor_log(struct http_request *req);
void handle_host_action(struct http_request *req);
void handle_image_list(struct http_request *req);
void begin_image_create(struct http_request *req);
void handle_image_create(struct http_request *req);
void handle_image_get(struct http_request *req);
void handle_image_content(struct http_request *req);
void handle_image_delete(struct http_request *req);
void handle_network_list(struct http_request *req);
void handle_network_create(struct http_request *req);
void handle_network_get(struct http_request *req);
void handle_network_update(struct http_request *req);
void handle_network_delete(struct http_request *req);
void handle_nic_list(struct http_request *req);
void handle_nic_create(struct http_request *req);
void handle_nic_update(struct http_request *req);
void handle_nic_delete(struct http_request *req);
void handle_vm_list(struct http_request *req);
void handle_vm_create(struct http_request *req);
void handle_vm_get(struct http_request *req);
void handle_vm_update(struct http_request *req);
void handle_vm_delete(struct http_request *req);
void handle_vm_stats(struct http_request *req);
void handle_vm_debug(struct http_request *req);
void handle_vm_action(struct http_request *req);
void handle_disk_attach(struct http_request *req);
void handle_disk_detach(struct http_request *req);
void handle_storage_get(struct http_request *req);
void handle_volume_list(struct http_request *req);
void handle_volume_create(struct http_request *req);
void handle_volume_get(struct http_request *req);
void handle_volume_content(struct http_request *req);
void handle_volume_update(struct http_request *req);
void handle_volume_delete(struct http_request *req);
void handle_console_ticket(struct http_request *req);
void handle_console_log(struct http_request *req);
void handle_task_list(struct http_request *req);
void handle_task_get(struct http_request *req);
void handle_task_cancel(struct http_request *req);
void handle_event_stream(struct http_request *req);

/** Before and after every operation: repetition, and the audit trail. */
void handlers_authenticate(struct http_request *req);
void handlers_begin(struct http_request *req);
void handlers_end(struct http_request *req);

/** The services behind a request. */
struct svc *svc_of(const struct http_request *req);
/**
 * Answer a list: @pq has select, filters and (for when the client names none) sort; the rest is the
 * request's. @finish, if any, completes each item.
 */
void reply_list(struct http_request *req, struct page_query *pq,
		void (*finish)(struct svc *svc, json_t *item));
/** Load the machine of the path. Return: does the client mean this version of it? If not, it is answered. */
must_check bool load_vm(struct http_request *req, struct vm *vm);
/** Answer 202 with the task @id. */
void reply_task(struct http_request *req, const char *id);

#endif
