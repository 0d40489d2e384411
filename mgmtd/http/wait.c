/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include <time.h>

#define DEFER_STACK (1u << 20)

/* Let a waiting request go on. Context: [w] held, @at points to it in the list. */
static void release(struct http_request **at)
{
	struct http_request *req = *at;

	*at = req->wait_next;
	req->waiting = false;
	MHD_resume_connection(req->connection);
}

/* Context: [w] held. Return: the earliest deadline of those still waiting, -1 when there is none. */
static int64_t release_due(struct http_server *server, bool everyone)
{
	int64_t now = clock_mono_ms(), next = -1;
	struct http_request **at = &server->waiters;

	while (*at) {
		bool due = (*at)->wait_until <= now || server->stopping ||
			   (everyone && !(*at)->held);

		if (due) {
			release(at);
			continue;
		}
		if (next < 0 || (*at)->wait_until < next)
			next = (*at)->wait_until;
		at = &(*at)->wait_next;
	}
	return next;
}

static void *waker_main(void *arg)
{
	struct http_server *server = arg;

	pthread_mutex_lock(&server->lock);
	while (!server->stopping) {
		int64_t next = release_due(server, false);
		struct timespec ts = {.tv_sec = next / 1000, .tv_nsec = next % 1000 * 1000000};

		if (next < 0)
			pthread_cond_wait(&server->changed, &server->lock);
		else
			pthread_cond_timedwait(&server->changed, &server->lock, &ts);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

int wait_start(struct http_server *server)
{
	pthread_condattr_t attr;
	int rc;

	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&server->changed, &attr);
	pthread_condattr_destroy(&attr);
	rc = pthread_create(&server->waker, NULL, waker_main, server);
	server->waker_runs = !rc;
	return -rc;
}

void wait_stop(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	__atomic_store_n(&server->stopping, true, __ATOMIC_RELEASE);
	__atomic_add_fetch(&server->generation, 1, __ATOMIC_RELEASE);
	release_due(server, true);
	pthread_cond_broadcast(&server->changed);
	while (server->threads)
		pthread_cond_wait(&server->changed, &server->lock);
	pthread_mutex_unlock(&server->lock);
	if (server->waker_runs)
		pthread_join(server->waker, NULL);
	server->waker_runs = false;
}

uint64_t http_generation(const struct http_server *server)
{
	return __atomic_load_n(&server->generation, __ATOMIC_ACQUIRE);
}

bool http_stopping(const struct http_server *server)
{
	return __atomic_load_n(&server->stopping, __ATOMIC_ACQUIRE);
}

/* Context: [w] held. */
static void enqueue(struct http_request *req, int64_t until)
{
	struct http_server *server = req->server;

	req->wait_until = until;
	req->wait_next = server->waiters;
	server->waiters = req;
	req->waiting = true;
	pthread_cond_broadcast(&server->changed);
}

bool http_wait(struct http_request *req, uint64_t generation, int64_t until)
{
	struct http_server *server = req->server;
	bool ok;

	pthread_mutex_lock(&server->lock);
	ok = !server->stopping && server->generation == generation && until > clock_mono_ms();
	if (ok) {
		req->suspended = true;
		req->resumed = true;
		MHD_suspend_connection(req->connection);
		enqueue(req, until);
	}
	pthread_mutex_unlock(&server->lock);
	return ok;
}

void http_wake(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	__atomic_add_fetch(&server->generation, 1, __ATOMIC_RELEASE);
	release_due(server, true);
	pthread_mutex_unlock(&server->lock);
}

/*
 * As one of @count, of which there may be @max, unless it is one of another kind already; with so many
 * @threads. Return: may it? If not, it is answered.
 */
static bool admit(struct http_request *req, unsigned int *count, unsigned int max,
		  unsigned int threads)
{
	struct http_server *server = req->server;
	bool ok;

	pthread_mutex_lock(&server->lock);
	ok = !server->stopping && (req->admitted || *count < max);
	if (ok && !req->admitted) {
		req->admitted = count;
		++*count;
	}
	if (ok)
		server->threads += threads;
	pthread_mutex_unlock(&server->lock);
	if (ok)
		return true;
	http_fail(req, 503, "busy", "Too much is going on; try again in a moment.");
	http_set_header(req, "Retry-After", "1");
	return false;
}

bool wait_admit_stream(struct http_request *req)
{
	return admit(req, &req->server->streams, HTTP_STREAMS_MAX, 0);
}

/* Context: [w] held. */
static void leave(struct http_request *req)
{
	if (req->admitted)
		--*req->admitted;
	req->admitted = NULL;
}

void wait_leave(struct http_request *req)
{
	pthread_mutex_lock(&req->server->lock);
	leave(req);
	pthread_mutex_unlock(&req->server->lock);
}

static void *deferred_main(void *arg)
{
	struct http_request *req = arg;
	struct http_server *server = req->server;

	req->work(req);
	pthread_mutex_lock(&server->lock);
	if (req->admitted == &server->slow)
		leave(req);
	if (req->wait_until > clock_mono_ms() && !server->stopping) {
		req->held = true;
		enqueue(req, req->wait_until);
	} else {
		MHD_resume_connection(req->connection);
	}
	server->threads--;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

bool wait_defer(struct http_request *req, http_handler work)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (!admit(req, &req->server->slow, HTTP_SLOW_MAX, 1))
		return false;
	req->work = work;
	req->suspended = true;
	MHD_suspend_connection(req->connection);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, DEFER_STACK);
	rc = pthread_create(&thread, &attr, deferred_main, req);
	pthread_attr_destroy(&attr);
	if (rc)
		deferred_main(req); /* slow, but it gets done */
	return true;
}
