/* SPDX-License-Identifier: Apache-2.0 */
#include "task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../util/log.h"
#include "event.h"
#include "vm.h"
#include "volume.h"

#define WORKERS_MAX  16u
#define SLOW_MAX     4u /* of the workers */
#define WORKER_STACK (1u << 20)
#define PROGRESS_MS  300 /* between two records of progress */
#define AGAIN_MS     500 /* until the end of a task is tried to be recorded again, the first time */
#define AGAIN_MAX_MS 30000
#define KEEP_DAYS    30

/* The machine that a task is about, or NULL. */
static const char *vm_of(const json_t *task)
{
	const json_t *target = json_object_get(task, "target");
	const char *type = json_string_value(json_object_get(target, "type"));

	return type && !strcmp(type, "vm") ? json_string_value(json_object_get(target, "id")) :
					     NULL;
}

int task_insert(struct svc *svc, const struct task_request *r, char id[UUID_TEXT_LEN])
{
	auto_free char *params = r->params ? json_dumps(r->params, JSON_COMPACT) : strdup("{}");
	auto_json json_t *json = NULL;
	char now[CLOCK_TEXT_LEN], old[CLOCK_TEXT_LEN];

	if (!params)
		return -ENOMEM;
	crypt_uuid(id);
	clock_now(now);
	clock_format(clock_wall_ms() - KEEP_DAYS * 86400000ll, old);
	if (db_run(svc->db, "DELETE FROM task WHERE created_at < ? AND finished_at IS NOT NULL",
		   "s", old) ||
	    db_run(svc->db,
		   "INSERT INTO task (id, kind, status, target_type, target, actor, params,"
		   " request_id, created_at) VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?)",
		   "ssssssss", id, r->kind, r->target_type, r->target, r->actor, params,
		   r->request_id, now))
		return -EIO;
	json = task_json(svc, id);
	return json ? event_add(svc, "task.created", vm_of(json), json) : -EIO;
}

json_t *task_json(struct svc *svc, const char *id)
{
	auto_query struct db_query *q = db_query(svc->db, TASK_SELECT " WHERE id = ?", "s", id);

	return q && db_next(q) == 1 ? db_row_json(q) : NULL;
}

bool task_is_over(const json_t *task)
{
	return !json_is_null(json_object_get(task, "finished_at"));
}

static int touch(struct svc *svc, const char *id)
{
	auto_json json_t *json = task_json(svc, id);

	if (!json ||
	    db_run(svc->db, "UPDATE task SET revision = revision + 1 WHERE id = ?", "s", id))
		return -EIO;
	return event_add(svc, "task.updated", vm_of(json), json);
}

static char *error_text(const struct problem *p)
{
	json_t *error;
	char *text;

	if (!p)
		return NULL;
	error = json_pack("{ss ss}", "code", p->code, "detail", p->detail);
	if (p->extra)
		json_object_update_missing(error, p->extra);
	text = json_dumps(error, JSON_COMPACT);
	json_decref(error);
	return text;
}

int task_finish(struct svc *svc, const char *id, const char *status, const struct problem *p)
{
	auto_free char *error = error_text(p);
	char now[CLOCK_TEXT_LEN], vm[UUID_TEXT_LEN] = "";
	struct db_query *q;

	clock_now(now);
	if (db_begin(svc->db))
		return -EIO;
	q = db_query(svc->db, "SELECT id FROM vm WHERE task_id = ?", "s", id);
	if (q && db_next(q) == 1)
		snprintf(vm, sizeof(vm), "%s", db_text(q, 0));
	db_end(q);
	if (db_run(svc->db,
		   "UPDATE task SET status = ?, finished_at = ?, error = ?,"
		   " progress = CASE WHEN ?1 = 'succeeded' THEN 100 ELSE progress END,"
		   " stage = CASE WHEN ?1 = 'succeeded' THEN 'done' ELSE stage END"
		   " WHERE id = ? AND finished_at IS NULL",
		   "ssss", status, now, error, id) ||
	    touch(svc, id) || volume_made(svc, id, p) ||
	    (vm[0] && (db_run(svc->db, "UPDATE vm SET task_id = NULL WHERE id = ?", "s", vm) ||
		       vm_touch(svc, vm, "vm.updated")))) {
		db_rollback(svc->db);
		return -EIO;
	}
	return svc_commit(svc);
}

static const struct task_kind *kind_find(const char *name)
{
	const struct task_kind *kind = task_kinds;

	while (kind->name && strcmp(kind->name, name))
		kind++;
	return kind->name ? kind : NULL;
}

