/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"
#include "task.h"
#include "task_kinds.h"
#include "vm.h"
#include "vm_tune.h"

struct open_task {
	int64_t row; /* in the order they were made */
	char id[UUID_TEXT_LEN];
	char kind[24];
	char target[UUID_TEXT_LEN];
	char boot_id[UUID_TEXT_LEN];
	bool begun;
};

static int fail(struct svc *svc, const struct open_task *t, const char *detail)
{
	struct problem p = {.status = 500, .code = "interrupted"};

	snprintf(p.detail, sizeof(p.detail), "%s", detail);
	log_line("task %s (%s) failed: %s", t->id, t->kind, detail);
	return task_finish(svc, t->id, "failed", &p);
}

static int take_up(struct svc *svc, const struct open_task *t)
{
	log_line("task %s (%s) is taken up again", t->id, t->kind);
	task_enqueue(svc, t->id);
	return 0;
}

static int destroy_unfinished(struct svc *svc, uint32_t domid)
{
	struct ts_error err = {0};

	if (!ts_domain_destroy(svc->ts, domid, &err) || err.code == TS_ENODOM)
		return 0;
	log_line("domain %u can't be destroyed: %s", domid, err.detail);
	return -EIO;
}

static const char interrupted[] =
	"The management service stopped while the virtual machine was being"
	" built; what had been built was removed.";

/* Built and let go: it runs. Built only, or not even that: it is gone by now. */
static int settle_start(struct svc *svc, const struct open_task *t, const struct vm *vm,
			const struct ts_domain_info *info)
{
	bool over = vm->state == VM_RUNNING || vm->state == VM_PAUSED;

	if (vm->state != VM_STARTING && !over)
		return fail(svc, t, interrupted);
	if (info && (over || !info->paused)) {
		if (!over && vm_set_running(svc, vm->id, info->domid, false))
			return -EIO;
		return task_finish(svc, t->id, "succeeded", NULL);
	}
	if (info && destroy_unfinished(svc, info->domid))
		return -EIO;
	if (!t->begun)
		return take_up(svc, t);
	if (vm_set_state(svc, vm->id, VM_STOPPED, "interrupted", interrupted))
		return -EIO;
	return fail(svc, t, interrupted);
}

static int settle_vm_task(struct svc *svc, const struct open_task *t)
{
	struct ts_domain_info info;
	struct ts_error err = {0};
	struct vm vm;
	int found;

	if (vm_load(svc, t->target, &vm))
		return fail(svc, t, "The virtual machine is gone.");
	found = !vm_find_domain(svc, t->target, &info, &err);
	if (!found && err.code != TS_ENODOM)
		return -EIO;
	if (!strcmp(t->kind, "vm.start"))
		return settle_start(svc, t, &vm, found ? &info : NULL);
	if (!found && !strcmp(t->kind, "vm.destroy"))
		return vm_set_state(svc, vm.id, VM_STOPPED, NULL, NULL) ?
			       -EIO :
			       task_finish(svc, t->id, "succeeded", NULL);
	return take_up(svc, t);
}

static int settle_task(struct svc *svc, const struct open_task *t)
{
	if (!strncmp(t->kind, "vm.", 3))
		return settle_vm_task(svc, t);
	if (!strncmp(t->kind, "volume.", 7))
		return take_up(svc, t);
	if (!strcmp(t->kind, "host.autostart") && strcmp(t->boot_id, svc->boot_id))
		return fail(svc, t, "The host was restarted meanwhile.");
	/* The machine went down, and is up again: that is what was asked for. */
	if (strcmp(t->boot_id, svc->boot_id))
		return task_finish(svc, t->id, "succeeded", NULL);
	return take_up(svc, t);
}

