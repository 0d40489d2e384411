/* SPDX-License-Identifier: Apache-2.0 */
#include "vm_end.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"
#include "host.h"
#include "nic.h"
#include "task.h"
#include "vm_tune.h"

#define CRASH_VCPUS   8   /* whose registers are kept */
#define RAN_WELL_S    600 /* after so long a crash is the first one again */
#define BACK_OFF_MAX  300 /* seconds */
#define BACK_OFF_BITS 9
#define AGAIN_MS      1000 /* until what could not be started again is tried once more */

enum ending { END_STOP, END_RESTART, END_CRASH };

/* What a guest's way of ending means. */
static const struct {
	enum ts_shutdown reason;
	enum ending ending;
	const char *code, *detail;
} endings[] = {
	{TS_SHUTDOWN_POWEROFF, END_STOP, NULL, NULL},
	{TS_SHUTDOWN_REBOOT, END_RESTART, NULL, NULL},
	{TS_SHUTDOWN_SUSPEND, END_CRASH, "guest_suspended",
	 "The guest suspended itself, which is not supported."},
	{TS_SHUTDOWN_CRASH, END_CRASH, "guest_crashed",
	 "The guest crashed, and said so itself: its console shows why."},
	{TS_SHUTDOWN_WATCHDOG, END_CRASH, "guest_watchdog", "The guest's watchdog went off."},
};

static size_t ending_of(enum ts_shutdown reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (endings[i].reason == reason)
			return i;
	return 3;
}

/* A guest that was told to shut down stays down, whatever it calls it. */
static bool is_to_stay_down(struct svc *svc, const struct vm *vm)
{
	return host_goes_down(svc) ||
	       db_value(svc->db, 0,
			"SELECT 1 FROM task WHERE finished_at IS NULL AND id = ?"
			" AND kind IN ('vm.shutdown', 'vm.destroy')",
			"s", vm->task_id);
}

static bool policy_restarts(const struct vm *vm, enum ending ending)
{
	return !strcmp(vm->restart_policy, "always") ||
	       (ending == END_CRASH && !strcmp(vm->restart_policy, "on_crash"));
}

/* @task is to be enqueued. */
static int record_start(struct svc *svc, const struct vm *vm, const char *actor,
			char task[UUID_TEXT_LEN])
{
	const struct task_request request = {
		.kind = "vm.start",
		.target_type = "vm",
		.target = vm->id,
		.actor = actor,
		.request_id = "-",
	};

	if (db_begin(svc->db))
		return -EIO;
	if (task_insert(svc, &request, task) ||
	    db_run(svc->db,
		   "UPDATE vm SET state = 'starting', domid = NULL, started_at = NULL,"
		   " restart_ms = NULL, reason_code = NULL, reason = NULL, task_id = ?"
		   " WHERE id = ?",
		   "ss", task, vm->id) ||
	    vm_touch(svc, vm->id, "vm.updated")) {
		db_rollback(svc->db);
		return -EIO;
	}
	return svc_commit(svc);
}

/* The last words of a guest, kept until the next crash. Its domain is still there. */
static int keep_crash(struct svc *svc, const struct vm *vm, const struct ts_domain_info *info,
		      const char *code, const char *reason)
{
	auto_json json_t *vcpus = json_array();
	auto_json json_t *crash = NULL;
	auto_free char *text = NULL;
	char now[CLOCK_TEXT_LEN];

	for (uint32_t i = 0; i < info->vcpus && i < CRASH_VCPUS; i++) {
		struct ts_register registers[TS_REGISTERS];

		if (!ts_domain_registers(svc->ts, info->domid, i, registers, NULL))
			json_array_append_new(vcpus,
					      json_pack("{si so}", "vcpu", (int)i, "registers",
							vm_registers_json(registers)));
	}
	clock_now(now);
	crash = json_pack("{ss ss ss? sO}", "time", now, "code", code, "detail",
			  reason[0] ? reason : NULL, "vcpus", vcpus);
	text = crash ? json_dumps(crash, JSON_COMPACT) : NULL;
	return text ? db_run(svc->db, "UPDATE vm SET crash = ? WHERE id = ?", "ss", text, vm->id) :
		      -ENOMEM;
}

/*
 * Note when to start it again: at once after a long life, later and later when it keeps ending soon.
 * Return: seconds to wait, or -EIO.
 */
static int plan_restart(struct svc *svc, const struct vm *vm)
{
	int64_t times = db_value(svc->db, 1,
				 "SELECT CASE WHEN unixepoch() - unixepoch(started_at) > ?"
				 " THEN 1 ELSE restarts + 1 END FROM vm WHERE id = ?",
				 "is", (int64_t)RAN_WELL_S, vm->id);
	int wait = times > BACK_OFF_BITS ? BACK_OFF_MAX : 1 << (times - 1);

	if (wait > BACK_OFF_MAX)
		wait = BACK_OFF_MAX;
	return db_run(svc->db, "UPDATE vm SET restarts = ?, restart_ms = ? WHERE id = ?", "iis",
		      times, clock_wall_ms() + wait * 1000, vm->id) ?
		       -EIO :
		       wait;
}

