/* SPDX-License-Identifier: Apache-2.0 */
#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "event.h"
#include "vm_tune.h"

static void copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text);
}

int vm_load(struct svc *svc, const char *id, struct vm *out)
{
	auto_query struct db_query *q =
		db_query(svc->db,
			 "SELECT id, name, vcpus, memory, kernel, initrd, cmdline, state, domid,"
			 " boot_id, task_id, revision, restart_policy, vcpus_max, memory_min,"
			 " memory_max, weight, cap, affinity FROM vm WHERE id = ?",
			 "s", id);
	int rc = q ? db_next(q) : -EIO;

	if (rc != 1)
		return rc ? rc : -ENOENT;
	copy(out->id, sizeof(out->id), db_text(q, 0));
	copy(out->name, sizeof(out->name), db_text(q, 1));
	out->vcpus = (uint32_t)db_int(q, 2);
	out->memory = (uint64_t)db_int(q, 3);
	copy(out->kernel, sizeof(out->kernel), db_text(q, 4));
	copy(out->initrd, sizeof(out->initrd), db_text(q, 5));
	copy(out->cmdline, sizeof(out->cmdline), db_text(q, 6));
	out->state = vm_state_parse(db_text(q, 7));
	out->domid = db_null(q, 8) ? -1 : db_int(q, 8);
	copy(out->boot_id, sizeof(out->boot_id), db_text(q, 9));
	copy(out->task_id, sizeof(out->task_id), db_text(q, 10));
	out->revision = db_int(q, 11);
	copy(out->restart_policy, sizeof(out->restart_policy), db_text(q, 12));
	out->vcpus_max = (uint32_t)db_int(q, 13);
	out->memory_min = (uint64_t)db_int(q, 14);
	out->memory_max = (uint64_t)db_int(q, 15);
	out->weight = (uint32_t)db_int(q, 16);
	out->cap = (uint32_t)db_int(q, 17);
	vm_affinity_parse(db_text(q, 18), &out->affinity);
	return 0;
}

int vm_require(struct svc *svc, const char *id, struct vm *out, struct problem *p)
{
	int rc = vm_load(svc, id, out);

	if (rc == -ENOENT)
		return problem_set(p, 404, "not_found",
				   "There is no virtual machine with this id.");
	return rc ? db_problem(p, "vm_load") : 0;
}

void vm_json_finish(struct svc *svc, json_t *vm)
{
	const char *state = json_string_value(json_object_get(vm, "state"));

	(void)svc;
	json_object_set_new(vm, "allowed_actions", vm_allowed_actions(vm_state_parse(state)));
}

json_t *vm_json(struct svc *svc, const char *id)
{
	auto_query struct db_query *q = db_query(svc->db, VM_SELECT " WHERE id = ?", "s", id);
	json_t *vm = q && db_next(q) == 1 ? db_row_json(q) : NULL;

	if (vm)
		vm_json_finish(svc, vm);
	return vm;
}

int vm_touch(struct svc *svc, const char *id, const char *type)
{
	auto_json json_t *vm = NULL;
	char now[CLOCK_TEXT_LEN];

	clock_now(now);
	if (db_run(svc->db, "UPDATE vm SET revision = revision + 1, updated_at = ? WHERE id = ?",
		   "ss", now, id))
		return -EIO;
	vm = vm_json(svc, id);
	return vm ? event_add(svc, type, id, vm) : -EIO;
}

int vm_set_state(struct svc *svc, const char *id, enum vm_state state, const char *reason_code,
		 const char *reason)
{
	bool gone = state == VM_STOPPED || state == VM_CRASHED;

	if (db_begin(svc->db))
		return -EIO;
	if (db_run(svc->db,
		   "UPDATE vm SET state = ?1, reason_code = ?2, reason = ?3,"
		   " domid = CASE WHEN ?4 THEN NULL ELSE domid END, task_id = NULL,"
		   " started_at = CASE WHEN ?4 THEN NULL ELSE started_at END WHERE id = ?5",
		   "sssis", vm_state_name(state), reason_code, reason, (int64_t)gone, id) ||
	    vm_touch(svc, id, "vm.updated")) {
		db_rollback(svc->db);
		return -EIO;
	}
	return svc_commit(svc);
}

int vm_set_running(struct svc *svc, const char *id, uint32_t domid, bool paused)
{
	char now[CLOCK_TEXT_LEN];

	clock_now(now);
	if (db_begin(svc->db))
		return -EIO;
	if (db_run(svc->db,
		   "UPDATE vm SET state = ?, reason_code = NULL, reason = NULL,"
		   " restart_ms = NULL, task_id = NULL, domid = ?, boot_id = ?, started_at = coalesce(started_at, ?) WHERE id = ?",
		   "sisss", vm_state_name(paused ? VM_PAUSED : VM_RUNNING), (int64_t)domid,
		   svc->boot_id, now, id) ||
	    vm_touch(svc, id, "vm.updated")) {
		db_rollback(svc->db);
		return -EIO;
	}
	return svc_commit(svc);
}
