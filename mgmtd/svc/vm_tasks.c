/* SPDX-License-Identifier: Apache-2.0 */
/* What the tasks of virtual machines do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"
#include "disk.h"
#include "host.h"
#include "image.h"
#include "nic.h"
#include "task_kinds.h"
#include "vm.h"
#include "vm_tune.h"

#define BUILDERS_MAX       2u
#define SHUTDOWN_TIMEOUT_S 60

static const struct {
	enum ts_code code;
	const char *name;
} ts_codes[] = {
	{TS_EINVAL, "invalid"},
	{TS_ENOMEM_HOST, "insufficient_memory"},
	{TS_ENOMEM, "busy"},
	{TS_EKERNEL, "invalid_kernel"},
	{TS_EINITRD, "invalid_initrd"},
	{TS_ENODOM, "no_domain"},
	{TS_EEXIST, "domain_exists"},
	{TS_EHYPERVISOR, "hypervisor"},
	{TS_EXENSTORE, "xenstore"},
	{TS_ECANCELED, "cancelled"},
	{TS_EIO, "io"},
	{TS_ETIMEDOUT, "timed_out"},
};

int ts_problem(const struct ts_error *err, struct problem *p)
{
	const char *code = "hypervisor";

	for (size_t i = 0; i < ARRAY_SIZE(ts_codes); i++)
		if (ts_codes[i].code == err->code)
			code = ts_codes[i].name;
	problem_set(p, err->code == TS_ENOMEM_HOST ? 507 : 500, code, "%s.", err->detail);
	if (err->code == TS_ENOMEM_HOST) {
		problem_extra(p, "needed", json_integer((json_int_t)err->needed));
		problem_extra(p, "free", json_integer((json_int_t)err->free));
	}
	return -ECANCELED;
}

static int cancelled(struct problem *p)
{
	return problem_set(p, 409, "cancelled", "It was cancelled.");
}

/* Else it has been stopped since, or a later task has taken it over. */
static bool is_ours(const struct vm *vm, const struct task_run *run)
{
	return !strcmp(vm->task_id, run->id);
}

/*
 * Record how @run leaves the machine, if it is in one of the states @from, and the task's own still.
 * @info: its domain; NULL: it has none, for @reason. Return: 0 or -EIO.
 */
static int settle(struct svc *svc, const struct task_run *run, unsigned int from,
		  const struct ts_domain_info *info, const char *code, const char *reason)
{
	struct vm vm;
	int rc;

	if (db_begin(svc->db))
		return -EIO;
	rc = vm_load(svc, run->target, &vm);
	if (!rc && (VM_IN(vm.state) & from) && is_ours(&vm, run))
		rc = info ? vm_set_running(svc, vm.id, info->domid, info->paused) :
			    vm_set_state(svc, vm.id, VM_STOPPED, code, reason);
	if (rc && rc != -ENOENT) {
		db_rollback(svc->db);
		return -EIO;
	}
	return svc_commit(svc);
}

int vm_find_domain(struct svc *svc, const char *id, struct ts_domain_info *info,
		   struct ts_error *err)
{
	uint8_t uuid[TS_UUID_LEN];

	if (!ts_uuid_parse(id, uuid)) {
		err->code = TS_ENODOM;
		return -ENOENT;
	}
	return ts_domain_find(svc->ts, uuid, info, err);
}

/* Only so many at once: building is work for CPU and memory bus. */
static bool builder_enter(struct svc *svc, struct task_run *run)
{
	bool ok;

	pthread_mutex_lock(&svc->lock);
	while (svc->builders >= BUILDERS_MAX && !run->cancel && !svc->stopping)
		pthread_cond_wait(&svc->changed, &svc->lock);
	ok = !run->cancel && !svc->stopping;
	svc->builders += ok;
	run->reserved = 0;
	pthread_mutex_unlock(&svc->lock);
	return ok;
}

static void builder_leave(struct svc *svc)
{
	pthread_mutex_lock(&svc->lock);
	svc->builders--;
	pthread_cond_broadcast(&svc->changed);
	pthread_mutex_unlock(&svc->lock);
}

struct build {
	struct svc *svc;
	struct task_run *run;
};

static bool build_progress(void *opaque, unsigned int percent, enum ts_stage stage)
{
	struct build *b = opaque;

	task_progress(b->svc, b->run, percent, ts_stage_name(stage));
	return !task_cancelled(b->svc, b->run);
}

static int build(struct svc *svc, struct task_run *run, const struct vm *vm, uint32_t *domid,
		 struct problem *p)
{
	struct build b = {.svc = svc, .run = run};
	struct image kernel, initrd = {0};
	char cache[512];
	struct ts_domain_spec spec = {
		.name = vm->name,
		.vcpus = vm->vcpus_max,
		.memory = vm->memory_max,
		.kernel = kernel.path,
		.initrd = vm->initrd[0] ? initrd.path : NULL,
		.cmdline = vm->cmdline,
		.cache_dir = cache,
		.progress = build_progress,
		.opaque = &b,
	};
	struct ts_error err = {0};
	int rc;

