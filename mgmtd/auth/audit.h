/* SPDX-License-Identifier: Apache-2.0 */
/* The audit trail: who asked for which change, from where, and with what result. */
#ifndef MGMTD_AUTH_AUDIT_H
#define MGMTD_AUTH_AUDIT_H

#include "../store/db.h"

#define AUDIT_SELECT                                                              \
	"SELECT id, time, user, address, action, target, result AS \"result:i\"," \
	" request_id FROM audit"

struct audit_record {
	const char *user;
	const char *address;
	const char *action;
	const char *target; /* or NULL */
	int result;         /* HTTP status, or 0 */
	const char *request_id;
};

must_check int audit_write(struct db *db, const struct audit_record *record);

#endif
