/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: slow work, recorded before it begins, so that a crash can't lose it. */
#ifndef MGMTD_SVC_TASK_H
#define MGMTD_SVC_TASK_H

#include "svc.h"

#define TASK_SELECT                                                               \
	"SELECT id, kind, status, progress AS \"progress:i\", stage,"             \
	" json_object('type', target_type, 'id', target) AS \"target:j\", actor," \
	" error AS \"error:j\", created_at, started_at, finished_at FROM task"

struct task_request {
	const char *kind;
	const char *target_type; /* "vm", "host", "volume" */
	const char *target;      /* id or NULL */
	const char *actor;
	const char *request_id;
	json_t *params; /* borrowed, or NULL */
};

/** A task that has not ended. */
struct task_run {
	struct task_run *next; /* [s] */
	char id[UUID_TEXT_LEN];
	char target[UUID_TEXT_LEN];
	const struct task_kind *kind;
	json_t *params;    /* [owned] an object */
	bool running;      /* [s] a worker has it */
	bool cancel;       /* [s] someone wants it to end */
	uint64_t reserved; /* [s] bytes of memory it will take and has not begun to */
	int64_t shown_ms;  /* when progress was last recorded */
};

struct task_kind {
	const char *name;
	/** Do it. Return: 0, or <0 with @p saying why not. */
	int (*run)(struct svc *svc, struct task_run *run, struct problem *p);
	/**
	 * It was cancelled, or failed: leave the target in a sound state, unless another task has
	 * taken it over. Return: 0, or <0 when that can't be done now: it is called again.
	 */
	int (*abandon)(struct svc *svc, struct task_run *run, const struct problem *p);
	bool cancellable;
	bool slow; /* works for minutes: only some at once, so that others get on */
};

/** All kinds, ending with a NULL name (task_kinds.c). */
extern const struct task_kind task_kinds[];

/** Record a task; within a transaction. @id names it. */
must_check int task_insert(struct svc *svc, const struct task_request *request,
			   char id[UUID_TEXT_LEN]);
/** Let a recorded task be worked on. */
void task_enqueue(struct svc *svc, const char *id);
/** Begin work on what was enqueued before there could be workers. */
void task_resume(struct svc *svc);
/** Ask it to end; its target is no longer its own. */
void task_supersede(struct svc *svc, const char *id);
/** Cancel on behalf of a client. */
must_check int task_cancel(struct svc *svc, const char *id, struct problem *p);
/** Record the end of a task: @p is NULL for success. */
must_check int task_finish(struct svc *svc, const char *id, const char *status,
			   const struct problem *p);

/** The resource as the API shows it, or NULL. */
json_t *task_json(struct svc *svc, const char *id);
/** Has it ended? */
bool task_is_over(const json_t *task);

/** Report how far it is; cheap enough to be called often. */
void task_progress(struct svc *svc, struct task_run *run, unsigned int percent, const char *stage);
/** Is it to end early? */
bool task_cancelled(struct svc *svc, struct task_run *run);
/** The worker only waits for what others do, from now on or (!@waits) no more: it makes room for one. */
void task_waits(struct svc *svc, bool waits);
/** Memory promised to starts that have not begun to take it, bytes. */
uint64_t task_reserved_memory(struct svc *svc);
/** No new workers; wait for those there are. */
void task_stop(struct svc *svc);

#endif
