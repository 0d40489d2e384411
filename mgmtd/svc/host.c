/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../util/log.h"
#include "broker.h"
#include "task.h"
#include "task_kinds.h"
#include "vm.h"

#define GRACE_MS  15000 /* for tearing down, beyond the guests' own time */
#define RESUME_MS 5000  /* for paused guests to go on, so that they can obey */

int host_json(struct svc *svc, json_t **out, struct problem *p)
{
	struct ts_host_info h;
	struct ts_error err = {0};
	char name[128] = "domus";

	if (toolstack_host(svc->ts, &h, &err)) {
		log_line("the hypervisor does not answer: %s", err.detail);
		return problem_set(p, 503, "unavailable", "The hypervisor does not answer.");
	}
	gethostname(name, sizeof(name) - 1);
	*out = json_pack("{s s, s {s s, s s, s s}, s {s b, s b, s b, s b, s b, s [s], s i, s s},"
			 " s {s i, s i}, s {s I, s I}, s I}",
			 "name", name, "hypervisor", "name", h.hypervisor, "version", h.version,
			 "build", h.build, "capabilities", "svm", h.svm, "vmx", h.vmx,
			 "nested_paging", h.nested_paging, "iommu", h.iommu, "counters", h.counters,
			 "modes", "pvh", "max_vcpus", (int)h.max_vcpus, "guests", h.capabilities,
			 "cpus", "physical", (int)h.cpus_physical, "online", (int)h.cpus_online,
			 "memory", "total", (json_int_t)h.memory_total, "free",
			 (json_int_t)h.memory_free, "uptime", (json_int_t)h.uptime);
	return *out ? 0 : problem_internal(p, "host_json");
}

int host_health(struct svc *svc, struct problem *p)
{
	struct ts_error err = {0};

	if (db_value(svc->db, 0, "SELECT 1", "") != 1)
		return problem_set(p, 503, "unavailable", "The database does not answer.");
	if (toolstack_ping(svc->ts, &err))
		return problem_set(p, 503, "unavailable", "The toolstack does not answer.");
	if (!broker_ping(svc))
		return problem_set(p, 503, "unavailable", "The console broker does not answer.");
	return 0;
}

bool host_goes_down(struct svc *svc)
{
	return db_value(svc->db, 0,
			"SELECT 1 FROM task WHERE finished_at IS NULL AND kind IN"
			" ('host.shutdown', 'host.reboot')",
			"");
}

static int64_t default_timeout(const struct svc *svc)
{
	return svc->config.shutdown_timeout ? strtol(svc->config.shutdown_timeout, NULL, 10) : 0;
}

int host_act(struct svc *svc, const char *action, int64_t timeout, const char *actor,
	     const char *request_id, char task[UUID_TEXT_LEN], struct problem *p)
{
	auto_json json_t *params = json_pack(
		"{s I, s s}", "timeout", (json_int_t)(timeout < 0 ? default_timeout(svc) : timeout),
		"boot_id", svc->boot_id);
	char kind[32];
	const struct task_request request = {
		.kind = kind,
		.target_type = "host",
		.actor = actor,
		.request_id = request_id,
		.params = params,
	};

	snprintf(kind, sizeof(kind), "host.%s", action);
	if (db_begin(svc->db))
		return db_problem(p, "host_act");
	if (host_goes_down(svc)) {
		db_rollback(svc->db);
		return problem_set(p, 409, "state_conflict", "The host is going down already.");
	}
	if (task_insert(svc, &request, task)) {
		db_rollback(svc->db);
		return db_problem(p, "host_act");
	}
	if (svc_commit(svc))
		return db_problem(p, "host_act");
	task_enqueue(svc, task);
	return 0;
}

static int64_t count_alive(struct svc *svc)
{
	return db_value(svc->db, 1,
			"SELECT count(*) FROM vm WHERE state NOT IN ('stopped', 'crashed')", "");
}

static int64_t count_paused(struct svc *svc)
{
	return db_value(svc->db, 0, "SELECT count(*) FROM vm WHERE state = 'paused'", "");
}

static void wait_until_none(struct svc *svc, struct task_run *run,
			    int64_t (*count)(struct svc *svc), int64_t deadline)
{
	while (count(svc) && clock_mono_ms() < deadline && !task_cancelled(svc, run)) {
		pthread_mutex_lock(&svc->lock);
		svc_wait(svc, clock_mono_ms() + 500);
		pthread_mutex_unlock(&svc->lock);
	}
}

