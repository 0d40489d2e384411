/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image.h"
#include "task_kinds.h"
#include "volume.h"

struct disk {
	char id[UUID_TEXT_LEN];
	int64_t slot;
	char volume[UUID_TEXT_LEN]; /* "" for an image */
	char image[UUID_TEXT_LEN];
	bool read_only;
	const struct disk_format *format; /* of a volume, once that is known */
};

json_t *disk_json(struct svc *svc, const char *vm, const char *id)
{
	auto_query struct db_query *q = db_query(
		svc->db,
		"SELECT " DISK_JSON " AS \"disk:j\" FROM vm_disk d WHERE vm = ? AND id = ?", "ss",
		vm, id);
	auto_json json_t *row = q && db_next(q) == 1 ? db_row_json(q) : NULL;

	return json_incref(json_object_get(row, "disk"));
}

static void read_row(struct db_query *q, struct disk *disk)
{
	snprintf(disk->id, sizeof(disk->id), "%s", db_text(q, 0));
	disk->slot = db_int(q, 1);
	snprintf(disk->volume, sizeof(disk->volume), "%s", db_text(q, 2));
	snprintf(disk->image, sizeof(disk->image), "%s", db_text(q, 3));
	disk->read_only = db_int(q, 4);
	disk->format = db_text(q, 5)[0] ? disk_format(db_text(q, 5)) : NULL;
}

/* What became of an earlier server of it is of no interest any more. */
static int mend(struct svc *svc, const struct disk *disk, struct problem *p)
{
	return db_run(svc->db,
		      "UPDATE vm_disk SET reason_code = NULL, reason = NULL"
		      " WHERE id = ? AND reason_code IS NOT NULL",
		      "s", disk->id) ?
		       db_problem(p, "disk record") :
		       0;
}

static int plug(struct svc *svc, const struct disk *disk, uint32_t domid, struct problem *p)
{
	struct image image;
	struct ts_error err = {0};
	char path[512];
	struct ts_disk d = {
		.slot = (uint32_t)disk->slot,
		.path = path,
		.format = disk->format ? disk->format->name : NULL,
		.server = svc->config.disk_server,
		.read_only = disk->read_only,
		.cdrom = disk->image[0],
	};

	volume_path(svc, disk->volume, path, sizeof(path));
	if (d.cdrom) {
		if (image_load(svc, disk->image, &image))
			return problem_set(p, 409, "unknown_image", "The image is gone.");
		d.path = image.path;
	}
	return ts_disk_attach(svc->ts, domid, &d, &err) ? ts_problem(&err, p) : mend(svc, disk, p);
}

int disk_attach_all(struct svc *svc, const char *vm, uint32_t domid, struct problem *p)
{
	struct disk disks[TS_DISKS_MAX];
	struct db_query *q = db_query(svc->db,
				      "SELECT d.id, slot, volume, image, read_only, v.format"
				      " FROM vm_disk d LEFT JOIN volume v ON v.id = d.volume"
				      " WHERE vm = ? ORDER BY slot LIMIT 16",
				      "s", vm);
	size_t n = 0;
	int rc;

	while ((rc = q ? db_next(q) : -EIO) == 1 && n < TS_DISKS_MAX)
		read_row(q, &disks[n++]);
	db_end(q);
	rc = rc < 0 ? db_problem(p, "disks") : 0;
	for (size_t i = 0; i < n && !rc; i++)
		rc = plug(svc, &disks[i], domid, p);
	return rc;
}

/* What is to become a disk: a volume not in use, or a CD image. */
static int check_source(struct svc *svc, struct disk *disk, struct problem *p)
{
	struct volume volume;
	struct image image;
	int rc;

	if (disk->volume[0]) {
		if (volume_require(svc, disk->volume, &volume, p))
			return problem_invalid(p, "volume", "unknown_volume",
					       "There is no volume with this id.");
		if (volume_check_ready(&volume, p))
			return -ECANCELED;
		disk->format = volume.format;
		/* One writer, or any number of readers. */
		if (db_value(svc->db, 1,
			     "SELECT count(*) FROM vm_disk WHERE volume = ?1 AND (?2 = 0 OR"
			     " read_only = 0)",
			     "si", disk->volume, (int64_t)disk->read_only))
			return problem_set(p, 409, "in_use",
					   "The volume is another disk already; only when all"
					   " are read-only can it be more than one.");
		return 0;
	}
	rc = image_load(svc, disk->image, &image);
	if (rc == -ENOENT)
		return problem_invalid(p, "image", "unknown_image",
				       "There is no image with this id.");
	if (rc)
		return db_problem(p, "image_load");
	if (strcmp(image.kind, "iso"))
		return problem_invalid(p, "image", "wrong_kind",
				       "This image is of kind %s, not iso.", image.kind);
	return 0;
}

