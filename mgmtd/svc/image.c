/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "event.h"

int image_load(struct svc *svc, const char *id, struct image *out)
{
	auto_query struct db_query *q = db_query(
		svc->db, "SELECT id, name, kind, sha256, path, builtin FROM image WHERE id = ?",
		"s", id);
	int rc = q ? db_next(q) : -EIO;

	if (rc != 1)
		return rc ? rc : -ENOENT;
	snprintf(out->id, sizeof(out->id), "%s", db_text(q, 0));
	snprintf(out->name, sizeof(out->name), "%s", db_text(q, 1));
	snprintf(out->kind, sizeof(out->kind), "%s", db_text(q, 2));
	snprintf(out->sha256, sizeof(out->sha256), "%s", db_text(q, 3));
	snprintf(out->path, sizeof(out->path), "%s", db_text(q, 4));
	out->builtin = db_int(q, 5);
	return 0;
}

json_t *image_json(struct svc *svc, const char *id)
{
	auto_query struct db_query *q = db_query(svc->db, IMAGE_SELECT " WHERE id = ?", "s", id);

	return q && db_next(q) == 1 ? db_row_json(q) : NULL;
}

void image_uncache(struct svc *svc, const char *sha256)
{
	char path[640];

	if (!sha256[0] || db_value(svc->db, 0, "SELECT 1 FROM image WHERE sha256 = ?", "s", sha256))
		return;
	snprintf(path, sizeof(path), "%s/cache/%s", svc->config.data, sha256);
	unlink(path);
}

int image_delete(struct svc *svc, const struct image *image, struct problem *p)
{
	auto_json json_t *last = NULL;
	int64_t users, making;
	int rc = 0;

	if (image->builtin)
		return problem_set(p, 409, "builtin", "This image is part of the appliance.");
	if (db_begin_always(svc->db))
		return db_problem(p, "image_delete");
	users = db_value(svc->db, -1,
			 "SELECT count(*) FROM vm WHERE kernel = ?1 OR initrd = ?1"
			 " OR id IN (SELECT vm FROM vm_disk WHERE image = ?1)",
			 "s", image->id);
	making = db_value(svc->db, -1,
			  "SELECT count(*) FROM task WHERE status IN ('queued', 'running')"
			  " AND kind = 'volume.create' AND params ->> 'image' = ?",
			  "s", image->id);
	last = image_json(svc, image->id);
	if (users > 0)
		rc = problem_set(p, 409, "in_use", "%lld virtual machine%s need%s this image.",
				 (long long)users, users > 1 ? "s" : "", users > 1 ? "" : "s");
	else if (making > 0)
		rc = problem_set(p, 409, "in_use", "A volume is being made of this image.");
	else if (!last)
		rc = problem_set(p, 404, "not_found", "There is no image with this id.");
	else if (users < 0 || making < 0 ||
		 db_run(svc->db, "DELETE FROM image WHERE id = ?", "s", image->id) ||
		 event_add(svc, "image.deleted", NULL, last))
		rc = db_problem(p, "image_delete");
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	if (svc_commit(svc))
		return db_problem(p, "image_delete");
	unlink(image->path);
	image_uncache(svc, image->sha256);
	return 0;
}