static struct task_run *run_find(struct svc *svc, const char *id)
{
	struct task_run *run = svc->runs;

	while (run && strcmp(run->id, id))
		run = run->next;
	return run;
}

bool task_cancelled(struct svc *svc, struct task_run *run)
{
	bool yes;

	pthread_mutex_lock(&svc->lock);
	yes = run->cancel || svc->stopping;
	pthread_mutex_unlock(&svc->lock);
	return yes;
}

void task_progress(struct svc *svc, struct task_run *run, unsigned int percent, const char *stage)
{
	int64_t now = clock_mono_ms();

	if (now - run->shown_ms < PROGRESS_MS)
		return;
	run->shown_ms = now;
	if (db_begin(svc->db))
		return;
	if (db_run(svc->db, "UPDATE task SET progress = ?, stage = ? WHERE id = ?", "iss",
		   (int64_t)percent, stage, run->id) ||
	    touch(svc, run->id)) {
		db_rollback(svc->db);
		return;
	}
	if (svc_commit(svc))
		log_line("task %s: its progress could not be recorded", run->id);
}

static int mark_running(struct svc *svc, struct task_run *run)
{
	char now[CLOCK_TEXT_LEN];

	clock_now(now);
	if (db_begin(svc->db))
		return -EIO;
	if (db_run(svc->db,
		   "UPDATE task SET status = 'running',"
		   " started_at = coalesce(started_at, ?) WHERE id = ?",
		   "ss", now, run->id) ||
	    touch(svc, run->id)) {
		db_rollback(svc->db);
		return -EIO;
	}
	return svc_commit(svc);
}

/* Wait. Return: false when the service stops. */
static bool pause_for(struct svc *svc, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;
	bool ok;

	pthread_mutex_lock(&svc->lock);
	while (!svc->stopping && clock_mono_ms() < until)
		svc_wait(svc, until);
	ok = !svc->stopping;
	pthread_mutex_unlock(&svc->lock);
	return ok;
}

/* A task ends: what can't be recorded now, for the data disk is full, can be when somebody made room. */
static void finish(struct svc *svc, struct task_run *run, const char *status,
		   const struct problem *p)
{
	int64_t ms = AGAIN_MS;

	while ((p && run->kind->abandon(svc, run, p)) || task_finish(svc, run->id, status, p)) {
		log_line("task %s: its end can't be recorded yet", run->id);
		if (!pause_for(svc, ms))
			return; /* the next start takes it up again */
		ms = ms * 2 < AGAIN_MAX_MS ? ms * 2 : AGAIN_MAX_MS;
	}
}

/* Do one task from beginning to end. Context: a worker, no locks. */
static void perform(struct svc *svc, struct task_run *run)
{
	struct problem p = {.status = 409, .code = "cancelled", .detail = "It was cancelled."};
	bool cancelled = task_cancelled(svc, run), stopping;
	const char *status = "succeeded";
	int rc = -ECANCELED;

	if (!cancelled && mark_running(svc, run))
		db_problem(&p, "task could not be marked as running");
	else if (!cancelled)
		rc = run->kind->run(svc, run, &p);
	pthread_mutex_lock(&svc->lock);
	cancelled = run->cancel;
	stopping = svc->stopping;
	pthread_mutex_unlock(&svc->lock);
	/* Left as it is, to be taken up by the next start. */
	if (rc && stopping && !cancelled)
		goto out;
	if (rc) {
		status = cancelled ? "cancelled" : "failed";
		log_line("task %s (%s) %s: %s", run->id, run->kind->name, status, p.detail);
	}
	finish(svc, run, status, rc ? &p : NULL);
out:
	problem_fini(&p);
}

/* The oldest that can be begun. Context: [s] held. */
static struct task_run *next_queued(struct svc *svc)
{
	unsigned int slow = 0;

	for (const struct task_run *run = svc->runs; run; run = run->next)
		slow += run->running && run->kind->slow;
	for (struct task_run *run = svc->runs; run; run = run->next)
		if (!run->running && (!run->kind->slow || run->cancel || slow < SLOW_MAX))
			return run;
	return NULL;
}

static struct task_run *take(struct svc *svc)
{
	struct task_run *run = next_queued(svc);

	if (run)
		run->running = true;
	return run;
}

static void drop(struct svc *svc, struct task_run *run)
{
	struct task_run **at = &svc->runs;

	while (*at != run)
		at = &(*at)->next;
	*at = run->next;
	json_decref(run->params);
	free(run);
}

