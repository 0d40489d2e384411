/* SPDX-License-Identifier: Apache-2.0 */
#include "limiter.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../util/cleanup.h"

#define SLOTS              256
#define FORGET_MS          900000
#define ADDRESS_FREE_TRIES 20 /* one address may stand for many people */
#define NETWORK_LEN        64
#define KEY_LEN            136

struct slot {
	char key[KEY_LEN];
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

/* What stands for @address: itself, or the network it is of. */
static void network_of(const char *address, char out[NETWORK_LEN])
{
	struct in6_addr in;

	snprintf(out, NETWORK_LEN, "%s", address);
	if (inet_pton(AF_INET6, address, &in) != 1 || IN6_IS_ADDR_V4MAPPED(&in))
		return;
	memset(&in.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &in, out, NETWORK_LEN);
}

static void make_key(char out[KEY_LEN], const char *user, const char *network)
{
	snprintf(out, KEY_LEN, "%.63s@%s", user, network);
}

int64_t limiter_try(const char *user, const char *address, int64_t now)
{
	char network[NETWORK_LEN], key[KEY_LEN];
	int64_t mine, whole;

	network_of(address, network);
	make_key(key, user, network);
	pthread_mutex_lock(&lock);
	mine = slot_wait(key, LIMITER_FREE_TRIES, now);
	whole = slot_wait(network, ADDRESS_FREE_TRIES, now);
	if (!mine && !whole) {
		slot_fail(key, now);
		slot_fail(network, now);
	}
	pthread_mutex_unlock(&lock);
	return mine > whole ? mine : whole;
}

void limiter_passed(const char *user, const char *address)
{
	char network[NETWORK_LEN], key[KEY_LEN];
	struct slot *s;

	network_of(address, network);
	make_key(key, user, network);
	pthread_mutex_lock(&lock);
	s = find(key, false);
	if (s)
		memset(s, 0, sizeof(*s));
	s = find(network, false);
	if (s && s->failures)
		s->failures--;
	pthread_mutex_unlock(&lock);
}

void limiter_reset(void)
{
	pthread_mutex_lock(&lock);
	memset(slots, 0, sizeof(slots));
	pthread_mutex_unlock(&lock);
}
