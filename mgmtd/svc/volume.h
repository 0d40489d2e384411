/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes: files on the data disk, of the formats of disk/format.h, that virtual machines have as
 * their disks. One that begins as a copy of an image is "creating" while a task copies, then "ready", or else "failed", and without
 * a file.
 */
#ifndef MGMTD_SVC_VOLUME_H
#define MGMTD_SVC_VOLUME_H

#include "../disk/format.h"
#include "svc.h"

#define VOLUME_SELECT                                                                                \
	"SELECT id, name, size AS \"size:i\", format,"                                               \
	" (SELECT json_group_array(d.vm) FROM vm_disk d WHERE d.volume = volume.id)"                 \
	" AS \"vms:j\", state,"                                                                      \
	" CASE WHEN reason_code IS NOT NULL THEN json_object('code', reason_code, 'detail', reason)" \
	" END AS \"reason:j\", task_id, created_at FROM volume"

struct volume {
	char id[UUID_TEXT_LEN];
	char name[64];
	const struct disk_format *format;
	uint64_t size; /* bytes, of the disk */
	bool ready;    /* else it is being made, or that has failed */
	bool creating;
	int64_t revision;
};

/** Where the volume @id lies. */
void volume_path(struct svc *svc, const char *id, char *out, size_t size);
/** Load it, or fill in the problem. */
must_check int volume_require(struct svc *svc, const char *id, struct volume *out,
			      struct problem *p);
/** Add to a row of VOLUME_SELECT what the table doesn't hold. */
void volume_json_finish(struct svc *svc, json_t *volume);
/** The resource as the API shows it, or NULL. */
json_t *volume_json(struct svc *svc, const char *id);

/**
 * Make one as @spec (a checked VolumeCreate) says: empty, or a copy of an image, for which a task
 * sees to its content. In a format that reserves it, its room on the data disk is taken at once, so
 * that it never runs out later.
 */
must_check int volume_create(struct svc *svc, const json_t *spec, const char *actor,
			     const char *request_id, char id[UUID_TEXT_LEN], struct problem *p);
/** Fill in a problem unless @volume is ready. Return: 0 or -ECANCELED. */
must_check int volume_check_ready(const struct volume *volume, struct problem *p);
/** Is it a disk of a machine that runs, is about to, or may still? */
bool volume_is_live(struct svc *svc, const char *id);
/** Make, or make again, the file of a volume: nothing but zeros. Return: 0 or -errno. */
must_check int volume_blank(struct svc *svc, const struct volume *volume);
/** If @task was making a volume: it is ready, or with @p has failed. Within a transaction. */
must_check int volume_made(struct svc *svc, const char *task, const struct problem *p);
/** Apply the merge patch @patch (a checked VolumePatch) to @volume as it was loaded. */
must_check int volume_update(struct svc *svc, const struct volume *volume, const json_t *patch,
			     struct problem *p);
must_check int volume_delete(struct svc *svc, const struct volume *volume, struct problem *p);

/** Total and free bytes of the data disk; free is what a new volume may take. */
must_check int storage_room(struct svc *svc, uint64_t *total, uint64_t *available);

/** At start-up: remove files that no record names, and settle what a kill left half done. */
must_check int volumes_prepare(struct svc *svc);

#endif