/* The one made after @t. Return: 1, 0 when there is none, -EIO. */
static int next_open(struct svc *svc, struct open_task *t)
{
	auto_query struct db_query *q =
		db_query(svc->db,
			 "SELECT rowid, id, kind, target, params ->> 'boot_id', status FROM task"
			 " WHERE finished_at IS NULL AND rowid > ? ORDER BY rowid LIMIT 1",
			 "i", t->row);
	int rc = q ? db_next(q) : -EIO;

	if (rc != 1)
		return rc;
	t->row = db_int(q, 0);
	snprintf(t->id, sizeof(t->id), "%s", db_text(q, 1));
	snprintf(t->kind, sizeof(t->kind), "%s", db_text(q, 2));
	snprintf(t->target, sizeof(t->target), "%s", db_text(q, 3));
	snprintf(t->boot_id, sizeof(t->boot_id), "%s", db_text(q, 4));
	t->begun = !strcmp(db_text(q, 5), "running");
	return 1;
}

static int settle_tasks(struct svc *svc)
{
	struct open_task t = {.row = 0};
	int found, rc = 0;

	while (!rc && (found = next_open(svc, &t)) != 0)
		rc = found < 0 ? found : settle_task(svc, &t);
	return rc;
}

/* Nothing was at work on it: whether it has a domain is all there is to know. */
static int settle_vm(struct svc *svc, const char *id)
{
	struct ts_domain_info info;
	struct ts_error err = {0};
	struct vm vm;

	if (vm_load(svc, id, &vm) || vm.task_id[0])
		return 0;
	if (!vm_find_domain(svc, id, &info, &err)) { /* one that has ended is the monitor's */
		if (vm_tuning_effect(svc, &vm, info.domid, &err))
			log_line("vm %s: its settings can't be put in effect: %s", id, err.detail);
		return vm_set_running(svc, id, info.domid, info.paused && !info.shutdown);
	}
	if (err.code != TS_ENODOM)
		return -EIO;
	log_line("vm %s: it ran, and its domain is gone", id);
	if (strcmp(vm.boot_id, svc->boot_id))
		return vm_set_state(svc, id, VM_STOPPED, "host_restarted",
				    "The host was restarted while it ran.");
	return vm_set_state(svc, id, VM_STOPPED, "domain_gone",
			    "Its domain went away while the management service was not there.");
}

static int settle_vms(struct svc *svc)
{
	auto_json json_t *ids = json_array();
	struct db_query *q = db_query(svc->db,
				      "SELECT id FROM vm WHERE state NOT IN ('stopped',"
				      " 'crashed')",
				      "");
	const json_t *id;
	int rc;
	size_t i;

	while ((rc = q ? db_next(q) : -EIO) == 1)
		json_array_append_new(ids, json_string(db_text(q, 0)));
	db_end(q);
	json_array_foreach(ids, i, id)
		if (!rc)
			rc = settle_vm(svc, json_string_value(id));
	return rc;
}

/* A domain of a machine recorded as not running was let go just before a crash: it is not lost. */
static int adopt(struct svc *svc)
{
	auto_free struct ts_domain_info *list = NULL;
	struct ts_error err = {0};
	size_t count;
	int rc = 0;

	if (ts_domain_list(svc->ts, &list, &count, &err)) {
		log_line("the domains can't be listed: %s", err.detail);
		return -EIO;
	}
	for (size_t i = 0; i < count && !rc; i++) {
		char id[TS_UUID_STR_LEN];
		struct vm vm;

		ts_uuid_format(list[i].uuid, id);
		if (vm_load(svc, id, &vm))
			log_line("domain %u is of no virtual machine known here", list[i].domid);
		else if ((vm.state == VM_STOPPED || vm.state == VM_CRASHED) && !list[i].dying)
			rc = vm_set_running(svc, id, list[i].domid, list[i].paused);
	}
	return rc;
}

int reconcile(struct svc *svc)
{
	struct ts_error err = {0};
	size_t cleaned = 0;
	int rc;

	if (ts_cleanup_halfbuilt(svc->ts, &cleaned, NULL, &err)) {
		log_line("half-built domains can't be cleaned up: %s", err.detail);
		return -EIO;
	}
	if (cleaned)
		log_line("%zu half-built domain(s) cleaned up", cleaned);
	ts_disks_sweep();
	rc = settle_tasks(svc);
	if (!rc)
		rc = settle_vms(svc);
	return rc ? rc : adopt(svc);
}