/* The slot asked for, or the first that is free. */
static int choose_slot(struct svc *svc, const char *vm, const char *target, struct disk *disk,
		       struct problem *p)
{
	for (disk->slot = target ? target[3] - 'a' : 0; disk->slot < TS_DISKS_MAX; disk->slot++) {
		if (!db_value(svc->db, 0, "SELECT 1 FROM vm_disk WHERE vm = ? AND slot = ?", "si",
			      vm, disk->slot))
			return 0;
		if (target)
			return problem_set(p, 409, "target_taken",
					   "The machine has a disk %s already.", target);
	}
	return problem_set(p, 409, "too_many_disks", "A machine has at most %d disks.",
			   TS_DISKS_MAX);
}

static int from_spec(const json_t *spec, struct disk *disk, struct problem *p)
{
	const char *volume = json_string_value(json_object_get(spec, "volume"));
	const char *image = json_string_value(json_object_get(spec, "image"));

	if (!volume == !image)
		return problem_invalid(p, "volume", "one_source",
				       "A disk is either a volume or an image.");
	crypt_uuid(disk->id);
	snprintf(disk->volume, sizeof(disk->volume), "%s", volume ? volume : "");
	snprintf(disk->image, sizeof(disk->image), "%s", image ? image : "");
	disk->read_only = image || json_is_true(json_object_get(spec, "read_only"));
	return 0;
}

static const char *target_of(const json_t *spec)
{
	return json_string_value(json_object_get(spec, "target"));
}

/* Within a transaction. */
static int insert(struct svc *svc, const char *vm, struct disk *disk, const char *target,
		  struct problem *p)
{
	if (check_source(svc, disk, p) || choose_slot(svc, vm, target, disk, p))
		return -ECANCELED;
	if (db_run(svc->db,
		   "INSERT INTO vm_disk (id, vm, slot, volume, image, read_only)"
		   " VALUES (?, ?, ?, ?, ?, ?)",
		   "ssissi", disk->id, vm, disk->slot, disk->volume[0] ? disk->volume : NULL,
		   disk->image[0] ? disk->image : NULL, (int64_t)disk->read_only))
		return db_problem(p, "disk insert");
	return 0;
}

int disks_insert(struct svc *svc, const char *vm, const json_t *specs, struct problem *p)
{
	size_t i;
	json_t *spec;

	json_array_foreach(specs, i, spec) {
		struct disk disk = {0};

		if (from_spec(spec, &disk, p) || insert(svc, vm, &disk, target_of(spec), p)) {
			problem_prefix(p, "disks", i);
			return -ECANCELED;
		}
	}
	return 0;
}

/* Take the record away. */
static int forget(struct svc *svc, const char *vm, const char *id, struct problem *p)
{
	if (db_begin_always(svc->db))
		return db_problem(p, "disk delete");
	if (db_run(svc->db, "DELETE FROM vm_disk WHERE vm = ? AND id = ?", "ss", vm, id) ||
	    vm_touch(svc, vm, "vm.updated")) {
		db_rollback(svc->db);
		return db_problem(p, "disk delete");
	}
	return svc_commit(svc) ? db_problem(p, "disk delete") : 0;
}

/* The domain of a machine whose claim is held: TS_DOMID_NONE when there is none. */
static int find_domain(struct svc *svc, const char *vm, uint32_t *domid, struct problem *p)
{
	struct ts_domain_info info;
	struct ts_error err = {0};

	if (!vm_find_domain(svc, vm, &info, &err)) {
		*domid = info.domid;
		return 0;
	}
	*domid = TS_DOMID_NONE;
	return err.code == TS_ENODOM ? 0 : ts_problem(&err, p);
}

