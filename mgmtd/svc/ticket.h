/* SPDX-License-Identifier: Apache-2.0 */
/* Console tickets: good once, for 30 seconds; console-proxy redeems them over tickets.sock. */
#ifndef MGMTD_SVC_TICKET_H
#define MGMTD_SVC_TICKET_H

#include "svc.h"

#define TICKET_LIFE_S 30

/** A ticket for @who to the console of @vm. Return: 0 or -EBUSY when too many are out. */
must_check int ticket_issue(struct svc *svc, const struct identity *who, const char *vm,
			    bool read_only, char out[SECRET_TEXT_LEN]);
/** Take a ticket back. Return: what it is good for, or NULL. */
json_t *ticket_redeem(struct svc *svc, const char *ticket);
/** Is the @credential that a grant names, and the console was opened with, still good? */
bool ticket_credential_alive(struct svc *svc, const char *credential);
/** Forget all that are out. */
void tickets_drop_all(struct svc *svc);
must_check int ticket_server_start(struct svc *svc);
void ticket_server_stop(struct svc *svc);

#endif
