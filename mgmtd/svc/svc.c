/* SPDX-License-Identifier: Apache-2.0 */
#include "svc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "../util/log.h"
#include "autostart.h"
#include "image.h"
#include "monitor.h"
#include "nic.h"
#include "reconcile.h"
#include "task.h"
#include "ticket.h"
#include "volume.h"

static void read_boot_id(struct svc *svc)
{
	auto_file FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f || fscanf(f, "%36s", svc->boot_id) != 1)
		snprintf(svc->boot_id, sizeof(svc->boot_id), "unknown");
}

static void locks_init(struct svc *svc)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&svc->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&svc->changed, &attr);
	pthread_condattr_destroy(&attr);
}

int svc_open(const struct svc_config *config, struct svc *svc)
{
	struct ts_error err = {0};
	char path[512];
	int rc;

	memset(svc, 0, sizeof(*svc));
	svc->config = *config;
	svc->tickets_fd = -1;
	locks_init(svc);
	read_boot_id(svc);
	svc->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	snprintf(path, sizeof(path), "%s/domus.db", config->data);
	rc = db_open(path, &svc->db);
	if (rc)
		goto out_close;
	rc = images_prepare(svc);
	if (!rc)
		rc = volumes_prepare(svc);
	if (rc)
		goto out_close;
	rc = toolstack_open(&svc->ts, &err);
	if (rc) {
		log_line("the toolstack can't be opened: %s", err.detail);
		goto out_close;
	}
	/* Workers must not begin before everything is settled. */
	svc->workers = UINT32_MAX;
	rc = reconcile(svc);
	svc->workers = 0;
	if (!rc)
		nics_settle(svc);
	if (rc)
		goto out_close;
	return 0;
out_close:
	svc_close(svc);
	return rc;
}

static void *hasher_main(void *arg)
{
	images_hash(arg);
	return NULL;
}

int svc_start(struct svc *svc)
{
	int rc = ticket_server_start(svc);

	db_guard(svc->db);
	if (rc)
		return rc;
	rc = monitor_start(svc);
	if (rc)
		return rc;
	svc_kick(svc);
	task_resume(svc);
	rc = autostart_begin(svc);
	if (rc)
		return rc;
	svc->hasher_runs = !pthread_create(&svc->hasher, NULL, hasher_main, svc);
	return 0;
}

void svc_stop(struct svc *svc)
{
	task_stop(svc);
	monitor_stop(svc);
	ticket_server_stop(svc);
	if (svc->hasher_runs)
		pthread_join(svc->hasher, NULL);
	svc->hasher_runs = false;
}

void svc_close(struct svc *svc)
{
	svc_stop(svc);
	toolstack_close(svc->ts);
	db_close(svc->db);
	if (svc->kick_fd >= 0)
		close(svc->kick_fd);
	pthread_cond_destroy(&svc->changed);
	pthread_mutex_destroy(&svc->lock);
}

void svc_notify(struct svc *svc)
{
	pthread_mutex_lock(&svc->lock);
	pthread_cond_broadcast(&svc->changed);
	pthread_mutex_unlock(&svc->lock);
	if (svc->http)
		http_wake(svc->http);
}

int svc_commit(struct svc *svc)
{
	int rc = db_commit(svc->db);

	svc_notify(svc);
	return rc;
}

void svc_fail(struct http_request *req)
{
	auto_problem struct problem p = {0};

	if (db_error() == -ENOSPC)
		db_problem(&p, req->op->id);
	else
		problem_set(&p, 503, "unavailable", "The database does not answer.");
	http_reply_problem(req, &p);
}

void svc_kick(struct svc *svc)
{
	const uint64_t one = 1;
	ssize_t n = write(svc->kick_fd, &one, sizeof(one));

	(void)n; /* a full counter is a kick, too */
}

bool svc_stopping(const struct svc *svc)
{
	return __atomic_load_n(&svc->stopping, __ATOMIC_ACQUIRE);
}

void svc_wait(struct svc *svc, int64_t until)
{
	const struct timespec ts = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};

	pthread_cond_timedwait(&svc->changed, &svc->lock, &ts);
}

/* Context: [s] held. Return: the slot of @vm's claim, or a free one, or NULL. */
static char *claim_slot(struct svc *svc, const char *vm, bool taken)
{
	for (size_t i = 0; i < ARRAY_SIZE(svc->claims); i++)
		if (!strcmp(svc->claims[i], taken ? vm : ""))
			return svc->claims[i];
	return NULL;
}

/* Context: [s] held. */
static bool claim(struct svc *svc, const char *vm)
{
	char *slot = claim_slot(svc, vm, true) ? NULL : claim_slot(svc, vm, false);

	if (slot)
		memcpy(slot, vm, UUID_TEXT_LEN);
	return slot;
}

bool svc_try_claim(struct svc *svc, const char *vm)
{
	bool ok;

	pthread_mutex_lock(&svc->lock);
	ok = claim(svc, vm);
	pthread_mutex_unlock(&svc->lock);
	return ok;
}

bool svc_claim(struct svc *svc, const char *vm)
{
	bool ok;

	pthread_mutex_lock(&svc->lock);
	while (!(ok = claim(svc, vm)) && !svc->stopping)
		pthread_cond_wait(&svc->changed, &svc->lock);
	pthread_mutex_unlock(&svc->lock);
	return ok;
}

void svc_unclaim(struct svc *svc, const char *vm)
{
	char *slot;

	pthread_mutex_lock(&svc->lock);
	slot = claim_slot(svc, vm, true);
	if (slot)
		slot[0] = '\0';
	pthread_cond_broadcast(&svc->changed);
	pthread_mutex_unlock(&svc->lock);
}

void svc_release(struct svc *svc, const char *vm)
{
	svc_unclaim(svc, vm);
	svc_kick(svc);
}
