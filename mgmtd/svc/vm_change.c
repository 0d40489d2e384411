/* SPDX-License-Identifier: Apache-2.0 */
/* Making, changing, deleting virtual machines, and beginning actions on them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"
#include "broker.h"
#include "disk.h"
#include "event.h"
#include "image.h"
#include "nic.h"
#include "task.h"
#include "task_kinds.h"
#include "vm.h"
#include "vm_tune.h"

static const char *member(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static int check_image(struct svc *svc, const char *id, const char *kind, const char *field,
		       struct problem *p)
{
	struct image image;
	int rc = image_load(svc, id, &image);

	if (rc == -ENOENT)
		return problem_invalid(p, field, "unknown_image",
				       "There is no image with this id.");
	if (rc)
		return db_problem(p, "image_load");
	if (strcmp(image.kind, kind))
		return problem_invalid(p, field, "wrong_kind", "This image is of kind %s, not %s.",
				       image.kind, kind);
	return 0;
}

static int no_room(struct problem *p, uint64_t needed, uint64_t has, const char *what)
{
	problem_set(p, 507, "insufficient_memory",
		    "The virtual machine needs %" PRIu64
		    " bytes of memory, but the host has %" PRIu64 " bytes %s.",
		    needed, has, what);
	problem_extra(p, "needed", json_integer((json_int_t)needed));
	problem_extra(p, "free", json_integer((json_int_t)has));
	return -ECANCELED;
}

/* Does it fit the machine at all, and (@now) into what is free? */
static int check_room(struct svc *svc, const struct vm *vm, bool now, struct problem *p)
{
	uint64_t reserved = task_reserved_memory(svc), available;
	struct ts_host_info host;
	struct ts_error err;

	if (toolstack_host(svc->ts, &host, &err))
		return problem_set(p, 503, "unavailable", "The hypervisor does not answer.");
	if (vm_tuning_check(vm, &host, p))
		return -ECANCELED;
	if (vm->memory_max > host.memory_total)
		return no_room(p, vm->memory_max, host.memory_free, "free");
	available = host.memory_free > reserved ? host.memory_free - reserved : 0;
	return now && vm->memory_max > available ? no_room(p, vm->memory_max, available, "free") :
						   0;
}

static int check_boot(struct svc *svc, const struct vm *vm, struct problem *p)
{
	if (check_image(svc, vm->kernel, "kernel", "boot.kernel", p))
		return -ECANCELED;
	return vm->initrd[0] ? check_image(svc, vm->initrd, "initrd", "boot.initrd", p) : 0;
}

