/* SPDX-License-Identifier: Apache-2.0 */
#include "volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "../util/log.h"
#include "disk.h"
#include "disk_image.h"
#include "event.h"
#include "image.h"
#include "task.h"

#define SPARE_BYTES (64ull << 20) /* of the data disk, for everything else */
#define EMPTY_BYTES (1ull << 20)  /* at most, for a volume that nothing was written to */

void volume_path(struct svc *svc, const char *id, char *out, size_t size)
{
	snprintf(out, size, "%s/volumes/%s", svc->config.data, id);
}

int volume_require(struct svc *svc, const char *id, struct volume *out, struct problem *p)
{
	auto_query struct db_query *q = db_query(
		svc->db, "SELECT id, name, size, revision, state, format FROM volume WHERE id = ?",
		"s", id);
	int rc = q ? db_next(q) : -EIO;

	if (rc == 0)
		return problem_set(p, 404, "not_found", "There is no volume with this id.");
	if (rc != 1)
		return db_problem(p, "volume_require");
	snprintf(out->id, sizeof(out->id), "%s", db_text(q, 0));
	snprintf(out->name, sizeof(out->name), "%s", db_text(q, 1));
	out->size = (uint64_t)db_int(q, 2);
	out->revision = db_int(q, 3);
	out->ready = !strcmp(db_text(q, 4), "ready");
	out->creating = !strcmp(db_text(q, 4), "creating");
	out->format = disk_format(db_text(q, 5));
	return out->format ? 0 : problem_internal(p, "a volume of unknown format");
}

bool volume_is_live(struct svc *svc, const char *id)
{
	return db_value(svc->db, 1,
			"SELECT count(*) FROM vm_disk d JOIN vm v ON v.id = d.vm"
			" WHERE d.volume = ? AND v.state NOT IN ('stopped', 'crashed')",
			"s", id);
}

int volume_check_ready(const struct volume *volume, struct problem *p)
{
	if (volume->ready)
		return 0;
	return problem_set(p, 409, "not_ready",
			   volume->creating ?
				   "The volume is still being made." :
				   "The volume could not be made; it can only be deleted.");
}

void volume_json_finish(struct svc *svc, json_t *volume)
{
	const char *id = json_string_value(json_object_get(volume, "id"));
	struct stat st = {0};
	char path[512];

	volume_path(svc, id ? id : "", path, sizeof(path));
	if (stat(path, &st) || !S_ISREG(st.st_mode))
		st.st_blocks = 0;
	json_object_set_new(volume, "allocated", json_integer(st.st_blocks * 512));
}

json_t *volume_json(struct svc *svc, const char *id)
{
	auto_query struct db_query *q = db_query(svc->db, VOLUME_SELECT " WHERE id = ?", "s", id);
	json_t *json = q && db_next(q) == 1 ? db_row_json(q) : NULL;

	if (json)
		volume_json_finish(svc, json);
	return json;
}

int storage_room(struct svc *svc, uint64_t *total, uint64_t *available)
{
	struct statvfs fs;
	uint64_t left;

	if (statvfs(svc->config.data, &fs))
		return -errno;
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	*total = (uint64_t)fs.f_blocks * fs.f_frsize;
	*available = left > SPARE_BYTES ? left - SPARE_BYTES : 0;
	return 0;
}

static int check_room(struct svc *svc, uint64_t needed, struct problem *p)
{
	uint64_t total = 0, available = 0;

	if (storage_room(svc, &total, &available))
		return problem_internal(p, "statvfs");
	if (needed <= available)
		return 0;
	problem_set(p, 507, "insufficient_storage",
		    "The volume needs %" PRIu64 " bytes, but the data disk has %" PRIu64
		    " bytes to spare.",
		    needed, available);
	problem_extra(p, "needed", json_integer((json_int_t)needed));
	problem_extra(p, "free", json_integer((json_int_t)available));
	return -ECANCELED;
}

static int name_taken(struct problem *p)
{
	problem_set(p, 409, "name_taken", "There is a volume of this name already.");
	problem_field(p, "name", "taken", "is the name of another volume");
	return -ECANCELED;
}