	snprintf(cache, sizeof(cache), "%s/cache", svc->config.data);
	if (!ts_uuid_parse(vm->id, spec.uuid) || image_load(svc, vm->kernel, &kernel) ||
	    (vm->initrd[0] && image_load(svc, vm->initrd, &initrd)))
		return problem_set(p, 409, "unknown_image", "An image it boots from is gone.");
	spec.kernel_sha256 = kernel.sha256[0] ? kernel.sha256 : NULL;
	if (!builder_enter(svc, run))
		return cancelled(p);
	rc = ts_domain_create(svc->ts, &spec, domid, &err);
	builder_leave(svc);
	return rc ? ts_problem(&err, p) : 0;
}

/* The domain is there, paused: let it go, unless it is no longer wanted. */
static int release_domain(struct svc *svc, struct task_run *run, const struct vm *vm,
			  uint32_t domid, struct problem *p)
{
	const struct ts_domain_info running = {.domid = domid};
	struct ts_error err = {0}, ignored;
	int rc = disk_attach_all(svc, vm->id, domid, p);

	if (!rc && task_cancelled(svc, run))
		rc = cancelled(p);
	if (!rc && nics_attach(svc, vm->id, domid, p))
		rc = -ECANCELED;
	if (!rc &&
	    (vm_tuning_effect(svc, vm, domid, &err) || ts_domain_unpause(svc->ts, domid, &err)))
		rc = ts_problem(&err, p);
	if (!rc && settle(svc, run, VM_IN(VM_STARTING), &running, NULL, NULL))
		rc = db_problem(p, "vm_set_running");
	if (rc) {
		if (ts_domain_destroy(svc->ts, domid, &ignored))
			log_line("domain %u could not be destroyed: %s", domid, ignored.detail);
		nics_forget(svc, vm->id);
	}
	return rc;
}

int vm_task_start(struct svc *svc, struct task_run *run, struct problem *p)
{
	uint32_t domid = 0;
	struct vm vm;
	int rc;

	if (!svc_claim(svc, run->target))
		return cancelled(p);
	rc = vm_require(svc, run->target, &vm, p);
	if (!rc && !is_ours(&vm, run))
		rc = cancelled(p);
	if (!rc)
		rc = build(svc, run, &vm, &domid, p);
	if (!rc)
		rc = release_domain(svc, run, &vm, domid, p);
	svc_release(svc, run->target);
	return rc;
}

int vm_abandon_start(struct svc *svc, struct task_run *run, const struct problem *p)
{
	bool asked = !strcmp(p->code, "cancelled");

	return settle(svc, run, VM_IN(VM_STARTING), NULL, asked ? NULL : "start_failed",
		      asked ? NULL : p->detail);
}

static int destroy(struct svc *svc, struct task_run *run, struct problem *p)
{
	struct ts_domain_info info;
	struct ts_error err = {0};
	int rc = vm_find_domain(svc, run->target, &info, &err);

	if (!rc)
		rc = ts_domain_destroy(svc->ts, info.domid, &err);
	if (rc && err.code != TS_ENODOM)
		return ts_problem(&err, p);
	nics_forget(svc, run->target);
	return settle(svc, run, VM_IN(VM_STOPPING), NULL, NULL, NULL) ?
		       db_problem(p, "vm_set_state") :
		       0;
}

int vm_task_destroy(struct svc *svc, struct task_run *run, struct problem *p)
{
	struct vm vm;
	int rc;

	if (!svc_claim(svc, run->target))
		return cancelled(p);
	rc = vm_require(svc, run->target, &vm, p);
	if (!rc && is_ours(&vm, run))
		rc = destroy(svc, run, p);
	else if (!rc && task_cancelled(svc, run))
		rc = cancelled(p);
	svc_release(svc, run->target);
	return rc;
}

/* The task changed nothing for good: the state is whatever the domain is in. */
int vm_abandon_to_domain(struct svc *svc, struct task_run *run, const struct problem *p)
{
	struct ts_domain_info info;
	struct ts_error err = {0};
	bool found = !vm_find_domain(svc, run->target, &info, &err);
	int rc;

	(void)p;
	if (!found && err.code != TS_ENODOM)
		return -EIO;
	rc = settle(svc, run, VM_IN(VM_STOPPING), found ? &info : NULL, NULL, NULL);
	svc_kick(svc);
	return rc;
}

static enum vm_state state_now(struct svc *svc, const char *id)
{
	struct vm vm;

	return vm_load(svc, id, &vm) ? VM_STOPPED : vm.state;
}

