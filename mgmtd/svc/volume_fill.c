/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes that begin as copies of images: slow, so each is made by a task. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "../util/log.h"
#include "disk_image.h"
#include "event.h"
#include "image.h"
#include "task_kinds.h"
#include "volume.h"

#define COPIED_PERCENT 95 /* when all is copied; the rest is the disk's */

struct filling {
	struct svc *svc;
	struct task_run *run;
};

static bool go_on(void *opaque, uint64_t done, uint64_t size)
{
	struct filling *f = opaque;
	/* The reader may say anything. */
	uint64_t percent = done < size ? done * COPIED_PERCENT / size : COPIED_PERCENT;

	if (size)
		task_progress(f->svc, f->run, (unsigned int)percent, "copying the image");
	return !task_cancelled(f->svc, f->run);
}

static int cancelled(struct problem *p)
{
	return problem_set(p, 409, "cancelled", "It was cancelled.");
}

/* A format that does not reserve its room may find that there is none. */
static int unwritten(struct svc *svc, struct problem *p)
{
	uint64_t total, available;
	bool full = !storage_room(svc, &total, &available) && !available;

	return problem_failed(p, full ? -ENOSPC : -EIO, "a volume can't be written");
}

/* What the reader came back with, in words. */
static int explain(struct svc *svc, int rc, const struct disk_image *disk, struct problem *p)
{
	if (rc == -ECANCELED)
		return cancelled(p);
	if (rc == -EINVAL)
		return problem_set(p, 409, "invalid_disk", "The image can't be read. %s",
				   disk->why);
	return unwritten(svc, p);
}

static int copy(struct svc *svc, struct task_run *run, const struct image *image, int to,
		struct problem *p)
{
	auto_fd int from = open(image->path, O_RDONLY | O_CLOEXEC);
	struct filling filling = {svc, run};
	const struct disk_image_job job = {DISK_IMAGE_UNPACK, from, to, go_on, &filling};
	struct disk_image disk;
	int rc;

	if (from < 0)
		return problem_internal(p, "an image can't be opened");
	rc = disk_image_read(svc, &job, &disk);
	if (rc)
		return explain(svc, rc, &disk, p);
	task_progress(svc, run, COPIED_PERCENT, "writing to the disk");
	return fsync(to) ? unwritten(svc, p) : 0;
}

static int fill(struct svc *svc, struct task_run *run, const struct volume *volume,
		const struct image *image, struct problem *p)
{
	char path[512];
	struct disk_opening o = {
		.path = path,
		.server = svc->config.disk_server,
		.domid = DISK_NOBODY,
	};
	auto_fd int to = -1;

	volume_path(svc, volume->id, path, sizeof(path));
	to = volume->format->fill(&o);
	if (to >= 0)
		return copy(svc, run, image, to, p);
	log_line("volume %s: %s", volume->id, o.why);
	return problem_internal(p, "a volume can't be opened");
}

int volume_task_create(struct svc *svc, struct task_run *run, struct problem *p)
{
	const char *from = json_string_value(json_object_get(run->params, "image"));
	struct volume volume;
	struct image image;
	int rc;

	if (volume_require(svc, run->target, &volume, p))
		return -ECANCELED;
	if (!from || image_load(svc, from, &image))
		return problem_set(p, 409, "unknown_image", "The image is gone.");
	rc = volume_blank(svc, &volume);
	return rc ? problem_failed(p, rc, "a volume's file can't be made") :
		    fill(svc, run, &volume, &image, p);
}

int volume_abandon_create(struct svc *svc, struct task_run *run, const struct problem *p)
{
	char path[512];

	(void)p;
	volume_path(svc, run->target, path, sizeof(path));
	unlink(path);
	return 0;
}

int volume_made(struct svc *svc, const char *task, const struct problem *p)
{
	auto_json json_t *json = NULL;
	char id[UUID_TEXT_LEN] = "";
	struct db_query *q =
		db_query(svc->db, "SELECT id FROM volume WHERE task_id = ?", "s", task);

	if (q && db_next(q) == 1)
		snprintf(id, sizeof(id), "%s", db_text(q, 0));
	db_end(q);
	if (!q || !id[0])
		return q ? 0 : -EIO;
	if (db_run(svc->db,
		   "UPDATE volume SET task_id = NULL, revision = revision + 1, state = ?,"
		   " reason_code = ?, reason = ? WHERE id = ?",
		   "ssss", p ? "failed" : "ready", p ? p->code : NULL, p ? p->detail : NULL, id))
		return -EIO;
	json = volume_json(svc, id);
	return json ? event_add(svc, "volume.updated", NULL, json) : -EIO;
}