int volume_blank(struct svc *svc, const struct volume *volume)
{
	auto_fd int fd = -1;
	char path[512];
	int rc;

	volume_path(svc, volume->id, path, sizeof(path));
	/* The server of an earlier try may still write: then to the file that was. */
	if (!volume->format->reserves)
		unlink(path);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	rc = fd < 0 ? -errno : volume->format->create(fd, volume->size);
	return rc || !fsync(fd) ? rc : -errno;
}

/* The size of the disk that an image holds, bytes; -1 when it can't be read. */
static int64_t disk_size(struct svc *svc, const char *path)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct disk_image_job job = {.what = DISK_IMAGE_SIZE, .from = fd, .to = -1};
	struct disk_image disk;

	return fd < 0 || disk_image_read(svc, &job, &disk) ? -1 : (int64_t)disk.size;
}

/* The image a volume is to be a copy of. */
static int find_image(struct svc *svc, const char *id, uint64_t size, struct image *image,
		      struct problem *p)
{
	int rc = image_load(svc, id, image);
	int64_t needed;

	if (rc == -ENOENT)
		return problem_invalid(p, "image", "unknown_image",
				       "There is no image with this id.");
	if (rc)
		return db_problem(p, "image of a volume");
	if (strcmp(image->kind, "disk") && strcmp(image->kind, "iso"))
		return problem_invalid(p, "image", "wrong_kind",
				       "This image is of kind %s, not disk.", image->kind);
	needed = disk_size(svc, image->path);
	if (needed < 0)
		return problem_set(p, 409, "invalid_disk", "The image can't be read.");
	if ((uint64_t)needed > size)
		return problem_invalid(p, "size", "too_small",
				       "The image needs a volume of at least %lld bytes.",
				       (long long)needed);
	return 0;
}

/* The record, and with @image the task that is to fill the volume. Within a transaction. */
static int insert(struct svc *svc, const struct volume *volume, const char *image,
		  const struct task_request *request, char task[UUID_TEXT_LEN], struct problem *p)
{
	auto_json json_t *json = NULL;
	char now[CLOCK_TEXT_LEN];
	int rc;

	clock_now(now);
	if (image && task_insert(svc, request, task))
		return db_problem(p, "volume task");
	rc = db_run(svc->db,
		    "INSERT INTO volume (id, name, size, format, state, task_id, created_at)"
		    " VALUES (?, ?, ?, ?, ?, ?, ?)",
		    "ssissss", volume->id, volume->name, (int64_t)volume->size,
		    volume->format->name, image ? "creating" : "ready", image ? task : NULL, now);
	if (rc == -EEXIST)
		return name_taken(p);
	json = rc ? NULL : volume_json(svc, volume->id);
	if (!json || event_add(svc, "volume.created", NULL, json))
		return db_problem(p, "volume record");
	return 0;
}

static int record(struct svc *svc, const struct volume *volume, const char *image,
		  const char *actor, const char *request_id, struct problem *p)
{
	auto_json json_t *params = json_pack("{ss?}", "image", image);
	const struct task_request request = {
		.kind = "volume.create",
		.target_type = "volume",
		.target = volume->id,
		.actor = actor,
		.request_id = request_id,
		.params = params,
	};
	char task[UUID_TEXT_LEN];

	if (db_begin(svc->db))
		return db_problem(p, "volume record");
	if (insert(svc, volume, image, &request, task, p)) {
		db_rollback(svc->db);
		return -ECANCELED;
	}
	if (svc_commit(svc))
		return db_problem(p, "volume record");
	if (image)
		task_enqueue(svc, task);
	return 0;
}