static bool wait_for_change(struct svc *svc, struct task_run *run, unsigned int mask,
			    int64_t deadline)
{
	while (VM_IN(state_now(svc, run->target)) & mask) {
		bool over;

		pthread_mutex_lock(&svc->lock);
		over = run->cancel || svc->stopping || clock_mono_ms() >= deadline;
		if (!over) {
			int64_t next = clock_mono_ms() + 1000;

			svc_wait(svc, next < deadline ? next : deadline);
		}
		pthread_mutex_unlock(&svc->lock);
		if (over)
			return false;
	}
	return true;
}

/*
 * Wait while the machine is in one of the states @mask; the monitor, which sees the guest end, or
 * another task moves it on. Return: true when it left them, false on time-out or when cancelled.
 */
static bool wait_while(struct svc *svc, struct task_run *run, unsigned int mask, int64_t deadline)
{
	bool left;

	task_waits(svc, true);
	left = wait_for_change(svc, run, mask, deadline);
	task_waits(svc, false);
	return left;
}

static int overdue(struct svc *svc, struct task_run *run, long long timeout, struct problem *p)
{
	if (task_cancelled(svc, run))
		return cancelled(p);
	if (json_is_true(json_object_get(run->params, "force")))
		return vm_task_destroy(svc, run, p);
	return problem_set(p, 409, "guest_ignored",
			   "The guest did not obey within %lld seconds; it"
			   " goes on running.",
			   timeout);
}

static int ask_guest(struct svc *svc, struct task_run *run, enum ts_request request,
		     struct problem *p)
{
	const json_t *given = json_object_get(run->params, "timeout");
	json_int_t timeout = given ? json_integer_value(given) : SHUTDOWN_TIMEOUT_S;
	int64_t deadline = clock_mono_ms() + timeout * 1000;
	struct ts_domain_info info;
	struct ts_error err = {0};

	/* Taken up again by another start of the service, or the guest was faster. */
	if (state_now(svc, run->target) != VM_STOPPING)
		return 0;
	if (!vm_find_domain(svc, run->target, &info, &err) &&
	    ts_domain_shutdown_request(svc->ts, info.domid, request, &err) && err.code != TS_ENODOM)
		return ts_problem(&err, p);
	if (err.code == TS_ENODOM)
		svc_kick(svc);
	task_progress(svc, run, 10, "waiting for the guest");
	if (!wait_while(svc, run, VM_IN(VM_STOPPING), deadline))
		return overdue(svc, run, timeout, p);
	return 0;
}

int vm_task_shutdown(struct svc *svc, struct task_run *run, struct problem *p)
{
	int rc = ask_guest(svc, run, TS_REQUEST_POWEROFF, p);

	if (!rc && state_now(svc, run->target) == VM_CRASHED)
		rc = problem_set(p, 409, "guest_crashed", "The guest crashed as it shut down.");
	return rc;
}

int vm_task_reboot(struct svc *svc, struct task_run *run, struct problem *p)
{
	char start[UUID_TEXT_LEN];
	int rc = ask_guest(svc, run, TS_REQUEST_REBOOT, p);

	if (rc)
		return rc;
	if (task_cancelled(svc, run) || host_goes_down(svc))
		return cancelled(p);
	/* It was forced off, or switched itself off instead. */
	if (state_now(svc, run->target) == VM_STOPPED &&
	    vm_act(svc, run->target, vm_action_find("start"), NULL, "system", "-", start, p))
		return -ECANCELED;
	if (!wait_while(svc, run, VM_IN(VM_STARTING),
			clock_mono_ms() + SHUTDOWN_TIMEOUT_S * 1000) ||
	    state_now(svc, run->target) != VM_RUNNING)
		return problem_set(p, 409, "not_rebooted",
				   "The guest stopped, but did not come back.");
	return 0;
}

static int set_paused(struct svc *svc, struct task_run *run, bool pause, struct problem *p)
{
	struct ts_domain_info info;
	struct ts_error err = {0};
	int rc;

	if (!svc_claim(svc, run->target))
		return cancelled(p);
	rc = vm_find_domain(svc, run->target, &info, &err);
	if (!rc)
		rc = pause ? ts_domain_pause(svc->ts, info.domid, &err) :
			     ts_domain_unpause(svc->ts, info.domid, &err);
	if (rc)
		rc = ts_problem(&err, p);
	info.paused = pause;
	if (!rc && settle(svc, run, VM_IN(VM_RUNNING) | VM_IN(VM_PAUSED), &info, NULL, NULL))
		rc = db_problem(p, "vm_set_running");
	svc_release(svc, run->target);
	return rc;
}

int vm_task_pause(struct svc *svc, struct task_run *run, struct problem *p)
{
	return set_paused(svc, run, true, p);
}

int vm_task_resume(struct svc *svc, struct task_run *run, struct problem *p)
{
	return set_paused(svc, run, false, p);
}
