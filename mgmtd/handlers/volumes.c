/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes, the room for them, and the disks that machines make of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "../svc/disk.h"
#include "../svc/volume.h"
#include "handlers.h"

#define SETTLE_MS 500

void handle_storage_get(struct http_request *req)
{
	uint64_t total, available;

	if (storage_room(svc_of(req), &total, &available)) {
		http_fail(req, 503, "unavailable", "The data disk does not answer.");
		return;
	}
	http_reply(req, 200,
		   json_pack("{sI sI}", "total", (json_int_t)total, "free", (json_int_t)available));
}

void handle_volume_list(struct http_request *req)
{
	struct page_query pq = {
		.select = VOLUME_SELECT,
		.sort = "name",
		.filters = {{"name", http_query(req, "name")}},
	};

	reply_list(req, &pq, volume_json_finish);
}

static void reply_volume(struct http_request *req, int status, const char *id)
{
	auto_problem struct problem p = {0};
	struct svc *svc = svc_of(req);
	struct volume volume;
	json_t *json = NULL;
	int rc = db_begin_always(svc->db) ? db_problem(&p, "reply_volume") : 0;

	if (!rc) {
		rc = volume_require(svc, id, &volume, &p);
		json = rc ? NULL : volume_json(svc, id);
		db_rollback(svc->db);
	}
	if (!rc && !json)
		rc = db_problem(&p, "reply_volume");
	if (rc) {
		http_reply_problem(req, &p);
		return;
	}
	http_reply(req, status, json);
	http_set_revision(req, volume.revision);
}

void handle_volume_get(struct http_request *req)
{
	reply_volume(req, 200, req->args[0]);
}

/* A machine that runs writes to its volumes: what is read meanwhile belongs to no moment. */
static bool is_still(struct http_request *req)
{
	return !volume_is_live(svc_of(req), req->args[0]);
}

/* The file, once no server of a machine that has ended writes to it any more; or -errno. */
static int open_still(const char *path, struct stat *st)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : disk_file_lock(fd, true, SETTLE_MS);

	if (!rc && (flock(fd, LOCK_UN) || fstat(fd, st)))
		rc = -errno;
	if (rc)
		return rc;
	rc = fd;
	fd = -1;
	return rc;
}

static void reply_content(struct http_request *req, const struct volume *volume)
{
	char path[512];
	struct stat st;
	int fd;

	volume_path(svc_of(req), volume->id, path, sizeof(path));
	fd = open_still(path, &st);
	if (fd < 0) {
		if (fd == -EBUSY)
			http_fail(req, 409, "in_use",
				  "The volume is being written to; try again in a moment.");
		else
			http_fail(req, 503, "unavailable", "The volume's file can't be read.");
		return;
	}
	http_set_header(req, "ETag", "\"r%lld-%lld.%09ld\"", (long long)volume->revision,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	http_set_header(req, "Content-Disposition", "attachment; filename=\"%s.%s\"", volume->name,
			volume->format->suffix);
	http_reply_content(req, "application/octet-stream", fd, (uint64_t)st.st_size, is_still);
}

void handle_volume_content(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct volume volume;

	if (volume_require(svc_of(req), req->args[0], &volume, &p) ||
	    volume_check_ready(&volume, &p))
		http_reply_problem(req, &p);
	else if (!is_still(req))
		http_fail(req, 409, "in_use",
			  "A machine that runs has this volume; shut it down or detach it first.");
	else
		reply_content(req, &volume);
}

void handle_volume_create(struct http_request *req)
{
	auto_problem struct problem p = {0};
	char id[UUID_TEXT_LEN];

	if (volume_create(svc_of(req), req->json, req->who.user, req->id, id, &p)) {
		http_reply_problem(req, &p);
		return;
	}
	reply_volume(req, 201, id);
	http_set_header(req, "Location", "/api/v1/volumes/%s", id);
}

static bool load(struct http_request *req, struct volume *volume)
{
	auto_problem struct problem p = {0};

	if (volume_require(svc_of(req), req->args[0], volume, &p)) {
		http_reply_problem(req, &p);
		return false;
	}
	return http_if_revision(req, volume->revision);
}

void handle_volume_update(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct volume volume;

	if (!load(req, &volume))
		return;
	if (volume_update(svc_of(req), &volume, req->json, &p))
		http_reply_problem(req, &p);
	else
		reply_volume(req, 200, volume.id);
}

void handle_volume_delete(struct http_request *req)
{
	auto_problem struct problem p = {0};
	struct volume volume;

	if (!load(req, &volume))
		return;
	if (volume_delete(svc_of(req), &volume, &p))
		http_reply_problem(req, &p);
	else
		http_reply(req, 204, NULL);
}

void handle_disk_attach(struct http_request *req)
{
	auto_problem struct problem p = {0};
	char id[UUID_TEXT_LEN];
	json_t *json;

	if (disk_attach(svc_of(req), req->args[0], req->json, id, &p)) {
		http_reply_problem(req, &p);
		return;
	}
	json = disk_json(svc_of(req), req->args[0], id);
	if (!json) {
		http_fail(req, 404, "not_found", "The disk has been taken away already.");
		return;
	}
	http_reply(req, 201, json);
	http_set_header(req, "Location", "/api/v1/vms/%s/disks/%s", req->args[0], id);
}

void handle_disk_detach(struct http_request *req)
{
	const char *force = http_query(req, "force");
	auto_problem struct problem p = {0};

	if (disk_detach(svc_of(req), req->args[0], req->args[1], force && *force == 't', &p))
		http_reply_problem(req, &p);
	else
		http_reply(req, 204, NULL);
}
