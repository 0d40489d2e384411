/* SPDX-License-Identifier: Apache-2.0 */
/* What the services share: their stores, their neighbours, and their locks. */
#ifndef MGMTD_SVC_H
#define MGMTD_SVC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../http/http.h"
#include "../store/db.h"
#include "../toolstack/toolstack.h"
#include "../util/clock.h"
#include "../util/crypt.h"
#include "../util/problem.h"

struct task_run;
struct ticket;

struct svc_config {
	const char *data; /* directories */
	const char *run;
	const char *webui;            /* or NULL */
	const char *images;           /* built-in images, or NULL */
	const char *power_command;    /* run with "poweroff" or "reboot" */
	const char *disk_reader;      /* reads disk images */
	const char *disk_server;      /* serves disks of formats that the kernel does not know */
	const char *shutdown_timeout; /* seconds that guests have by default, or NULL: none */
	const char *
		networks; /* folder for DHCP services, or NULL: the host's networks are left alone */
	const char *tickets_group; /* may open tickets.sock, or NULL */
};

/* Lock order: db, then [s]. */
struct svc {
	struct svc_config config;
	struct db *db;
	struct toolstack *ts;
	struct http_server *http;    /* NULL until it is up */
	char boot_id[UUID_TEXT_LEN]; /* of the machine's present boot */
	int kick_fd;                 /* eventfd: the monitor is to look again */

	pthread_mutex_t lock;   /* [s] */
	pthread_cond_t changed; /* [s] monotonic clock: a state, a task or a claim changed */
	struct task_run *runs;  /* [s] open tasks, oldest first */
	unsigned int workers;   /* [s] threads */
	unsigned int waiting;   /* [s] of those, the ones that only wait for others */
	unsigned int builders;  /* [s] domains being built */
	bool stopping;          /* [s] written; read without it only by svc_stopping() */
	char claims[64][UUID_TEXT_LEN]; /* [s] machines and volumes that someone handles */
	struct idempotency_key *keys;   /* [s] */
	struct ticket *tickets;         /* [s] */
	unsigned int tickets_count;     /* [s] */

	pthread_t monitor, ticket_server, hasher;
	bool monitor_runs, ticket_server_runs, hasher_runs;
	int tickets_fd;
};

/** Open database and toolstack and reconcile the two. Return: 0 or -errno. */
must_check int svc_open(const struct svc_config *config, struct svc *svc);
/** Start what runs in the background. */
must_check int svc_start(struct svc *svc);
/** Stop what runs in the background; work under way is left to the next start. */
void svc_stop(struct svc *svc);
/** Stop if need be, and close. */
void svc_close(struct svc *svc);

/** Commit and tell everybody who waits for changes. Return: 0 or -EIO. */
must_check int svc_commit(struct svc *svc);
/** The database has failed this request: answer 507 when that was for want of room, else 503. */
void svc_fail(struct http_request *req);
/** Wake whoever waits for [changed]. */
void svc_notify(struct svc *svc);
/** Make the monitor look at the domains. */
void svc_kick(struct svc *svc);
/** Is it being stopped? Context: any. */
bool svc_stopping(const struct svc *svc);
/** Wait on [changed] until @until (monotonic ms). Context: [s] held. */
void svc_wait(struct svc *svc, int64_t until);

/**
 * One at a time may create or destroy the domain of @vm, or change the file of a volume, which has the
 * same kind of name. Waits for its turn.
 * Return: false when the service stops.
 */
must_check bool svc_claim(struct svc *svc, const char *vm);
/** The same without waiting. */
must_check bool svc_try_claim(struct svc *svc, const char *vm);
/** Give the claim up; the monitor looks at what it had to leave alone meanwhile. */
void svc_release(struct svc *svc, const char *vm);
/** The same for the monitor itself. */
void svc_unclaim(struct svc *svc, const char *vm);

#endif
