/* SPDX-License-Identifier: Apache-2.0 */
#include "event.h"

#include <errno.h>

int event_add(struct svc *svc, const char *type, const char *vm, json_t *resource)
{
	auto_free char *text = json_dumps(resource, JSON_COMPACT);
	char now[CLOCK_TEXT_LEN];
	int64_t newest;
	int rc;

	if (!text)
		return -ENOMEM;
	clock_now(now);
	rc = db_run(svc->db, "INSERT INTO event (type, time, vm, resource) VALUES (?, ?, ?, ?)",
		    "ssss", type, now, vm, text);
	if (rc)
		return rc;
	newest = event_newest(svc);
	if (newest % 500 == 0)
		rc = db_run(svc->db, "DELETE FROM event WHERE id <= ?", "i", newest - EVENTS_KEPT);
	return rc;
}

int64_t event_newest(struct svc *svc)
{
	return db_value(svc->db, 0, "SELECT max(id) FROM event", "");
}

int64_t event_oldest(struct svc *svc)
{
	return db_value(svc->db, 0, "SELECT min(id) FROM event", "");
}
