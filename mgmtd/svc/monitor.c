/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"
#include "task.h"
#include "vm.h"

#define FALLBACK_MS 60000 /* look again though nothing was announced */

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
	 "The guest crashed: it reported a panic, or did what no guest can do."},
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
	return db_value(
		svc->db, 0,
		"SELECT 1 FROM task WHERE finished_at IS NULL AND"
		" (kind LIKE 'host.%' OR (id = ? AND kind IN ('vm.shutdown', 'vm.destroy')))",
		"s", vm->task_id);
}

static int restart(struct svc *svc, const struct vm *vm)
{
	const struct task_request request = {
		.kind = "vm.start",
		.target_type = "vm",
		.target = vm->id,
		.actor = "guest",
		.request_id = "-",
	};
	char task[UUID_TEXT_LEN];

	if (db_begin(svc->db))
		return -EIO;
	if (task_insert(svc, &request, task) ||
	    db_run(svc->db,
		   "UPDATE vm SET state = 'starting', domid = NULL, started_at = NULL,"
		   " task_id = ? WHERE id = ?",
		   "ss", task, vm->id) ||
	    vm_touch(svc, vm->id, "vm.updated")) {
		db_rollback(svc->db);
		return -EIO;
	}
	if (svc_commit(svc))
		return -EIO;
	task_enqueue(svc, task);
	return 0;
}

/* The guest has ended: take its domain away and record why. Context: the claim is ours. */
static void bury(struct svc *svc, const struct vm *vm, const struct ts_domain_info *info)
{
	size_t i = ending_of(info->shutdown_reason);
	enum ending ending = endings[i].ending;
	struct ts_error err = {0};
	int rc;

	log_line("vm %s: the guest ended (%s)", vm->id, ts_shutdown_name(info->shutdown_reason));
	if (ts_domain_destroy(svc->ts, info->domid, &err) && err.code != TS_ENODOM) {
		log_line("vm %s: its domain can't be destroyed: %s", vm->id, err.detail);
		return;
	}
	if (ending == END_RESTART && !is_to_stay_down(svc, vm))
		rc = restart(svc, vm);
	else
		rc = vm_set_state(svc, vm->id, ending == END_CRASH ? VM_CRASHED : VM_STOPPED,
				  endings[i].code, endings[i].detail);
	if (rc)
		log_line("vm %s: its state could not be recorded", vm->id);
}

static void vanish(struct svc *svc, const struct vm *vm)
{
	bool meant = vm->state == VM_STOPPING;

	log_line("vm %s: its domain is gone", vm->id);
	if (vm_set_state(svc, vm->id, VM_STOPPED, meant ? NULL : "domain_gone",
			 meant ? NULL : "Its domain was destroyed by someone else on the host."))
		log_line("vm %s: its state could not be recorded", vm->id);
}

static const struct ts_domain_info *find(const struct ts_domain_info *list, size_t count,
					 const char *id)
{
	uint8_t uuid[TS_UUID_LEN];

	if (!ts_uuid_parse(id, uuid))
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!memcmp(list[i].uuid, uuid, sizeof(uuid)) && !list[i].dying)
			return &list[i];
	return NULL;
}

/* Context: the claim is ours. */
static void examine(struct svc *svc, const char *id, const struct ts_domain_info *list,
		    size_t count)
{
	const struct ts_domain_info *info = find(list, count, id);
	struct vm vm;

	if (vm_load(svc, id, &vm) ||
	    !(VM_IN(vm.state) & (VM_IN(VM_RUNNING) | VM_IN(VM_PAUSED) | VM_IN(VM_STOPPING))))
		return;
	if (!info)
		vanish(svc, &vm);
	else if (info->shutdown)
		bury(svc, &vm, info);
	else if (vm.state != VM_STOPPING && info->paused != (vm.state == VM_PAUSED) &&
		 vm_set_running(svc, id, info->domid, info->paused))
		log_line("vm %s: its state could not be recorded", id);
}

void monitor_scan(struct svc *svc)
{
	auto_json json_t *ids = json_array();
	struct db_query *q = db_query(svc->db,
				      "SELECT id FROM vm WHERE state IN ('running', 'paused',"
				      " 'stopping')",
				      "");
	const json_t *id;
	size_t i;

	while (q && db_next(q) == 1)
		json_array_append_new(ids, json_string(db_text(q, 0)));
	db_end(q);
	json_array_foreach(ids, i, id) {
		auto_free struct ts_domain_info *list = NULL;
		struct ts_error err = {0};
		size_t count;

		/* Whoever has the claim makes us look again when he gives it up. */
		if (!svc_try_claim(svc, json_string_value(id)))
			continue;
		if (ts_domain_list(svc->ts, &list, &count, &err))
			log_line("the domains can't be listed: %s", err.detail);
		else
			examine(svc, json_string_value(id), list, count);
		svc_unclaim(svc, json_string_value(id));
	}
}

static void *monitor_main(void *arg)
{
	struct svc *svc = arg;
	struct pollfd fds[2] = {
		{.fd = svc->kick_fd, .events = POLLIN},
		{.fd = ts_watch_fd(svc->ts), .events = POLLIN},
	};
	uint64_t count;

	while (!__atomic_load_n(&svc->stopping, __ATOMIC_ACQUIRE)) {
		if (poll(fds, fds[1].fd >= 0 ? 2 : 1, FALLBACK_MS) < 0 && errno != EINTR)
			break;
		if (fds[0].revents && read(svc->kick_fd, &count, sizeof(count)) < 0)
			continue;
		if (fds[1].fd >= 0 && fds[1].revents && ts_watch_read(svc->ts) < 0)
			fds[1].fd = -1;
		if (!__atomic_load_n(&svc->stopping, __ATOMIC_ACQUIRE))
			monitor_scan(svc);
	}
	return NULL;
}

int monitor_start(struct svc *svc)
{
	int rc = pthread_create(&svc->monitor, NULL, monitor_main, svc);

	svc->monitor_runs = !rc;
	return -rc;
}

void monitor_stop(struct svc *svc)
{
	if (!svc->monitor_runs)
		return;
	svc_kick(svc);
	pthread_join(svc->monitor, NULL);
	svc->monitor_runs = false;
}