int volume_create(struct svc *svc, const json_t *spec, const char *actor, const char *request_id,
		  char id[UUID_TEXT_LEN], struct problem *p)
{
	struct volume volume = {
		.size = (uint64_t)json_integer_value(json_object_get(spec, "size")),
		.format = disk_format(json_string_value(json_object_get(spec, "format"))),
	};
	const char *from = json_string_value(json_object_get(spec, "image"));
	struct image image;
	char path[512];
	int rc;

	snprintf(volume.name, sizeof(volume.name), "%s",
		 json_string_value(json_object_get(spec, "name")));
	if (!volume.format)
		return problem_invalid(p, "format", "unsupported_format",
				       "There is no such format.");
	if (from && find_image(svc, from, volume.size, &image, p))
		return -ECANCELED;
	if (db_value(svc->db, 0, "SELECT 1 FROM volume WHERE name = ?", "s", volume.name))
		return name_taken(p);
	if (check_room(svc, volume.format->reserves ? volume.size : EMPTY_BYTES, p))
		return -ECANCELED;
	crypt_uuid(volume.id);
	rc = volume_blank(svc, &volume);
	if (rc) /* someone else may have been faster */
		rc = problem_failed(p, rc, "a volume's file can't be made");
	else
		rc = record(svc, &volume, from, actor, request_id, p);
	volume_path(svc, volume.id, path, sizeof(path));
	if (rc)
		unlink(path);
	else
		memcpy(id, volume.id, UUID_TEXT_LEN);
	return rc;
}

