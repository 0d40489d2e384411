/* SPDX-License-Identifier: Apache-2.0 */
#include "autostart.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"
#include "host.h"
#include "task_kinds.h"
#include "vm.h"

#define START_TIMEOUT_MS 300000 /* for one guest, before the next one's turn */

/* Within a transaction. @task: "" when there is nothing to start. */
static int insert(struct svc *svc, char task[UUID_TEXT_LEN])
{
	auto_json json_t *params = json_pack("{ss}", "boot_id", svc->boot_id);
	const struct task_request request = {
		.kind = "host.autostart",
		.target_type = "host",
		.actor = "system",
		.request_id = "-",
		.params = params,
	};

	task[0] = '\0';
	if (db_run(svc->db,
		   "INSERT INTO setting VALUES ('autostart_boot', ?1)"
		   " ON CONFLICT (name) DO UPDATE SET value = ?1",
		   "s", svc->boot_id))
		return -EIO;
	if (!db_value(svc->db, 0, "SELECT 1 FROM vm WHERE autostart", ""))
		return 0;
	return task_insert(svc, &request, task);
}

int autostart_begin(struct svc *svc)
{
	char task[UUID_TEXT_LEN];

	if (db_value(svc->db, 0,
		     "SELECT 1 FROM setting WHERE name = 'autostart_boot' AND value = ?", "s",
		     svc->boot_id))
		return 0;
	if (db_begin(svc->db))
		return -EIO;
	if (insert(svc, task)) {
		db_rollback(svc->db);
		return -EIO;
	}
	if (svc_commit(svc))
		return -EIO;
	if (task[0])
		task_enqueue(svc, task);
	return 0;
}

static bool is_over(struct svc *svc, struct task_run *run)
{
	return task_cancelled(svc, run) || host_goes_down(svc);
}

/* Return: false when the whole was cancelled. */
static bool wait_seconds(struct svc *svc, struct task_run *run, int64_t seconds)
{
	int64_t end = clock_mono_ms() + seconds * 1000;

	while (!is_over(svc, run) && clock_mono_ms() < end) {
		pthread_mutex_lock(&svc->lock);
		svc_wait(svc, end < clock_mono_ms() + 1000 ? end : clock_mono_ms() + 1000);
		pthread_mutex_unlock(&svc->lock);
	}
	return !is_over(svc, run);
}

/* Return: does it run, or was there nothing to do? */
static bool start_one(struct svc *svc, struct task_run *run, const char *id)
{
	int64_t end = clock_mono_ms() + START_TIMEOUT_MS;
	auto_problem struct problem p = {0};
	char task[UUID_TEXT_LEN];
	struct vm vm;

	if (vm_load(svc, id, &vm) || (vm.state != VM_STOPPED && vm.state != VM_CRASHED))
		return true;
	if (vm_act(svc, id, vm_action_find("start"), NULL, "system", "-", task, &p)) {
		log_line("vm %s can't be started with the host: %s", id, p.detail);
		return false;
	}
	do {
		if (!wait_seconds(svc, run, 1) || vm_load(svc, id, &vm))
			return true;
	} while (vm.state == VM_STARTING && clock_mono_ms() < end);
	return vm.state == VM_RUNNING || vm.task_id[0];
}

static json_t *list(struct svc *svc)
{
	json_t *all = json_array();
	struct db_query *q = db_query(svc->db,
				      "SELECT id, name, autostart_delay AS \"delay:i\" FROM vm"
				      " WHERE autostart ORDER BY autostart_order, name",
				      "");

	while (q && db_next(q) == 1)
		json_array_append_new(all, db_row_json(q));
	db_end(q);
	return all;
}

int host_task_autostart(struct svc *svc, struct task_run *run, struct problem *p)
{
	auto_json json_t *all = list(svc);
	char failed[200] = "", stage[96];
	const json_t *vm;
	size_t i;

	json_array_foreach(all, i, vm) {
		const char *name = json_string_value(json_object_get(vm, "name"));

		snprintf(stage, sizeof(stage), "starting %s", name);
		task_progress(svc, run, (unsigned int)(100 * i / json_array_size(all)), stage);
		if (!start_one(svc, run, json_string_value(json_object_get(vm, "id"))))
			snprintf(failed + strlen(failed), sizeof(failed) - strlen(failed), "%s%s",
				 failed[0] ? ", " : "", name);
		if (i + 1 < json_array_size(all) &&
		    !wait_seconds(svc, run, json_integer_value(json_object_get(vm, "delay"))))
			return problem_set(p, 409, "cancelled", "It was cancelled.");
	}
	if (failed[0])
		return problem_set(p, 409, "not_all_started",
				   "These did not start; their own tasks say why: %s.", failed);
	return 0;
}
