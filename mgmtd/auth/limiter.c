/* SPDX-License-Identifier: Apache-2.0 */
#include "limiter.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../util/cleanup.h"

#define SLOTS              256
#define FORGET_MS          900000
#define ADDRESS_FREE_TRIES 20 /* one address may stand for many people */

struct slot {
	char key[136];
	unsigned int failures;
	int64_t last; /* monotonic ms of the last failure */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[SLOTS]; /* [lock] */

/* The slot of @key, or the one that was idle longest when @make. */
static struct slot *find(const char *key, bool make)
{
	struct slot *oldest = &slots[0];

	for (int i = 0; i < SLOTS; i++) {
		if (!strcmp(slots[i].key, key))
			return &slots[i];
		if (!slots[i].failures || (oldest->failures && slots[i].last < oldest->last))
			oldest = &slots[i];
	}
	if (!make)
		return NULL;
	snprintf(oldest->key, sizeof(oldest->key), "%s", key);
	oldest->failures = 0;
	return oldest;
}

static int64_t slot_wait(const char *key, unsigned int free_tries, int64_t now)
{
	const struct slot *s = find(key, false);
	int64_t wait = 1000;

	if (!s || s->failures < free_tries || now - s->last > FORGET_MS)
		return 0;
	for (unsigned int i = free_tries; i < s->failures && wait < LIMITER_MAX_WAIT_MS; i++)
		wait *= 2;
	wait = wait > LIMITER_MAX_WAIT_MS ? LIMITER_MAX_WAIT_MS : wait;
	return s->last + wait > now ? s->last + wait - now : 0;
}

static void slot_fail(const char *key, int64_t now)
{
	struct slot *s = find(key, true);

	if (now - s->last > FORGET_MS)
		s->failures = 0;
	s->failures++;
	s->last = now;
}

static void make_key(char out[136], const char *user, const char *address)
{
	snprintf(out, 136, "%.63s@%.63s", user, address);
}

int64_t limiter_wait(const char *user, const char *address, int64_t now)
{
	int64_t mine, whole;
	char key[136];

	make_key(key, user, address);
	pthread_mutex_lock(&lock);
	mine = slot_wait(key, LIMITER_FREE_TRIES, now);
	whole = slot_wait(address, ADDRESS_FREE_TRIES, now);
	pthread_mutex_unlock(&lock);
	return mine > whole ? mine : whole;
}

void limiter_failed(const char *user, const char *address, int64_t now)
{
	char key[136];

	make_key(key, user, address);
	pthread_mutex_lock(&lock);
	slot_fail(key, now);
	slot_fail(address, now);
	pthread_mutex_unlock(&lock);
}

void limiter_passed(const char *user, const char *address)
{
	struct slot *s;
	char key[136];

	make_key(key, user, address);
	pthread_mutex_lock(&lock);
	s = find(key, false);
	if (s)
		memset(s, 0, sizeof(*s));
	pthread_mutex_unlock(&lock);
}

void limiter_reset(void)
{
	pthread_mutex_lock(&lock);
	memset(slots, 0, sizeof(slots));
	pthread_mutex_unlock(&lock);
}
