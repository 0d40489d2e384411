/* SPDX-License-Identifier: Apache-2.0 */
#include "ticket.h"

#include <errno.h>
#include <string.h>
#include <stdio.h>

#include "../auth/sessions.h"

#define TICKETS_MAX 256u

/* How a credential is named to console-proxy: what kind it is, ':', and what it is called here. */
static const char *const kinds[] = {
	[IDENTITY_NONE] = "none",
	[IDENTITY_SESSION] = "session",
	[IDENTITY_TOKEN] = "token",
};

struct ticket {
	struct ticket *next;
	char hash[SHA256_HEX_LEN];
	char vm[UUID_TEXT_LEN];
	char user[64];
	char credential[80];
	bool read_only;
	int64_t expires;         /* monotonic ms */
	int64_t session_expires; /* wall ms */
};

/* Context: [s] held. */
static void drop(struct svc *svc, bool all)
{
	struct ticket **at = &svc->tickets;
	int64_t now = clock_mono_ms();

	while (*at) {
		struct ticket *t = *at;

		if (t->expires > now && !all) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		svc->tickets_count--;
		free(t);
	}
}

int ticket_issue(struct svc *svc, const struct identity *who, const char *vm, bool read_only,
		 char out[SECRET_TEXT_LEN])
{
	struct ticket *t = calloc(1, sizeof(*t));
	int rc = -EBUSY;

	if (!t)
		return -EBUSY;
	crypt_secret(out);
	crypt_sha256_text(out, t->hash);
	snprintf(t->vm, sizeof(t->vm), "%s", vm);
	snprintf(t->user, sizeof(t->user), "%s", who->user);
	snprintf(t->credential, sizeof(t->credential), "%s:%s", kinds[who->kind], who->credential);
	t->read_only = read_only;
	t->expires = clock_mono_ms() + TICKET_LIFE_S * 1000;
	t->session_expires = who->expires_ms;
	pthread_mutex_lock(&svc->lock);
	drop(svc, false);
	if (svc->tickets_count < TICKETS_MAX) {
		t->next = svc->tickets;
		svc->tickets = t;
		svc->tickets_count++;
		t = NULL;
		rc = 0;
	}
	pthread_mutex_unlock(&svc->lock);
	free(t);
	return rc;
}

json_t *ticket_redeem(struct svc *svc, const char *ticket)
{
	char hash[SHA256_HEX_LEN], expires[CLOCK_TEXT_LEN];
	struct ticket **at, *t = NULL;
	json_t *json;

	crypt_sha256_text(ticket, hash);
	pthread_mutex_lock(&svc->lock);
	drop(svc, false);
	for (at = &svc->tickets; *at && strcmp((*at)->hash, hash); at = &(*at)->next)
		;
	if (*at) {
		t = *at;
		*at = t->next;
		svc->tickets_count--;
	}
	pthread_mutex_unlock(&svc->lock);
	if (!t)
		return NULL;
	clock_format(t->session_expires, expires);
	json = json_pack("{s s, s s, s b, s s, s s, s s}", "vm", t->vm, "kind", "serial",
			 "read_only", t->read_only, "user", t->user, "session_expires", expires,
			 "credential", t->credential);
	free(t);
	return json;
}

bool ticket_credential_alive(struct svc *svc, const char *credential)
{
	struct identity who = {.expires_ms = INT64_MAX};

	for (size_t i = IDENTITY_SESSION; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i]);

		if (strncmp(credential, kinds[i], len) || credential[len] != ':')
			continue;
		who.kind = (enum identity_kind)i;
		snprintf(who.credential, sizeof(who.credential), "%s", credential + len + 1);
	}
	return who.kind && credential_alive(svc->db, &who);
}

void tickets_drop_all(struct svc *svc)
{
	pthread_mutex_lock(&svc->lock);
	drop(svc, true);
	pthread_mutex_unlock(&svc->lock);
}