#define IDS_MAX 256

/* The machines that @q finds, at most IDS_MAX. Return: how many. */
static size_t list_machines(struct db_query *q, char ids[IDS_MAX][UUID_TEXT_LEN])
{
	size_t n = 0;

	while (q && n < IDS_MAX && db_next(q) == 1)
		snprintf(ids[n++], UUID_TEXT_LEN, "%s", db_text(q, 0));
	db_end(q);
	return n;
}

/* A paused guest can't obey, and must not be cut off for that. */
static void resume_guests(struct svc *svc, struct task_run *run)
{
	char ids[IDS_MAX][UUID_TEXT_LEN], task[UUID_TEXT_LEN];
	size_t n = list_machines(db_query(svc->db, "SELECT id FROM vm WHERE state = 'paused'", ""),
				 ids);

	for (size_t i = 0; i < n; i++) {
		auto_problem struct problem p = {0};

		if (vm_act(svc, ids[i], vm_action_find("resume"), NULL, "system", "-", task, &p))
			log_line("vm %s can't be resumed: %s", ids[i], p.detail);
	}
	wait_until_none(svc, run, count_paused, clock_mono_ms() + RESUME_MS);
}

/* Does it go down in good order, by this or by an earlier request? */
static bool goes_down(struct svc *svc, const char *id, json_t *params)
{
	auto_problem struct problem p = {0};
	char task[UUID_TEXT_LEN];

	return db_value(svc->db, 0, "SELECT 1 FROM vm WHERE id = ? AND state = 'stopping'", "s",
			id) ||
	       !vm_act(svc, id, vm_action_find("shutdown"), params, "system", "-", task, &p);
}

/* Ask every machine that can obey, and destroy those that can't (or all, when @force). */
static void stop_guests(struct svc *svc, int64_t timeout, bool force)
{
	auto_json json_t *params =
		json_pack("{s I, s b}", "timeout", (json_int_t)timeout, "force", 1);
	char ids[IDS_MAX][UUID_TEXT_LEN], task[UUID_TEXT_LEN];
	size_t n = list_machines(db_query(svc->db,
					  "SELECT id FROM vm WHERE state NOT IN ('stopped',"
					  " 'crashed') ORDER BY autostart_order DESC",
					  ""),
				 ids);

	for (size_t i = 0; i < n; i++) {
		auto_problem struct problem p = {0};

		if (!force && timeout > 0 && goes_down(svc, ids[i], params))
			continue;
		if (vm_act(svc, ids[i], vm_action_find("destroy"), NULL, "system", "-", task, &p))
			log_line("vm %s can't be stopped: %s", ids[i], p.detail);
	}
}

static bool wait_for_guests(struct svc *svc, struct task_run *run, int64_t deadline)
{
	wait_until_none(svc, run, count_alive, deadline);
	return count_alive(svc) == 0;
}

static int run_power(const char *command, const char *verb)
{
	char *argv[] = {(char *)(uintptr_t)command, (char *)(uintptr_t)verb, NULL};
	char *envp[] = {(char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	pid_t pid;
	int status;

	if (posix_spawn(&pid, command, NULL, NULL, argv, envp))
		return -EIO;
	if (waitpid(pid, &status, 0) < 0)
		return -EIO;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int host_task_power(struct svc *svc, struct task_run *run, struct problem *p)
{
	int64_t timeout = json_integer_value(json_object_get(run->params, "timeout"));
	bool reboot = !strcmp(run->kind->name, "host.reboot");

	task_progress(svc, run, 5, "stopping guests");
	if (timeout > 0)
		resume_guests(svc, run);
	stop_guests(svc, timeout, false);
	if (!wait_for_guests(svc, run, clock_mono_ms() + timeout * 1000 + GRACE_MS) &&
	    !task_cancelled(svc, run)) {
		stop_guests(svc, 0, true);
		wait_for_guests(svc, run, clock_mono_ms() + GRACE_MS);
	}
	if (task_cancelled(svc, run))
		return problem_set(p, 409, "cancelled", "It was cancelled.");
	log_line("the host goes down (%s)", reboot ? "reboot" : "poweroff");
	if (run_power(svc->config.power_command, reboot ? "reboot" : "poweroff"))
		return problem_set(p, 500, "power_failed", "The machine refused to go down.");
	return 0;
}

int host_abandon_power(struct svc *svc, struct task_run *run, const struct problem *p)
{
	(void)svc;
	(void)run;
	(void)p;
	return 0;
}