static int name_taken(struct problem *p)
{
	problem_set(p, 409, "name_taken", "There is a virtual machine of this name already.");
	problem_field(p, "name", "taken", "is the name of another virtual machine");
	return -ECANCELED;
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static json_t *flag(const json_t *value)
{
	return value ? json_integer(json_is_true(value)) : NULL;
}

/* What it does by itself; members that are not there stay as they are. Within a transaction. */
static int set_policy(struct svc *svc, const char *id, const json_t *spec)
{
	const json_t *autostart = json_object_get(spec, "autostart");
	auto_json json_t *enabled = flag(json_object_get(autostart, "enabled"));

	return db_run(svc->db,
		      "UPDATE vm SET restart_policy = coalesce(?, restart_policy),"
		      " autostart = coalesce(?, autostart),"
		      " autostart_order = coalesce(?, autostart_order),"
		      " autostart_delay = coalesce(?, autostart_delay) WHERE id = ?",
		      "sjjjs", member(spec, "restart_policy"), enabled,
		      json_object_get(autostart, "order"), json_object_get(autostart, "delay"), id);
}

static int insert(struct svc *svc, const struct vm *vm, const json_t *spec, struct problem *p)
{
	auto_json json_t *json = NULL;
	char now[CLOCK_TEXT_LEN];
	int rc;

	clock_now(now);
	rc = db_run(
		svc->db,
		"INSERT INTO vm (id, name, mode, vcpus, memory, kernel, initrd, cmdline,"
		" state, created_at, updated_at) VALUES (?, ?, 'pvh', ?, ?, ?, ?, ?, 'stopped', ?, ?)",
		"ssiisssss", vm->id, vm->name, (int64_t)vm->vcpus, (int64_t)vm->memory, vm->kernel,
		or_null(vm->initrd), vm->cmdline, now, now);
	if (rc == -EEXIST)
		return name_taken(p);
	if (!rc && (disks_insert(svc, vm->id, json_object_get(spec, "disks"), p) ||
		    nics_create(svc, vm->id, json_object_get(spec, "nics"), p)))
		return -ECANCELED;
	json = rc || vm_tuning_store(svc, vm) || set_policy(svc, vm->id, spec) ?
		       NULL :
		       vm_json(svc, vm->id);
	if (!json || event_add(svc, "vm.created", vm->id, json))
		return db_problem(p, "vm insert");
	return 0;
}

/* Task and transient state are one change. Within a transaction. */
static int begin_task(struct svc *svc, const char *vm, const struct vm_action *action,
		      json_t *params, const char *actor, const char *request_id,
		      char task[UUID_TEXT_LEN], struct problem *p)
{
	const struct task_request request = {
		.kind = action->task_kind,
		.target_type = "vm",
		.target = vm,
		.actor = actor,
		.request_id = request_id,
		.params = params,
	};

	if (task_insert(svc, &request, task) ||
	    db_run(svc->db,
		   "UPDATE vm SET state = ?, reason_code = NULL, reason = NULL, restart_ms = NULL,"
		   " task_id = ? WHERE id = ?",
		   "sss", vm_state_name(action->during), task, vm) ||
	    vm_touch(svc, vm, "vm.updated"))
		return db_problem(p, "begin task");
	return 0;
}

static void from_spec(struct vm *vm, const json_t *spec)
{
	const json_t *boot = json_object_get(spec, "boot");
	const char *initrd = member(boot, "initrd"), *cmdline = member(boot, "cmdline");

	snprintf(vm->name, sizeof(vm->name), "%s", member(spec, "name"));
	vm->weight = VM_WEIGHT_DEFAULT;
	vm_tuning_apply(vm, spec, true);
	snprintf(vm->kernel, sizeof(vm->kernel), "%s", member(boot, "kernel"));
	snprintf(vm->initrd, sizeof(vm->initrd), "%s", initrd ? initrd : "");
	snprintf(vm->cmdline, sizeof(vm->cmdline), "%s", cmdline ? cmdline : "");
}

int vm_create(struct svc *svc, const json_t *spec, const char *actor, const char *request_id,
	      char id[UUID_TEXT_LEN], struct problem *p)
{
	bool start = json_is_true(json_object_get(spec, "start"));
	char task[UUID_TEXT_LEN] = "";
	struct vm vm = {0};

	if (strcmp(member(spec, "mode"), "pvh"))
		return problem_invalid(p, "mode", "unsupported_mode",
				       "This host makes virtual machines"
				       " of mode pvh; %s is not supported yet.",
				       member(spec, "mode"));
	from_spec(&vm, spec);
	crypt_uuid(vm.id);
	if (check_boot(svc, &vm, p) || check_room(svc, &vm, start, p))
		return -ECANCELED;
	if (db_begin(svc->db))
		return db_problem(p, "vm_create");
	/* Checked again, now that no image can go away. */
	if (check_boot(svc, &vm, p) || insert(svc, &vm, spec, p) ||
	    (start &&
	     begin_task(svc, vm.id, vm_action_find("start"), NULL, actor, request_id, task, p))) {
		db_rollback(svc->db);
		return -ECANCELED;
	}
	if (svc_commit(svc))
		return db_problem(p, "vm_create");
	if (start)
		task_enqueue(svc, task);
	memcpy(id, vm.id, UUID_TEXT_LEN);
	return 0;
}

/* RFC 7396 for the few members there are; null takes a member away. */
static void apply(struct vm *vm, const json_t *patch)
{
	const json_t *boot = json_object_get(patch, "boot"), *v;

	if ((v = json_object_get(patch, "name")))
		snprintf(vm->name, sizeof(vm->name), "%s", json_string_value(v));
	if ((v = json_object_get(boot, "kernel")))
		snprintf(vm->kernel, sizeof(vm->kernel), "%s", json_string_value(v));
	if ((v = json_object_get(boot, "initrd")))
		snprintf(vm->initrd, sizeof(vm->initrd), "%s",
			 json_is_null(v) ? "" : json_string_value(v));
	if ((v = json_object_get(boot, "cmdline")))
		snprintf(vm->cmdline, sizeof(vm->cmdline), "%s",
			 json_is_null(v) ? "" : json_string_value(v));
}

static int conflict(const struct vm *vm, const char *detail, struct problem *p)
{
	problem_set(p, 409, "state_conflict", "The virtual machine is %s: %s",
		    vm_state_name(vm->state), detail);
	problem_extra(p, "state", json_string(vm_state_name(vm->state)));
	problem_extra(p, "allowed_actions", vm_allowed_actions(vm->state));
	return -ECANCELED;
}

static bool is_idle(const struct vm *vm)
{
	return (VM_IN(vm->state) & (VM_IN(VM_STOPPED) | VM_IN(VM_CRASHED))) != 0;
}

/* What a domain is made with, and what is made for it, stays until the next start. */
static int check_live(struct svc *svc, const struct vm *old, const struct vm *new,
		      struct problem *p)
{
	struct ts_host_info host;

	if (old->vcpus_max != new->vcpus_max || old->memory_max != new->memory_max)
		return conflict(old, "vcpus_max and memory_max can be changed when it is stopped.",
				p);
	if (!(VM_IN(old->state) & (VM_IN(VM_RUNNING) | VM_IN(VM_PAUSED))))
		return conflict(old, "CPUs and memory can be changed when it runs or is stopped.",
				p);
	if (new->vcpus > old->vcpus_max || new->memory > old->memory_max)
		return conflict(old,
				"more than vcpus_max virtual CPUs or memory_max bytes of memory"
				" can be given to it when it is stopped.",
				p);
	if (toolstack_host(svc->ts, &host, NULL))
		return problem_set(p, 503, "unavailable", "The hypervisor does not answer.");
	return vm_tuning_check(new, &host, p);
}

static int check_update(struct svc *svc, const struct vm *old, const struct vm *new,
			const json_t *patch, struct problem *p)
{
	bool boot = json_object_get(patch, "boot") != NULL;

	if (!boot && !vm_tuning_in(patch))
		return 0;
	if (boot && !is_idle(old))
		return conflict(old, "what it boots can be changed when it is stopped.", p);
	if (!is_idle(old))
		return check_live(svc, old, new, p);
	if (check_boot(svc, new, p))
		return -ECANCELED;
	return check_room(svc, new, false, p);
}

static void untune_domain(struct svc *svc, const struct vm *old)
{
	struct ts_error err = {0};

	if (vm_tuning_effect(svc, old, (uint32_t)old->domid, &err))
		log_line("vm %s: its settings can't be restored: %s", old->id, err.detail);
}

/* Into effect before it is recorded for good; what had been before is put back when it can't be. */
static int tune_domain(struct svc *svc, const struct vm *old, const struct vm *new,
		       struct problem *p)
{
	struct ts_error err = {0};

	if (!vm_tuning_effect(svc, new, (uint32_t)old->domid, &err) || err.code == TS_ENODOM)
		return 0;
	untune_domain(svc, old);
	return ts_problem(&err, p);
}

int vm_update(struct svc *svc, const struct vm *vm, const json_t *patch, struct problem *p)
{
	bool live = vm_tuning_in(patch) && !is_idle(vm);
	struct vm new = *vm, now;
	int rc;

	apply(&new, patch);
	vm_tuning_apply(&new, patch, is_idle(vm));
	if (check_update(svc, vm, &new, patch, p))
		return -ECANCELED;
	if (db_begin(svc->db))
		return db_problem(p, "vm_update");
	rc = vm_require(svc, vm->id, &now, p);
	if (!rc && now.revision != vm->revision)
		rc = problem_changed(p);
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	rc = db_run(svc->db,
		    "UPDATE vm SET name = ?, kernel = ?, initrd = ?,"
		    " cmdline = ? WHERE id = ?",
		    "sssss", new.name, new.kernel, or_null(new.initrd), new.cmdline, vm->id);
	if (rc == -EEXIST)
		rc = name_taken(p);
	else if (rc || vm_tuning_store(svc, &new) || set_policy(svc, vm->id, patch) ||
		 vm_touch(svc, vm->id, "vm.updated"))
		rc = db_problem(p, "vm_update");
	else if (live)
		rc = tune_domain(svc, vm, &new, p);
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	if (!svc_commit(svc))
		return 0;
	if (live)
		untune_domain(svc, vm);
	return db_problem(p, "vm_update");
}

int vm_delete(struct svc *svc, const struct vm *vm, struct problem *p)
{
	auto_json json_t *last = NULL;
	struct vm now;
	int rc;

	if (db_begin_always(svc->db))
		return db_problem(p, "vm_delete");
	rc = vm_require(svc, vm->id, &now, p);
	if (!rc && !is_idle(&now))
		rc = conflict(&now, "it can be deleted when it is stopped.", p);
	if (!rc && now.revision != vm->revision)
		rc = problem_changed(p);
	last = rc ? NULL : vm_json(svc, vm->id);
	if (!rc && (!last || db_run(svc->db, "DELETE FROM vm WHERE id = ?", "s", vm->id) ||
		    event_add(svc, "vm.deleted", vm->id, last)))
		rc = db_problem(p, "vm_delete");
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	if (svc_commit(svc))
		return db_problem(p, "vm_delete");
	broker_forget(svc, vm->id);
	return 0;
}

int vm_act(struct svc *svc, const char *id, const struct vm_action *action, json_t *params,
	   const char *actor, const char *request_id, char task[UUID_TEXT_LEN], struct problem *p)
{
	char superseded[UUID_TEXT_LEN] = "";
	char detail[96];
	struct vm vm;
	int rc;

	if (vm_require(svc, id, &vm, p))
		return -ECANCELED;
	if (!strcmp(action->name, "start") && (action->from & VM_IN(vm.state)) &&
	    (check_boot(svc, &vm, p) || check_room(svc, &vm, true, p)))
		return -ECANCELED;
	if (db_begin(svc->db))
		return db_problem(p, "vm_act");
	rc = vm_require(svc, id, &vm, p);
	snprintf(detail, sizeof(detail), "%s is not possible now.", action->name);
	if (!rc && !(action->from & VM_IN(vm.state)))
		rc = conflict(&vm, detail, p);
	if (!rc && vm.task_id[0] && !action->overrides)
		rc = conflict(&vm, "another task is at work on it.", p);
	snprintf(superseded, sizeof(superseded), "%s", rc ? "" : vm.task_id);
	if (!rc)
		rc = begin_task(svc, id, action, params, actor, request_id, task, p);
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	if (svc_commit(svc))
		return db_problem(p, "vm_act");
	if (superseded[0])
		task_supersede(svc, superseded);
	task_enqueue(svc, task);
	return 0;
}