/* @reason: why the hypervisor ended it, or "". */
static int record(struct svc *svc, const struct vm *vm, size_t i, const char *reason)
{
	enum vm_state state = endings[i].ending == END_CRASH ? VM_CRASHED : VM_STOPPED;
	char text[192], detail[256];
	int wait;

	if (reason[0])
		snprintf(text, sizeof(text), "The hypervisor ended the guest: %s.", reason);
	else
		snprintf(text, sizeof(text), "%s", endings[i].detail ? endings[i].detail : "");
	if (!policy_restarts(vm, endings[i].ending) || is_to_stay_down(svc, vm))
		return vm_set_state(svc, vm->id, state, endings[i].code, text[0] ? text : NULL);
	wait = plan_restart(svc, vm);
	if (wait < 0)
		return wait;
	snprintf(detail, sizeof(detail), "%s It is started again after %d s.",
		 text[0] ? text : "The guest switched itself off.", wait);
	return vm_set_state(svc, vm->id, state, endings[i].code ? endings[i].code : "restarts",
			    detail);
}

/* One that is dead, but not all gone after a minute, is as good as gone. */
static int take_domain(struct svc *svc, const struct vm *vm, uint32_t domid)
{
	struct ts_error err = {0};

	if (ts_domain_destroy(svc->ts, domid, &err) && err.code != TS_ENODOM) {
		log_line("vm %s: its domain can't be destroyed: %s", vm->id, err.detail);
		if (err.code != TS_ETIMEDOUT)
			return -EIO;
	}
	nics_forget(svc, vm->id);
	return 0;
}

void vm_ended(struct svc *svc, const struct vm *vm, const struct ts_domain_info *info)
{
	size_t i = ending_of(info->shutdown_reason);
	char reason[TS_REASON_SIZE] = "";
	bool again = endings[i].ending == END_RESTART && !is_to_stay_down(svc, vm);
	char task[UUID_TEXT_LEN];
	int rc;

	log_line("vm %s: the guest ended (%s)", vm->id, ts_shutdown_name(info->shutdown_reason));
	if (info->shutdown_reason == TS_SHUTDOWN_CRASH)
		ts_crash_reason(svc->ts, info->domid, reason);
	if (endings[i].ending == END_CRASH && keep_crash(svc, vm, info, endings[i].code, reason))
		log_line("vm %s: its last registers could not be recorded", vm->id);
	/* On record before the domain goes, for that alone tells that the guest rebooted. */
	if (again && record_start(svc, vm, "guest", task)) {
		log_line("vm %s: its next start could not be recorded yet", vm->id);
		return;
	}
	rc = take_domain(svc, vm, info->domid);
	if (again)
		task_enqueue(svc, task);
	else if (!rc && record(svc, vm, i, reason))
		log_line("vm %s: its state could not be recorded", vm->id);
}

/* The policy may have been changed meanwhile, or someone was faster. */
static void restart_one(struct svc *svc, const char *id)
{
	bool again;
	char task[UUID_TEXT_LEN];
	struct vm vm;
	int rc;

	if (vm_load(svc, id, &vm))
		return;
	again = !vm.task_id[0] && !host_goes_down(svc) &&
		policy_restarts(&vm, vm.state == VM_CRASHED ? END_CRASH : END_STOP);
	if (again)
		rc = record_start(svc, &vm, "policy", task);
	else
		rc = db_run(svc->db, "UPDATE vm SET restart_ms = NULL WHERE id = ?", "s", id);
	if (rc)
		log_line("vm %s: it could not be started again", id);
	else if (again)
		task_enqueue(svc, task);
}

int vm_restart_due(struct svc *svc, int limit)
{
	auto_json json_t *due = json_array();
	/* One that lies further ahead than any is planned: the clock has been set back since. */
	struct db_query *q = db_query(svc->db,
				      "SELECT id FROM vm WHERE (restart_ms <= ?1 OR"
				      " restart_ms > ?1 + ?2) AND state IN ('stopped', 'crashed')",
				      "ii", clock_wall_ms(), (int64_t)BACK_OFF_MAX * 1000);
	const json_t *id;
	int64_t next;
	size_t i;

	while (q && db_next(q) == 1)
		json_array_append_new(due, json_string(db_text(q, 0)));
	db_end(q);
	json_array_foreach(due, i, id)
		restart_one(svc, json_string_value(id));
	next = db_value(svc->db, INT64_MAX, "SELECT min(restart_ms) FROM vm", "");
	if (next == INT64_MAX)
		return limit;
	next -= clock_wall_ms();
	if (next <= 0)
		next = AGAIN_MS;
	return next < limit ? (int)next : limit;
}
