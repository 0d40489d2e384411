/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include "../util/clock.h"
#include "../util/crypt.h"

#define AUDIT_KEEP 100000 /* records */

int audit_write(struct db *db, const struct audit_record *r)
{
	char id[UUID_TEXT_LEN], now[CLOCK_TEXT_LEN];
	static unsigned int writes;
	int rc;

	crypt_uuid(id);
	clock_now(now);
	rc = db_run(
		db,
		"INSERT INTO audit (id, time, user, address, action, target, result, request_id)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		"ssssssis", id, now, r->user, r->address, r->action, r->target, (int64_t)r->result,
		r->request_id);
	if (!rc && __atomic_add_fetch(&writes, 1, __ATOMIC_RELAXED) % 1000 == 0)
		rc = db_run(db,
			    "DELETE FROM audit WHERE time < (SELECT time FROM audit"
			    " ORDER BY time DESC LIMIT 1 OFFSET ?)",
			    "i", (int64_t)AUDIT_KEEP);
	return rc;
}