/* Record first: a volume that a guest may write to is never without its record. */
static int attach(struct svc *svc, const char *vm, struct disk *disk, const char *target,
		  struct problem *p)
{
	auto_problem struct problem ignored = {0};
	uint32_t domid;
	struct vm loaded;
	int rc;

	if (vm_require(svc, vm, &loaded, p) || find_domain(svc, vm, &domid, p))
		return -ECANCELED;
	if (db_begin(svc->db))
		return db_problem(p, "disk_attach");
	rc = insert(svc, vm, disk, target, p);
	if (!rc && vm_touch(svc, vm, "vm.updated"))
		rc = db_problem(p, "disk_attach");
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	if (svc_commit(svc))
		return db_problem(p, "disk_attach");
	rc = domid == TS_DOMID_NONE ? 0 : plug(svc, disk, domid, p);
	if (rc && forget(svc, vm, disk->id, &ignored))
		return problem_internal(p, "a disk that did not come stays recorded");
	return rc;
}

int disk_attach(struct svc *svc, const char *vm, const json_t *spec, char id[UUID_TEXT_LEN],
		struct problem *p)
{
	struct disk disk = {0};
	int rc;

	if (from_spec(spec, &disk, p))
		return -ECANCELED;
	if (!svc_claim(svc, vm))
		return problem_stopping(p);
	rc = attach(svc, vm, &disk, target_of(spec), p);
	svc_release(svc, vm);
	memcpy(id, disk.id, UUID_TEXT_LEN);
	return rc;
}

static int detach(struct svc *svc, const char *vm, const char *id, bool force, struct problem *p)
{
	int64_t slot = db_value(svc->db, -1, "SELECT slot FROM vm_disk WHERE vm = ? AND id = ?",
				"ss", vm, id);
	struct ts_error err = {0};
	uint32_t domid;

	if (slot < 0)
		return problem_set(p, 404, "not_found", "The machine has no disk with this id.");
	if (find_domain(svc, vm, &domid, p))
		return -ECANCELED;
	if (domid != TS_DOMID_NONE && ts_disk_detach(svc->ts, domid, (uint32_t)slot, force, &err)) {
		if (err.code != TS_ETIMEDOUT)
			return ts_problem(&err, p);
		return problem_set(p, 409, "guest_ignored",
				   "The guest does not give the disk back: it may be mounted."
				   " With force it is taken away.");
	}
	return forget(svc, vm, id, p);
}

int disk_detach(struct svc *svc, const char *vm, const char *id, bool force, struct problem *p)
{
	int rc;

	if (!svc_claim(svc, vm))
		return problem_stopping(p);
	rc = detach(svc, vm, id, force, p);
	svc_release(svc, vm);
	return rc;
}

static int resized(struct svc *svc, const char *vm, uint32_t slot, struct problem *p)
{
	struct ts_error err = {0};
	uint32_t domid;
	int rc;

	if (!svc_claim(svc, vm))
		return problem_stopping(p);
	rc = find_domain(svc, vm, &domid, p);
	if (!rc && domid != TS_DOMID_NONE && ts_disk_resize(svc->ts, domid, slot, &err) &&
	    err.code != TS_ENODOM)
		rc = ts_problem(&err, p);
	svc_release(svc, vm);
	return rc;
}

int disks_resized(struct svc *svc, const char *volume, struct problem *p)
{
	auto_json json_t *users = json_array();
	struct db_query *q =
		db_query(svc->db, "SELECT vm, slot FROM vm_disk WHERE volume = ?", "s", volume);
	json_t *user;
	size_t i;
	int rc = 0;

	if (!q)
		return db_problem(p, "disks_resized");
	while (db_next(q) == 1)
		json_array_append_new(users, json_pack("{ss sI}", "vm", db_text(q, 0), "slot",
						       (json_int_t)db_int(q, 1)));
	db_end(q);
	json_array_foreach(users, i, user) {
		const char *vm = json_string_value(json_object_get(user, "vm"));

		if (resized(svc, vm, (uint32_t)json_integer_value(json_object_get(user, "slot")),
			    p))
			rc = -ECANCELED;
	}
	return rc;
}