static int resize(struct svc *svc, const struct volume *volume, uint64_t size)
{
	auto_fd int fd = -1;
	char path[512];
	int rc;

	volume_path(svc, volume->id, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	rc = fd < 0 ? -errno : volume->format->resize(fd, size);
	return rc || !fsync(fd) ? rc : -errno;
}

/* What was taken of the disk, or recorded nowhere, is given back. */
static void shrink_back(struct svc *svc, const struct volume *volume)
{
	if (resize(svc, volume, volume->size))
		log_line("volume %s: its file is larger than is recorded", volume->id);
}

static int in_use_as_it_is(const struct volume *volume, struct problem *p)
{
	return problem_set(
		p, 409, "in_use",
		"A volume of format %s can only be made larger while no machine that has it"
		" runs.",
		volume->format->name);
}

static int grow(struct svc *svc, const struct volume *volume, uint64_t size, struct problem *p)
{
	int rc;

	if (size < volume->size)
		return problem_invalid(p, "size", "too_small", "A volume can't be made smaller.");
	if (size == volume->size)
		return 0;
	if (volume_check_ready(volume, p))
		return -ECANCELED;
	if (!volume->format->grows_live && volume_is_live(svc, volume->id))
		return in_use_as_it_is(volume, p);
	if (volume->format->reserves && check_room(svc, size - volume->size, p))
		return -ECANCELED;
	rc = resize(svc, volume, size);
	if (rc == -EBUSY)
		return in_use_as_it_is(volume, p);
	if (!rc)
		return 0;
	shrink_back(svc, volume);
	return problem_failed(p, rc, "a volume can't be resized");
}

/* Is what is to be changed still as it was loaded, and may it be called so? */
static int check_update(struct svc *svc, const struct volume *volume, const char *name,
			struct problem *p)
{
	struct volume now;

	if (volume_require(svc, volume->id, &now, p))
		return -ECANCELED;
	if (now.revision != volume->revision)
		return problem_changed(p);
	if (name && db_value(svc->db, 0, "SELECT 1 FROM volume WHERE name = ? AND id <> ?", "ss",
			     name, volume->id))
		return name_taken(p);
	return 0;
}

static int record_update(struct svc *svc, const struct volume *volume, const char *name,
			 uint64_t size, struct problem *p)
{
	auto_json json_t *json = NULL;
	int rc;

	if (db_begin(svc->db))
		return db_problem(p, "volume_update");
	rc = check_update(svc, volume, name, p);
	if (!rc && db_run(svc->db,
			  "UPDATE volume SET name = coalesce(?, name), size = ?,"
			  " revision = revision + 1 WHERE id = ?",
			  "sis", name, (int64_t)size, volume->id))
		rc = db_problem(p, "volume_update");
	json = rc ? NULL : volume_json(svc, volume->id);
	if (!rc && (!json || event_add(svc, "volume.updated", NULL, json)))
		rc = db_problem(p, "volume_update");
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	return svc_commit(svc) ? db_problem(p, "volume_update") : 0;
}

/* To make a file larger may take long: the claim keeps others from this one, and nobody from the database. */
int volume_update(struct svc *svc, const struct volume *volume, const json_t *patch,
		  struct problem *p)
{
	const json_t *given = json_object_get(patch, "size");
	const char *name = json_string_value(json_object_get(patch, "name"));
	uint64_t size = given ? (uint64_t)json_integer_value(given) : volume->size;
	int rc;

	if (!svc_claim(svc, volume->id))
		return problem_stopping(p);
	rc = check_update(svc, volume, name, p);
	if (!rc)
		rc = grow(svc, volume, size, p);
	if (!rc) {
		rc = record_update(svc, volume, name, size, p);
		if (rc && size != volume->size)
			shrink_back(svc, volume);
	}
	svc_unclaim(svc, volume->id);
	if (rc)
		return rc;
	return given && volume->format->grows_live ? disks_resized(svc, volume->id, p) : 0;
}

int volume_delete(struct svc *svc, const struct volume *volume, struct problem *p)
{
	auto_json json_t *last = NULL;
	char path[512];
	int64_t users;
	int rc = 0;

	if (db_begin_always(svc->db))
		return db_problem(p, "volume_delete");
	users = db_value(svc->db, -1, "SELECT count(*) FROM vm_disk WHERE volume = ?", "s",
			 volume->id);
	last = volume_json(svc, volume->id);
	if (users > 0)
		rc = problem_set(p, 409, "in_use", "%lld virtual machine%s this volume.",
				 (long long)users, users > 1 ? "s have" : " has");
	else if (db_value(svc->db, 0, "SELECT 1 FROM volume WHERE id = ? AND task_id IS NOT NULL",
			  "s", volume->id))
		rc = problem_set(p, 409, "not_ready",
				 "The volume is still being made; cancel its task first.");
	else if (users < 0 || !last ||
		 db_run(svc->db, "DELETE FROM volume WHERE id = ? AND revision = ?", "si",
			volume->id, volume->revision))
		rc = db_problem(p, "volume_delete");
	else if (!db_changes(svc->db))
		rc = problem_changed(p);
	else if (event_add(svc, "volume.deleted", NULL, last))
		rc = db_problem(p, "volume_delete");
	if (rc) {
		db_rollback(svc->db);
		return rc;
	}
	if (svc_commit(svc))
		return db_problem(p, "volume_delete");
	volume_path(svc, volume->id, path, sizeof(path));
	unlink(path);
	return 0;
}

/*
 * A database in which nothing was ever done knows of no volume: the one that did was lost, or put away
 * for it could not be read. Volumes do not go with it.
 */
static int set_aside(struct svc *svc, const char *path)
{
	char aside[1088];

	if (db_value(svc->db, 1, "SELECT count(*) FROM event", "") || !rmdir(path) ||
	    errno == ENOENT)
		return 0;
	snprintf(aside, sizeof(aside), "%s.lost", path);
	if (errno != ENOTEMPTY || rename(path, aside))
		return -errno;
	log_line("the database is new: volumes that were there are set aside in %s", aside);
	return 0;
}

/*
 * A file was made larger, and who did that was killed before it was recorded: the disk is what its file
 * is, and to cut it off could lose what a guest has written there since.
 */
static void settle_size(struct svc *svc, const char *id)
{
	auto_problem struct problem p = {0};
	struct volume volume;
	char path[512];
	struct stat st;

	volume_path(svc, id, path, sizeof(path));
	if (volume_require(svc, id, &volume, &p) || !volume.format->reserves || stat(path, &st) ||
	    (uint64_t)st.st_size <= volume.size)
		return;
	log_line("volume %s: it was made larger and that was not recorded", id);
	if (record_update(svc, &volume, NULL, (uint64_t)st.st_size, &p))
		log_line("volume %s: its size can't be recorded", id);
}

int volumes_prepare(struct svc *svc)
{
	char path[1024];
	struct dirent *entry;
	int64_t known;
	DIR *dir;
	int rc;

	snprintf(path, sizeof(path), "%s/volumes", svc->config.data);
	rc = set_aside(svc, path);
	if (rc)
		return rc;
	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		known = db_value(svc->db, -1,
				 "SELECT count(*) FROM volume WHERE id = ? AND state <> 'failed'",
				 "s", entry->d_name);
		volume_path(svc, entry->d_name, path, sizeof(path));
		if (known > 0)
			settle_size(svc, entry->d_name);
		else if (!known) /* else the record can't be read, which is not that there is none */
			unlink(path);
	}
	if (dir)
		closedir(dir);
	return 0;
}