static void *worker_main(void *arg)
{
	struct svc *svc = arg;
	struct task_run *run;

	pthread_mutex_lock(&svc->lock);
	while (!svc->stopping && (run = take(svc))) {
		pthread_mutex_unlock(&svc->lock);
		perform(svc, run);
		pthread_mutex_lock(&svc->lock);
		drop(svc, run);
		pthread_cond_broadcast(&svc->changed);
	}
	svc->workers--;
	pthread_cond_broadcast(&svc->changed);
	pthread_mutex_unlock(&svc->lock);
	return NULL;
}

/* One more worker, if there may be. Context: [s] held. */
static void hire(struct svc *svc)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (svc->workers - svc->waiting >= WORKERS_MAX || svc->stopping)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	if (!pthread_create(&thread, &attr, worker_main, svc))
		svc->workers++;
	pthread_attr_destroy(&attr);
}

void task_waits(struct svc *svc, bool waits)
{
	pthread_mutex_lock(&svc->lock);
	if (waits)
		svc->waiting++;
	else
		svc->waiting--;
	if (next_queued(svc))
		hire(svc);
	pthread_mutex_unlock(&svc->lock);
}

static struct task_run *run_load(struct svc *svc, const char *id)
{
	auto_query struct db_query *q =
		db_query(svc->db,
			 "SELECT t.kind, t.target, t.params, v.memory_max FROM task t"
			 " LEFT JOIN vm v ON v.id = t.target WHERE t.id = ?",
			 "s", id);
	struct task_run *run = calloc(1, sizeof(*run));

	if (!run || !q || db_next(q) != 1 || !(run->kind = kind_find(db_text(q, 0)))) {
		free(run);
		return NULL;
	}
	snprintf(run->id, sizeof(run->id), "%s", id);
	snprintf(run->target, sizeof(run->target), "%s", db_text(q, 1));
	run->params = json_loads(db_text(q, 2), 0, NULL);
	if (!strcmp(run->kind->name, "vm.start"))
		run->reserved = (uint64_t)db_int(q, 3);
	return run;
}

void task_enqueue(struct svc *svc, const char *id)
{
	struct task_run *run = run_load(svc, id), **at = &svc->runs;

	if (!run) {
		log_line("task %s can't be taken up", id);
		return;
	}
	pthread_mutex_lock(&svc->lock);
	while (*at)
		at = &(*at)->next;
	*at = run;
	hire(svc);
	pthread_mutex_unlock(&svc->lock);
}

void task_supersede(struct svc *svc, const char *id)
{
	struct task_run *run;

	pthread_mutex_lock(&svc->lock);
	run = run_find(svc, id);
	if (run)
		run->cancel = true;
	pthread_cond_broadcast(&svc->changed);
	pthread_mutex_unlock(&svc->lock);
}

int task_cancel(struct svc *svc, const char *id, struct problem *p)
{
	struct task_run *run;
	bool ok;

	pthread_mutex_lock(&svc->lock);
	run = run_find(svc, id);
	ok = run && (run->kind->cancellable || !run->running);
	if (ok) {
		run->cancel = true;
		hire(svc); /* for one that is still queued */
	}
	pthread_cond_broadcast(&svc->changed);
	pthread_mutex_unlock(&svc->lock);
	if (ok)
		return 0;
	return problem_set(p, 409, "not_cancellable",
			   run ? "This task can't be cancelled any more." : "This task has ended.");
}

uint64_t task_reserved_memory(struct svc *svc)
{
	uint64_t sum = 0;

	pthread_mutex_lock(&svc->lock);
	for (struct task_run *run = svc->runs; run; run = run->next)
		sum += run->reserved;
	pthread_mutex_unlock(&svc->lock);
	return sum;
}

void task_stop(struct svc *svc)
{
	pthread_mutex_lock(&svc->lock);
	__atomic_store_n(&svc->stopping, true, __ATOMIC_RELEASE);
	pthread_cond_broadcast(&svc->changed);
	while (svc->workers)
		pthread_cond_wait(&svc->changed, &svc->lock);
	while (svc->runs)
		drop(svc, svc->runs);
	pthread_mutex_unlock(&svc->lock);
}

void task_resume(struct svc *svc)
{
	pthread_mutex_lock(&svc->lock);
	for (struct task_run *run = svc->runs; run; run = run->next)
		hire(svc);
	pthread_mutex_unlock(&svc->lock);
}
